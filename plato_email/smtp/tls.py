"""Certificates and TLS: always verified, never older than TLS 1.2."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import DeliveryError, Stage, Verdict
from .presented import Presented

# OpenSSL's X509_V_ERR_* numbers, which ssl gives in SSLCertVerificationError.verify_code.
_EXPIRED, _NOT_YET_VALID, _SELF_SIGNED, _HOST_NAME, _IP_ADDRESS = 10, 9, 18, 62, 64
_UNKNOWN_ISSUER = frozenset({2, 19, 20, 21})


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
        raise DeliveryError(Stage.TLS, Verdict.SETUP, words) from error


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


def is_refused_certificate(error: ssl.SSLError) -> bool:
    """Whether TLS was spoken, and the certificate is what is wrong."""
    return isinstance(error, ssl.SSLCertVerificationError)


def handshake_error(
    error: ssl.SSLError, host: str, certificate: Presented | None = None
) -> DeliveryError:
    """What a failed handshake means, in plain words.

    Args:
        error: from OpenSSL.
        host: the name that the certificate ought to carry.
        certificate: what stands in it, where that is what is wrong.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        fault = _certificate_fault(error, host, certificate or Presented())
        words = f"The server's certificate was not accepted: {fault}."
    else:
        reason = (error.reason or error.strerror or "unknown reason").replace("_", " ").lower()
        words = f"The TLS handshake failed: {reason}."
    return DeliveryError(Stage.TLS, Verdict.SETUP, words)


def _certificate_fault(
    error: ssl.SSLCertVerificationError, host: str, certificate: Presented
) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return "it has expired" + (f" on {certificate.ends}" if certificate.ends else "")
    if code == _NOT_YET_VALID:
        begins = f", but from {certificate.begins} on" if certificate.begins else ""
        return f"it is not valid yet{begins}, or this machine's clock is wrong"
    if code == _SELF_SIGNED:
        return "it is self-signed, so nobody vouches for it"
    if code in _UNKNOWN_ISSUER:
        by = f" ({certificate.issuer})" if certificate.issuer else ""
        return f"it is issued by an authority that is not trusted here{by}"
    if code in (_HOST_NAME, _IP_ADDRESS):
        names = f"; it is for {', '.join(certificate.names)}" if certificate.names else ""
        return f"it is not for the name {host}{names}"
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
