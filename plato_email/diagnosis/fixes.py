"""Changes of the settings that a rule can offer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import formataddr, parseaddr

from ..settings.server import read_server
from .rule import Case, Fix


def use_tls_at_once(case: Case) -> Fix:
    """TLS from the first byte on the port as it is."""
    return Fix(f"Use TLS from the first byte on port {case.port}", _tls("tls"))


def use_starttls(case: Case) -> Fix:
    """STARTTLS on the port as it is."""
    return Fix(f"Use STARTTLS on port {case.port}", _tls("starttls"))


def turn_tls_on(_: Case) -> Fix:
    """TLS in the way that is usual on the port."""
    return Fix("Turn on TLS", _tls("automatic"))


def turn_tls_off(_: Case) -> Fix:
    """No TLS, for a server on this very machine."""
    return Fix("Turn off TLS", {"use_tls": ""})


def turn_tls_off_without_login(case: Case) -> Fix | None:
    """No TLS where nothing secret goes over the line, and at no known provider."""
    return None if case.username or case.provider else turn_tls_off(case)


def use_port(port: int) -> Callable[[Case], Fix]:
    """The port, with TLS in the way that is usual there."""
    return lambda _: Fix(f"Use port {port}", {"port": str(port), **_tls("automatic")})


def use_the_providers_name(case: Case) -> Fix | None:
    """The one user name that the provider has for everybody."""
    name = case.provider.username_value if case.provider else ""
    return Fix(f"Use {name} as Username", {"username": name}) if name else None


def clean_host(case: Case) -> Fix | None:
    """The server that was meant, with port and TLS where the pasted text names them."""
    try:
        pasted = read_server(case.host)
    except ValueError:
        return None
    values = {"host": pasted.host}
    if pasted.port:
        values["port"] = str(pasted.port)
    if pasted.tls_mode:
        values |= _tls(pasted.tls_mode)
    return Fix(f"Use {pasted.host}", values) if pasted.host else None


def use_certified_name(case: Case) -> Fix | None:
    """A name in the certificate, if it is in the very domain of the server that was typed.

    Any other may be that of a server in between.
    """
    for name in (each.lower() for each in case.certificate.names):
        if "*" not in name and any(name.endswith(f".{own}") for own in _own_domains(case.host)):
            return Fix(f"Use {name} as Server Address", {"host": name})
    return None


def _own_domains(host: str) -> Iterator[str]:
    """The host, and the domain that it is in unless everybody may have names there (co.uk)."""
    labels = host.lower().rstrip(".").split(".")
    if len(labels) > 1:
        yield ".".join(labels)
    domain = labels[1:]
    registry = len(domain) == 2 and len(domain[1]) == 2 and len(domain[0]) <= 3
    if len(domain) > 1 and not registry:
        yield ".".join(domain)


def send_as_the_account(case: Case) -> Fix | None:
    """The account's own address as Default Sender, with the display name as it was."""
    name, address = parseaddr(case.sender)
    if "@" not in case.username or address.lower() == case.username.lower():
        return None
    own = formataddr((name, case.username)) if case.username.isascii() else case.username
    return Fix(f"Send from {case.username}", {"default_sender": own})


def log_in_with_the_whole_address(case: Case) -> Fix | None:
    """The sender's address as user name, where the user name is its part before the @."""
    address = parseaddr(case.sender)[1]
    if not case.username or address.partition("@")[0].lower() != case.username.lower():
        return None
    return Fix(f"Use {address} as Username", {"username": address})


def _tls(mode: str) -> dict[str, str]:
    return {"use_tls": "on", "tls_mode": mode}
