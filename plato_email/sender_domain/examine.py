"""One domain through one server: everything that receivers will look up, side by side."""

from __future__ import annotations

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..providers import by_domain, by_host, by_mx
from .about_dkim import about_dkim
from .about_dmarc import about_dmarc, find_dmarc
from .about_domain import about_mailboxes, about_replies, about_unpublic, literal
from .about_spf import about_spf
from .dmarc import Policy
from .findings import Relay, Report
from .lookup import Lookup, LookupFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..providers import Provider
    from .spf import Address

MOST_ADDRESSES = 8
"""Addresses of a relay that are looked for in an SPF record."""


def examine(domain: str, host: str, lookup: Lookup, selectors: Sequence[str] = ()) -> Report:
    """Return what receivers find out about mail from ``domain`` that is handed in at ``host``.

    It takes no longer than ``lookup`` allows, and never raises for what DNS answers.

    Args:
        domain: A-labels in lower case, or an address literal in brackets.
        host: a host name or an IP address; "" while none is chosen.
        lookup: where to ask.
        selectors: the DKIM selectors that the mail is signed with, where they are known.
    """
    unpublic = about_unpublic(domain)
    if unpublic is not None:
        return Report(domain, host, (unpublic,))
    owner = by_domain(domain)
    if owner is not None:
        relay = Relay(host, by_host(host))
        return Report(domain, host, (about_mailboxes(domain, owner, relay),))
    with ThreadPoolExecutor(4, "sender-domain") as pool:
        asked_relay = pool.submit(find_relay, host, lookup)
        asked_dmarc = pool.submit(find_dmarc, lookup, domain)
        replies, servers = about_replies(lookup, domain)
        if servers is None:
            return Report(domain, host, (replies,))
        relay = asked_relay.result()
        asked_dkim = pool.submit(about_dkim, lookup, domain, relay, selectors)
        spf = about_spf(lookup, domain, relay, by_mx(servers))
        dkim, dmarc = asked_dkim.result(), asked_dmarc.result()
    if isinstance(dmarc, Policy):
        dmarc = about_dmarc(domain, dmarc, spf, dkim)
    return Report(domain, host, (spf, dkim, dmarc, replies))


def find_relay(host: str, lookup: Lookup) -> Relay:
    """Return what can be known about the server that mail is handed to."""
    provider = by_host(host)
    if not host or provider is not None:
        return Relay(host, provider)
    address = literal(host)
    if address is not None:
        return Relay(host, None, (address,))
    if "." not in host or host.endswith(".localhost"):
        return Relay(host)
    return _looked_up(host, lookup)


def _looked_up(host: str, lookup: Lookup) -> Relay:
    found: list[Address] = []
    try:
        for family in ("A", "AAAA"):
            records = lookup.addresses(host, family).records
            found += [ipaddress.ip_address(each) for each in records]
    except LookupFailed as failed:
        return Relay(host, problem=f"The addresses of {host} could not be looked up: {failed}.")
    if not found:
        return Relay(host, problem=f"{host} has no address in DNS.")
    return Relay(host, None, tuple(found[:MOST_ADDRESSES]))


def find_provider(domain: str, lookup: Lookup) -> Provider | None:
    """Return whose mail ``domain`` is: by its name, then by the servers that receive for it.

    Raises:
        LookupFailed: it is nobody's by its name, and DNS could not be asked.
    """
    known = by_domain(domain)
    if known is not None or about_unpublic(domain) is not None:
        return known
    return by_mx(lookup.mail_servers(domain).records)
