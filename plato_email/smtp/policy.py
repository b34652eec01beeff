"""Which servers mail may be handed to: what no site wants, and what this site allows.

Names are judged by the addresses they lead to, and an address by what it stands for, so that
neither a spelling (``0xa9fea9fe``), nor a name of one's own in the DNS, nor IPv4 in IPv6 leads
around it. A connection is made to the very address that was judged.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# What hands out a machine's secrets in a cloud and is not link-local anyway: Amazon's and Google's
# over IPv6, Alibaba's, Oracle's and Azure's.
_METADATA = frozenset(
    ipaddress.ip_address(each)
    for each in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
_BROADCAST = ipaddress.ip_address("255.255.255.255")
# RFC 6052, RFC 8215 (any /96 of its /48) and RFC 2765: IPv4 behind a translator; RFC 4291 section
# 2.5.5.1: IPv4 in IPv6 of old.
_IPV4_INSIDE = tuple(
    ipaddress.IPv6Network(each)
    for each in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96")
)

_ENTRY = re.compile(r"(?:\[(?P<inside>[^\]]+)\]|(?P<outside>[^:]*))(?::(?P<port>\d{1,5}))?")
_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address is this machine itself, so that nothing leaves it."""
    try:
        return _plain(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_local_name(host: str) -> bool:
    """Whether a host is this machine, or has a name without a dot, as services of Docker have."""
    return is_loopback(host) or not any(mark in host.rstrip(".") for mark in ".:")


def is_never_mailed(address: str) -> bool:
    """Whether no mail server can have this IP address; some such hand out a machine's secrets.

    Link-local, the metadata services of clouds, multicast, unspecified and broadcast. Loopback
    and private addresses are where many a site's own mail server is.

    Raises:
        ValueError: it is no IP address.
    """
    plain = _plain(address)
    return (
        plain.is_link_local
        or plain.is_multicast
        or plain.is_unspecified
        or plain in _METADATA
        or plain in _THIS_NETWORK
        or plain == _BROADCAST
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of allowed servers: a name or a network, and a port."""

    name: str = ""
    """In lower case; ``*.example.org`` is every name below example.org, ``*`` every name."""
    network: IPNetwork | None = None
    port: int | None = None
    """``None``: any."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``smtp.example.com:587``, ``*.example.org``, ``10.0.0.0/8:25``, ``[fd00::/8]:25``.

        Raises:
            ValueError: it is none of these.
        """
        whole = text.strip()
        found = None if _network(whole) else _ENTRY.fullmatch(whole)
        host, port = whole.lower(), None
        if found is not None:
            host = (found["inside"] or found["outside"]).lower()
            port = int(found["port"]) if found["port"] else None
        if port is not None and not 1 <= port <= 65535:
            raise ValueError(f"{text!r} has a port that is not from 1 to 65535")
        if network := _network(host):
            return cls("", network, port)
        if not _NAME.fullmatch(host):
            raise ValueError(f"{text!r} is neither a host name nor a network")
        return cls(host.removesuffix("."), None, port)

    def names(self, host: str, port: int) -> bool:
        """Whether it allows the host by its name."""
        name = host.lower().removesuffix(".")
        if self.port not in (None, port) or not self.name:
            return False
        return self.name in ("*", name) or (
            self.name.startswith("*.") and name.endswith(self.name[1:])
        )

    def contains(self, address: str, port: int) -> bool:
        """Whether it allows the IP address."""
        return (
            self.port in (None, port)
            and self.network is not None
            and (_plain(address) in self.network)
        )


class AllowedServers:
    """The servers that a site's configuration allows; an empty list allows any.

    Raises:
        ValueError: an entry cannot be read.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self._entries = tuple(map(Entry.parse, entries))

    def may_ask(self, host: str, port: int) -> bool:
        """Whether the host may be looked up: it is named, or some network may be its own."""
        by_network = any(each.network and each.port in (None, port) for each in self._entries)
        return by_network or self.allow_name(host, port)

    def allow_name(self, host: str, port: int) -> bool:
        """Whether the host is allowed whatever its addresses are."""
        return not self._entries or any(each.names(host, port) for each in self._entries)

    def allow(self, host: str, address: str, port: int) -> bool:
        """Whether mail may be handed to the host at this one of its addresses."""
        return self.allow_name(host, port) or any(
            each.contains(address, port) for each in self._entries
        )


def not_allowed(host: str, port: int) -> str:
    """The sentence about a server that is not on the list."""
    return f"{host}, port {port}, is not on the site's list of allowed mail servers."


@lru_cache(maxsize=32)
def allowed_servers(entries: tuple[str, ...]) -> AllowedServers:
    """The list as read once."""
    return AllowedServers(entries)


def _plain(address: str) -> IPAddress:
    """An IP address without a zone, and as IPv4 where that is what it stands for."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed
    inside = parsed.ipv4_mapped or parsed.sixtofour
    if inside is None and int(parsed) > 1 and any(parsed in each for each in _IPV4_INSIDE):
        inside = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    return inside or parsed


def _network(text: str) -> IPNetwork | None:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
