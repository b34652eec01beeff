"""The common mail providers as data, and how one is found.

By the sender's domain, by the servers that receive the domain's mail, or by the server that mail
is handed to. Only what its own pages or Thunderbird's database say stands in a row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from .mailboxes import MAILBOXES
from .model import Provider, ends_in
from .relays import RELAYS

CHECKED = date(2026, 11, 23)
"""When the rows were last compared with their sources."""

PROVIDERS: tuple[Provider, ...] = MAILBOXES + RELAYS


def by_domain(domain: str) -> Provider | None:
    """Return the provider whose mailboxes have addresses in ``domain``."""
    return next((each for each in PROVIDERS if domain in each.domains), None)


def by_mx(servers: Sequence[str]) -> Provider | None:
    """Return the provider that receives a domain's mail, by the names of its servers.

    The servers are tried in the order given, which is the order of their preference.
    """
    for server in servers:
        for provider in PROVIDERS:
            for pattern in provider.mx:
                if (region := _match(server, pattern)) is not None:
                    return provider.in_region(region) if region else provider
    return None


def by_host(host: str) -> Provider | None:
    """Return the provider that takes mail at ``host``; loopback is nobody's."""
    for provider in PROVIDERS:
        for known in (provider.host, *provider.hosts):
            if provider.key != "catcher" and _match(host, known, below=False) is not None:
                return provider
    return None


def by_key(key: str) -> Provider | None:
    """Return the provider of that key."""
    return next((each for each in PROVIDERS if each.key == key), None)


def other_regions(provider: Provider) -> tuple[str, ...]:
    """Return the provider's servers elsewhere, which do not know the accounts of this one."""
    if "{region}" in provider.host:
        return (provider.host.format(region="REGION"),)
    same = (each for each in PROVIDERS if each.short_name == provider.short_name)
    return tuple(each.host for each in same if each is not provider)


def _match(name: str, pattern: str, *, below: bool = True) -> str | None:
    """Return the region in ``name``, "" where the pattern has none, ``None`` without a match."""
    if "{region}" not in pattern:
        return "" if name == pattern or (below and ends_in(name, pattern)) else None
    before, after = map(re.escape, pattern.split("{region}"))
    found = re.fullmatch(f"{before}([a-z0-9-]+){after}", name)
    return found and found[1]


__all__ = [
    "CHECKED",
    "PROVIDERS",
    "Provider",
    "by_domain",
    "by_host",
    "by_key",
    "by_mx",
    "other_regions",
]
