"""What stands in a certificate that was refused: what would be right, and who made it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import date

from cryptography import x509
from cryptography.x509.oid import NameOID

from ..errors import DeliveryError
from . import network
from .dialogue import Dialogue
from .faults import WireError
from .model import Security
from .reply import printable
from .wire import Deadline, Wire

_SECONDS = 5.0
_SHOWN = 5
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Presented:
    """What a certificate says of itself; each is empty where that is not known."""

    names: tuple[str, ...] = ()
    """Up to five, host names before addresses."""
    issuer: str = ""
    begins: date | None = None
    ends: date | None = None


def presented(
    address: network.Address, security: Security, host: str, deadline: Deadline
) -> Presented:
    """What stands in the certificate of the server at ``address``.

    Python hands out no certificate that failed verification, so the handshake is done once more
    without it. Nothing but EHLO and STARTTLS is said on that connection. Empty where the server
    does not play along: this is a help, and its absence no failure.
    """
    try:
        return _read(_certificate(address, security, host, deadline.share(1, _SECONDS)))
    except (DeliveryError, WireError, OSError, ValueError):
        return Presented()


def _certificate(
    address: network.Address, security: Security, host: str, deadline: Deadline
) -> bytes:
    connected, _ = network.connect([address], deadline)
    wire = Wire(connected, address.ip, deadline, str)
    try:
        if security is Security.STARTTLS:
            dialogue = Dialogue(wire, [])
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


def _read(certificate: bytes) -> Presented:
    parsed = x509.load_der_x509_certificate(certificate)
    return Presented(
        names=_names(parsed),
        issuer=_issuer(parsed),
        begins=parsed.not_valid_before_utc.date(),
        ends=parsed.not_valid_after_utc.date(),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = found.get_values_for_type(x509.DNSName)
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return tuple(_shown(name) for name in (*names, *addresses)[:_SHOWN])


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
