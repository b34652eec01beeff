"""Questions to DNS within one span of time: what is there, what is not, what cannot be told."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from dns.rdata import Rdata

SECONDS = 4.5
"""What all questions about one domain may take together."""
_ONE_TRY = 2.0
"""What one server may take for one answer until it is asked again, or the next one is."""


class LookupFailed(Exception):
    """It is not known whether there is a record; the words say why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name has of one type, in the order of the answer; nothing is an answer as well."""

    records: tuple[str, ...] = ()
    exists: bool = True
    """Whether the name has anything at all."""


class Lookup:
    """Ask a resolver, each question once, until the time is used up.

    It may be used by several threads.

    Args:
        resolver: ``(address, port)`` of a DNS server, or ``None`` for the system's.
        seconds: the time for all questions together, from now on.
    """

    def __init__(self, resolver: tuple[str, int] | None = None, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._known: dict[tuple[str, str], Answer | LookupFailed] = {}
        self._resolver: dns.resolver.Resolver | None = None
        self._problem = ""
        try:
            self._resolver = _make_resolver(resolver)
        except (dns.exception.DNSException, OSError) as error:
            self._problem = f"this machine names no DNS server ({error})"

    @property
    def failed(self) -> bool:
        """Whether there was a question that nobody could answer."""
        return any(isinstance(each, LookupFailed) for each in self._known.values())

    def texts(self, name: str) -> Answer:
        """Return the TXT records of ``name``, each put together from its strings.

        Raises:
            LookupFailed: nobody could tell.
        """
        return self._ask(name, "TXT", _text)

    def addresses(self, name: str, family: str = "A") -> Answer:
        """Return the IP addresses of ``name``; ``family`` is A or AAAA.

        Raises:
            LookupFailed: nobody could tell.
        """
        return self._ask(name, family, str)

    def mail_servers(self, name: str) -> Answer:
        """Return the names of the servers that receive the mail of ``name``, preferred ones first.

        A domain that declares to receive none (RFC 7505) has one server with the name "".

        Raises:
            LookupFailed: nobody could tell.
        """
        found = self._ask(name, "MX", _mail_server)
        ordered = (line.split(" ", 1)[1] for line in sorted(found.records))
        names = tuple(each.rstrip(".").lower() for each in ordered)
        return Answer(names, found.exists)

    def _ask(self, name: str, kind: str, read: Callable[[Rdata], str]) -> Answer:
        key = (name.rstrip(".").lower(), kind)
        known = self._known.get(key)
        if known is None:
            try:
                known = self._answer(*key, read)
            except LookupFailed as failed:
                known = failed
            self._known[key] = known
        if isinstance(known, LookupFailed):
            raise known
        return known

    def _answer(self, name: str, kind: str, read: Callable[[Rdata], str]) -> Answer:
        left = self._end - time.monotonic()
        if self._resolver is None:
            raise LookupFailed(self._problem)
        if left <= 0:
            raise LookupFailed(f"no answer within {self.seconds:g} seconds")
        try:
            answer = self._resolver.resolve(
                dns.name.from_text(name), kind, lifetime=left, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return Answer(exists=False)
        except dns.resolver.LifetimeTimeout:
            raise LookupFailed(f"no answer within {self.seconds:g} seconds") from None
        except dns.resolver.NoNameservers as error:
            raise LookupFailed(_refusal(error)) from None
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise LookupFailed(f"{type(error).__name__} for {name}") from None
        return Answer(tuple(read(each) for each in answer.rrset or ()))


def _make_resolver(named: tuple[str, int] | None) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=named is None)
    if named is not None:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(*named)]
    resolver.timeout = _ONE_TRY
    resolver.cache = None
    return resolver


def _refusal(error: dns.resolver.NoNameservers) -> str:
    """What the servers said instead of an answer: SERVFAIL, REFUSED, or rubbish."""
    for trouble in error.kwargs.get("errors") or ():
        response = trouble[4]
        if response is not None and response.rcode() != dns.rcode.NOERROR:
            return f"the DNS server answered {dns.rcode.to_text(response.rcode())}"
    return "the DNS server gave no usable answer"


def _text(record: Rdata) -> str:
    strings = record.strings if isinstance(record, TXT) else ()
    return b"".join(strings).decode("utf-8", "replace")


def _mail_server(record: Rdata) -> str:
    return f"{record.preference:05d} {record.exchange}" if isinstance(record, MX) else ""
