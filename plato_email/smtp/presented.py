"""What a refused certificate says of itself: which names, whose, and for how long."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from ..errors import Certificate, DeliveryError, Facts
from . import network
from .dialogue import Dialogue
from .faults import WireError
from .model import Security
from .reply import printable
from .wire import Deadline, Wire

_SECONDS = 5.0
_SHOWN = 5
_LONGEST = 80


def presented(
    address: network.Address, security: Security, host: str, deadline: Deadline
) -> Certificate:
    """What stands in the certificate of the server at ``address``.

    Python hands out no certificate that failed verification, so the handshake is done once more
    without it. Nothing but EHLO and STARTTLS is said on that connection. Empty where the server
    does not play along: this is a help, and its absence no failure.
    """
    try:
        return _read(_certificate(address, security, host, deadline.share(1, _SECONDS)))
    except (DeliveryError, WireError, OSError, ValueError):
        return Certificate()


def _certificate(
    address: network.Address, security: Security, host: str, deadline: Deadline
) -> bytes:
    connected, _ = network.connect([address], address.where[1], deadline)
    wire = Wire(connected, address.ip, deadline, str)
    try:
        if security is Security.STARTTLS:
            dialogue = Dialogue(wire, [], Facts())
            dialogue.hear()
            dialogue.ask("EHLO [127.0.0.1]")
            dialogue.ask("STARTTLS")
        return wire.start_tls(_unverified(), host).getpeercert(binary_form=True) or b""
    finally:
        wire.close()


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _read(certificate: bytes) -> Certificate:
    parsed, now = x509.load_der_x509_certificate(certificate), datetime.now(UTC)
    names, common_name_only = _names(parsed)
    return Certificate(
        names=names,
        common_name_only=common_name_only,
        issuer=_issuer(parsed),
        begun=parsed.not_valid_before_utc <= now,
        current=parsed.not_valid_after_utc >= now,
        begins=parsed.not_valid_before_utc.date(),
        ends=parsed.not_valid_after_utc.date(),
        fingerprint=parsed.fingerprint(hashes.SHA256()).hex(":").upper(),
    )


def _names(certificate: x509.Certificate) -> tuple[tuple[str, ...], bool]:
    """The names, and whether they are no more than the common name."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        # As certificates were made before RFC 2818 asked for alternative names.
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return tuple(_shown(str(each.value)) for each in common[:_SHOWN]), bool(common)
    names = found.get_values_for_type(x509.DNSName)
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return tuple(_shown(name) for name in (*names, *addresses)[:_SHOWN]), False


def _issuer(certificate: x509.Certificate) -> str:
    """The organisation and the common name of the authority, as far as it has them."""
    parts = [
        _shown(str(each.value))
        for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for each in certificate.issuer.get_attributes_for_oid(kind)
    ]
    return ", ".join(dict.fromkeys(parts))


def _shown(text: str) -> str:
    """Whoever made the certificate chose the words."""
    return printable(text)[:_LONGEST]
