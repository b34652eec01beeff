"""What can be said of a sender's domain before its policies are looked at, in words."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from .findings import Finding, listed, sentence
from .lookup import LookupFailed

if TYPE_CHECKING:
    from ..providers import Provider
    from .findings import Relay
    from .lookup import Lookup

_RESERVED = frozenset(
    {"example", "test", "invalid", "localhost", "local", "internal", "onion", "arpa", "lan"}
)
"""Top-level names that the public DNS has no mail under (RFC 6761, RFC 6762, RFC 9476)."""


def about_unpublic(domain: str) -> Finding | None:
    """Say why nothing is looked up for a domain that others on the Internet cannot look up."""
    if domain.startswith("["):
        words = "Receivers look a sender's domain up by name, and refuse most mail without one."
        return Finding("Sender", "warn", f"{domain} is an address, not a domain", words)
    top = domain.rsplit(".", 1)[-1]
    if top in _RESERVED or "." not in domain:
        words = (
            "No mail from it is accepted outside, and nothing can be published for it, so nothing "
            "was looked up. For a real site choose an address in a domain of its own."
        )
        return Finding("Sender", "info", f"{domain} is for tests and networks of one's own", words)
    return None


def about_mailboxes(domain: str, owner: Provider, relay: Relay) -> Finding:
    """Judge a sender whose domain belongs to a provider of mailboxes, such as gmail.com."""
    if relay.provider is not None and relay.provider.key == owner.key:
        words = "It sees to SPF, DKIM and DMARC itself."
        return Finding(
            "Sender", "good", f"{domain} and its servers are {owner.short_name}'s", words
        )
    send = f"Send through {owner.host}, or from an address in a domain of your own."
    if not relay.host:
        return Finding("Sender", "info", f"{domain} is {owner.short_name}'s", send)
    words = (
        f"Mail from {domain} through {relay.host} cannot be shown to be yours; receivers put it "
        f"into spam or refuse it. {send}"
    )
    return Finding("Sender", "bad", f"Only {owner.short_name} may send as {domain}", words)


def about_replies(lookup: Lookup, domain: str) -> tuple[Finding, tuple[str, ...] | None]:
    """Judge whether bounces and replies can arrive; return the receiving servers as well.

    They are ``None`` where there is no such domain.
    """
    try:
        found = lookup.mail_servers(domain)
        has_address = bool(found.records) or _has_address(lookup, domain)
    except LookupFailed as failed:
        words = sentence(failed)
        return Finding("Replies", "unknown", "MX could not be looked up", words), ()
    if not found.exists:
        words = "Receivers refuse mail from a domain that does not exist. Is it spelled right?"
        return Finding("Replies", "bad", f"{domain} does not exist in DNS", words), None
    if found.records == ("",):
        words = "Its MX record says so (RFC 7505). Many servers refuse mail from such a domain."
        return Finding("Replies", "bad", f"{domain} declares that it takes no mail", words), ()
    if found.records:
        title = f"Mail to {domain} is received by {listed(found.records[:3])}"
        return Finding("Replies", "good", title), found.records
    if has_address:
        words = "There is no MX record, so mail goes to the domain's own address, if it listens."
        return Finding("Replies", "warn", "Bounces and replies may not arrive", words), ()
    words = "It has neither an MX record nor an address. Many servers refuse mail from it."
    return Finding("Replies", "bad", f"{domain} receives no mail", words), ()


def _has_address(lookup: Lookup, domain: str) -> bool:
    return any(lookup.addresses(domain, family).records for family in ("A", "AAAA"))


def literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that ``host`` is, if it is one."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
