"""Changes of the settings that a rule can offer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email.utils import formataddr, parseaddr

from ..settings.server import read_server
from .rule import Facts, Fix

_NAMES = re.compile(r"it is for (.+?)\.?$")


def use_tls_at_once(facts: Facts) -> Fix:
    """TLS from the first byte on the port as it is."""
    return Fix(f"Use TLS from the first byte on port {facts.port}", _tls("tls"))


def use_starttls(facts: Facts) -> Fix:
    """STARTTLS on the port as it is."""
    return Fix(f"Use STARTTLS on port {facts.port}", _tls("starttls"))


def turn_tls_on(_: Facts) -> Fix:
    """TLS in the way that is usual on the port."""
    return Fix("Turn on TLS", _tls("automatic"))


def turn_tls_off(_: Facts) -> Fix:
    """No TLS, for a server on this very machine."""
    return Fix("Turn off TLS", {"use_tls": ""})


def use_port(port: int) -> Callable[[Facts], Fix]:
    """The port, with TLS in the way that is usual there."""
    return lambda _: Fix(f"Use port {port}", {"port": str(port), **_tls("automatic")})


def use_the_providers_name(facts: Facts) -> Fix | None:
    """The one user name that the provider has for everybody."""
    name = facts.provider.username_value if facts.provider else ""
    return Fix(f"Use {name} as Username", {"username": name}) if name else None


def clean_host(facts: Facts) -> Fix | None:
    """The server that was meant, with port and TLS where the pasted text names them."""
    try:
        pasted = read_server(facts.host)
    except ValueError:
        return None
    values = {"host": pasted.host}
    if pasted.port:
        values["port"] = str(pasted.port)
    if pasted.tls_mode:
        values |= _tls(pasted.tls_mode)
    return Fix(f"Use {pasted.host}", values) if pasted.host else None


def use_certified_name(facts: Facts) -> Fix | None:
    """A name in the certificate, if it is in the very domain of the server that was typed.

    Any other may be that of somebody in between.
    """
    found = _NAMES.search(facts.reply)
    for name in found[1].lower().split(", ") if found else ():
        if "*" not in name and any(name.endswith(f".{own}") for own in _own_domains(facts.host)):
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


def send_as_the_account(facts: Facts) -> Fix | None:
    """The account's own address as Default Sender, with the display name as it was."""
    name, address = parseaddr(facts.sender)
    if "@" not in facts.username or address.lower() == facts.username.lower():
        return None
    own = formataddr((name, facts.username)) if facts.username.isascii() else facts.username
    return Fix(f"Send from {facts.username}", {"default_sender": own})


def log_in_with_the_whole_address(facts: Facts) -> Fix | None:
    """The sender's address as user name, where the user name is its part before the @."""
    address = parseaddr(facts.sender)[1]
    if not facts.username or address.partition("@")[0].lower() != facts.username.lower():
        return None
    return Fix(f"Use {address} as Username", {"username": address})


def _tls(mode: str) -> dict[str, str]:
    return {"use_tls": "on", "tls_mode": mode}
