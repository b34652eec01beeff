"""Certificates and TLS: always verified, never older than TLS 1.2."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import Cause, Certificate, DeliveryError, Facts, Stage

# OpenSSL's X509_V_ERR_* numbers, which ssl gives in SSLCertVerificationError.verify_code.
_EXPIRED, _NOT_YET_VALID, _SELF_SIGNED, _HOST_NAME, _IP_ADDRESS = 10, 9, 18, 62, 64
_ISSUER_MISSING = frozenset({20, 21})
_UNKNOWN_ISSUER = frozenset({2, 19}) | _ISSUER_MISSING
_WEAK = frozenset({66, 67, 68})
_REFUSED = {
    _EXPIRED: Cause.CERTIFICATE_EXPIRED,
    _NOT_YET_VALID: Cause.CERTIFICATE_NOT_YET_VALID,
    _SELF_SIGNED: Cause.CERTIFICATE_SELF_SIGNED,
    _HOST_NAME: Cause.CERTIFICATE_NAME,
    _IP_ADDRESS: Cause.CERTIFICATE_NAME,
    **dict.fromkeys(_UNKNOWN_ISSUER, Cause.CERTIFICATE_UNTRUSTED),
    **dict.fromkeys(_WEAK, Cause.CERTIFICATE_WEAK),
}
# As the certificates of products that open TLS name their makers.
_IN_BETWEEN = re.compile(
    r"\b(Avast|AVG|Kaspersky|ESET|Bitdefender|Sophos|Fortinet|Zscaler|Netskope|Palo Alto"
    r"|Check Point"
    r"|Cisco|WatchGuard|Barracuda|Blue Coat|McAfee|Forcepoint|Untangle|SonicWall|Norton|Dr\.?Web"
    r"|AdGuard|mitmproxy|Charles Proxy|PortSwigger)",
    re.IGNORECASE,
)
# OpenSSL's reasons, as ssl gives them in SSLError.reason.
_HANDSHAKE = (
    (
        re.compile(
            r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST"
        ),
        Cause.STARTTLS_EXPECTED,
    ),
    (re.compile(r"DH_KEY_TOO_SMALL|BAD_DH_VALUE|MODULUS_TOO_SMALL"), Cause.TLS_KEY_TOO_SHORT),
    (re.compile(r"RENEGOTIATION"), Cause.TLS_RENEGOTIATION),
    (re.compile(r"EE_KEY_TOO_SMALL|CA_KEY_TOO_SMALL|MD_TOO_WEAK"), Cause.CERTIFICATE_WEAK),
    (re.compile(r"CERTIFICATE_REQUIRED"), Cause.CLIENT_CERTIFICATE_WANTED),
    (
        re.compile(r"PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS|WRONG_SSL_VERSION|LEGACY"),
        Cause.TLS_TOO_OLD,
    ),
    (
        re.compile(r"HANDSHAKE_FAILURE|NO_SHARED_CIPHER|NO_SUITABLE|NO_CIPHER"),
        Cause.TLS_NO_COMMON_CIPHER,
    ),
)


def trust(ca_file: str | None) -> ssl.SSLContext:
    """A context that trusts the authorities in ``ca_file``, or the system's.

    Raises:
        DeliveryError: the file cannot be read.
    """
    try:
        return _context(ca_file, _version(ca_file))
    except OSError as error:
        reason = error.strerror or "it holds no certificate in PEM form"
        words = f"The file of trusted certificates, {ca_file}, cannot be used: {reason}."
        raise DeliveryError(Stage.TLS, Cause.CA_FILE_UNUSABLE, words) from error


def _version(ca_file: str | None) -> tuple[int, int]:
    """What changes when the file does, so that a new one is read without a restart."""
    if ca_file is None:
        return 0, 0
    found = Path(ca_file).stat()
    return found.st_mtime_ns, found.st_size


# Reading the system's authorities takes longer than the rest of a session on a fast network.
@lru_cache(maxsize=8)
def _context(ca_file: str | None, _version: tuple[int, int]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def misses_issuer(error: ssl.SSLCertVerificationError) -> bool:
    """Whether the issuer's certificate was neither sent by the server nor is known here."""
    return error.verify_code in _ISSUER_MISSING


def handshake_error(error: ssl.SSLError, facts: Facts) -> DeliveryError:
    """What a failed handshake means, in plain words.

    Args:
        error: from OpenSSL.
        facts: the server, and its certificate, where that is what is wrong.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        words = f"The server's certificate was not accepted: {fault(error, facts)}."
        return DeliveryError(Stage.TLS, _refused(error, facts), words, facts=facts)
    reason = error.reason or error.strerror or "unknown reason"
    words = f"The TLS handshake failed: {reason.replace('_', ' ').lower()}."
    cause = next((cause for sign, cause in _HANDSHAKE if sign.search(reason)), Cause.TLS_FAILED)
    if cause is Cause.STARTTLS_EXPECTED and not facts.tls_at_once:
        cause = Cause.TLS_FAILED
    return DeliveryError(Stage.TLS, cause, words, facts=facts)


def _refused(error: ssl.SSLCertVerificationError, facts: Facts) -> Cause:
    cause = _REFUSED.get(error.verify_code, Cause.CERTIFICATE_REFUSED)
    issuer = facts.certificate.issuer if facts.certificate else ""
    if cause is Cause.CERTIFICATE_UNTRUSTED and _IN_BETWEEN.search(issuer):
        return Cause.CERTIFICATE_INTERCEPTED
    return cause


def fault(error: ssl.SSLCertVerificationError, facts: Facts) -> str:
    """Why a certificate was refused, as the end of a sentence."""
    certificate = facts.certificate or Certificate()
    match _REFUSED.get(error.verify_code):
        case Cause.CERTIFICATE_EXPIRED if certificate.current:
            return "a certificate of its chain, not its own, has expired"
        case Cause.CERTIFICATE_EXPIRED:
            return "it has expired" + (f" on {certificate.ends}" if certificate.ends else "")
        case Cause.CERTIFICATE_NOT_YET_VALID if certificate.begun:
            return "a certificate of its chain, not its own, is not valid yet"
        case Cause.CERTIFICATE_NOT_YET_VALID:
            begins = f", but from {certificate.begins} on" if certificate.begins else ""
            return f"it is not valid yet{begins}, or this machine's clock is wrong"
        case Cause.CERTIFICATE_SELF_SIGNED:
            return "it is self-signed, so no authority confirms it"
        case Cause.CERTIFICATE_UNTRUSTED:
            by = f" ({certificate.issuer})" if certificate.issuer else ""
            return f"it is issued by an authority that is not trusted here{by}"
        case Cause.CERTIFICATE_NAME if certificate.common_name_only:
            names = ", ".join(certificate.names)
            return f"it is not for {facts.host}; it has only the common name {names}"
        case Cause.CERTIFICATE_NAME:
            names = f"; it is for {', '.join(certificate.names)}" if certificate.names else ""
            return f"it is not for the name {facts.host}{names}"
    return str(error.verify_message)


def describe(secure: ssl.SSLSocket) -> str:
    """Protocol, cipher, and the certificate's names and end, on one line."""
    certificate: Mapping[str, Any] = secure.getpeercert() or {}
    cipher = secure.cipher()
    names = ", ".join(value for _, value in certificate.get("subjectAltName", ()))
    return (
        f"{secure.version()}, {cipher[0] if cipher else 'unknown cipher'}, "
        f"certificate for {names}, valid until {certificate.get('notAfter', 'an unknown date')}"
    )
