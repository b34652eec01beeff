"""The names in a certificate that was refused, to tell which host name would have been right."""

from __future__ import annotations

import ssl

from cryptography import x509

from ..errors import DeliveryError
from . import network
from .dialogue import Dialogue
from .faults import WireError
from .model import Security
from .wire import Deadline, Wire

_SECONDS = 5.0
_SHOWN = 5


def names_presented(
    address: network.Address, security: Security, host: str, deadline: Deadline
) -> tuple[str, ...]:
    """Up to five names in the certificate of the server at ``address``.

    Python hands out no certificate that failed verification, so the handshake is done once more
    without it. Nothing but EHLO and STARTTLS is said on that connection. Empty where the server
    does not play along: the names are a help, and their absence no failure.
    """
    try:
        return _names(_certificate(address, security, host, deadline.share(1, _SECONDS)))
    except (DeliveryError, WireError, OSError, ValueError, x509.ExtensionNotFound):
        return ()


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


def _names(certificate: bytes) -> tuple[str, ...]:
    parsed = x509.load_der_x509_certificate(certificate)
    found = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names = found.get_values_for_type(x509.DNSName)
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return (*names, *addresses)[:_SHOWN]
