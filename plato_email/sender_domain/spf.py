"""SPF (RFC 7208): a domain's record, and whether it lets an address send."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .lookup import LookupFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lookup import Lookup

Result = Literal["none", "pass", "neutral", "softfail", "fail", "temperror", "permerror"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_LOOKUPS = 10
MOST_VOID = 2
MOST_NAMES = 10
"""RFC 7208 section 4.6.4: terms that ask DNS, questions without an answer, servers of one mx."""

_RESULTS: dict[str, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE | re.DOTALL)
_MECHANISM = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::(.*?))?((?:/\d{1,3})?(?://\d{1,3})?)",
    re.IGNORECASE | re.DOTALL,
)
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", re.IGNORECASE)
_NEEDS_NAME = ("include", "exists")


class SpfError(ValueError):
    """The record cannot be used: every receiver ends with a permanent error."""


class _Unclear(Exception):
    """The term depends on what only a receiver knows."""


@dataclass(frozen=True, slots=True)
class Term:
    """One mechanism of a record."""

    result: Result
    """What comes of it where it matches."""
    name: str
    value: str = ""
    prefixes: tuple[int, int] = (32, 128)


@dataclass(frozen=True, slots=True)
class Record:
    """A record that is written correctly."""

    text: str
    terms: tuple[Term, ...]
    redirect: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a receiver makes of a domain's record."""

    result: Result
    reason: str = ""
    """Why it is none, an error, or not certain."""
    certain: bool = True
    """Whether it does not depend on what only a receiver knows (macros, ptr)."""
    lookups: int = 0
    """Terms that asked DNS; more than `MOST_LOOKUPS` are an error."""
    included: frozenset[str] = frozenset()
    """The domains that were included or redirected to, at any depth."""


def select(texts: Sequence[str]) -> list[str]:
    """Return the SPF records among TXT records; more than one is an error (section 4.5)."""
    return [each for each in texts if re.match(r"v=spf1( |$)", each, re.IGNORECASE)]


def parse(text: str) -> Record:
    """Read a record.

    Raises:
        SpfError: it is not written as section 4.6.1 and chapter 12 say.
    """
    terms: list[Term] = []
    modifiers: dict[str, str] = {}
    for word in text.split(" ")[1:]:
        if not word:
            continue
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            terms.append(_mechanism(word))
        elif (name := modifier[1].lower()) in ("redirect", "exp"):
            if name in modifiers:
                raise SpfError(f"it has {name}= twice")
            modifiers[name] = modifier[2]
    redirect = modifiers.get("redirect", "")
    if "redirect" in modifiers and not _is_name(redirect):
        raise SpfError(f"{_shown('redirect=' + redirect)} names no domain")
    return Record(text, tuple(terms), redirect)


def _mechanism(word: str) -> Term:
    found = _MECHANISM.fullmatch(word)
    if found is None:
        raise SpfError(f"{_shown(word)} is not an SPF term")
    sign, name, value, prefixes = found[1] or "+", found[2].lower(), found[3], found[4]
    result = _RESULTS[sign]
    if name in ("ip4", "ip6"):
        return Term(result, name, str(_network(name, f"{value or ''}{prefixes}", word)))
    if (value is None and name in _NEEDS_NAME) or (value is not None and not _is_name(value)):
        raise SpfError(f"{_shown(word)} names no domain")
    if prefixes and name not in ("a", "mx"):
        raise SpfError(f"{_shown(word)} is not an SPF term")
    if value is not None and name == "all":
        raise SpfError(f"{_shown(word)} is not an SPF term")
    return Term(result, name, value or "", _prefix_lengths(prefixes, word))


def _network(name: str, text: str, word: str) -> Network:
    kind = ipaddress.IPv4Network if name == "ip4" else ipaddress.IPv6Network
    try:
        return kind(text, strict=False)
    except ValueError:
        raise SpfError(f"{_shown(word)} is no range of addresses") from None


def _prefix_lengths(text: str, word: str) -> tuple[int, int]:
    four, _, six = text.removeprefix("/").partition("//")
    if text.startswith("//"):
        four, six = "", text[2:]
    lengths = (int(four or 32), int(six or 128))
    if lengths[0] > 32 or lengths[1] > 128:
        raise SpfError(f"{_shown(word)} is no range of addresses")
    return lengths


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) if "%" not in text else bool(text.strip())


def _shown(word: str) -> str:
    return repr(word if len(word) <= 60 else f"{word[:59]}…")


def evaluate(lookup: Lookup, domain: str, address: Address | None) -> Evaluation:
    """Return what a receiver makes of mail from ``domain`` that comes from ``address``.

    ``None`` stands for an address that no record names: the whole record is gone through, and the
    result is the one for strangers.
    """
    check = _Check(lookup, address)
    try:
        result = check.host(domain)
        reason = "" if check.certain else "it has terms that only a receiver can evaluate"
    except SpfError as error:
        result, reason = "permerror", str(error)
    except LookupFailed as failed:
        result, reason = "temperror", str(failed)
    return Evaluation(result, reason, check.certain, check.lookups, frozenset(check.included))


@dataclass
class _Check:
    """One run of check_host() (chapter 4) and what it has used up."""

    lookup: Lookup
    address: Address | None
    lookups: int = 0
    void: int = 0
    certain: bool = True
    included: set[str] = field(default_factory=set)
    _path: list[str] = field(default_factory=list)

    def host(self, domain: str) -> Result:
        """Evaluate the record of ``domain``."""
        found = select(self.lookup.texts(domain).records)
        if not found:
            return "none"
        if len(found) > 1:
            raise SpfError(f"{domain} has {len(found)} SPF records, and may have one")
        if domain in self._path:
            raise SpfError(f"{domain} includes itself")
        self._path.append(domain)
        result = self._record(parse(found[0]), domain)
        self._path.pop()
        return result

    def _record(self, record: Record, domain: str) -> Result:
        for term in record.terms:
            try:
                matches = self._matches(term, term.value or domain)
            except _Unclear:
                self.certain = False
                continue
            if matches:
                return term.result
        # A redirect does not count beside an "all" (section 6.1).
        if record.redirect and not any(term.name == "all" for term in record.terms):
            return self._redirect(record.redirect)
        return "neutral"

    def _redirect(self, target: str) -> Result:
        self._count()
        if "%" in target:
            self.certain = False
            return "neutral"
        self._enter(target)
        result = self.host(_plain(target))
        if result == "none":
            raise SpfError(f"redirect={target} leads to a domain without an SPF record")
        return result

    def _matches(self, term: Term, target: str) -> bool:
        if term.name == "all":
            return True
        if term.name in ("ip4", "ip6"):
            return self._within(ipaddress.ip_network(term.value))
        self._count()
        if "%" in target or term.name == "ptr":
            raise _Unclear
        return self._asks(term, _plain(target))

    def _asks(self, term: Term, target: str) -> bool:
        if term.name == "include":
            return self._includes(target)
        if term.name == "exists":
            return bool(self._addresses_of(target, "A"))
        names = self._servers_of(target) if term.name == "mx" else [target]
        return any(self._is_at(name, term.prefixes) for name in names)

    def _includes(self, target: str) -> bool:
        self._enter(target)
        result = self.host(target)
        if result == "none":
            raise SpfError(f"include:{target} leads to a domain without an SPF record")
        return result == "pass"

    def _servers_of(self, target: str) -> list[str]:
        servers = [name for name in self._counted(self.lookup.mail_servers(target).records) if name]
        if len(servers) > MOST_NAMES:
            raise SpfError(f"mx:{target} has more than {MOST_NAMES} servers")
        return servers

    def _is_at(self, name: str, prefixes: tuple[int, int]) -> bool:
        if self.address is None:
            return False
        four = self.address.version == 4
        length = prefixes[0] if four else prefixes[1]
        found = self._addresses_of(name, "A" if four else "AAAA")
        return any(self._within(ipaddress.ip_network(f"{each}/{length}", False)) for each in found)

    def _addresses_of(self, name: str, family: str) -> Sequence[str]:
        return self._counted(self.lookup.addresses(name, family).records)

    def _within(self, network: Network) -> bool:
        address = self.address
        return address is not None and address.version == network.version and address in network

    def _enter(self, target: str) -> None:
        self.included.add(_plain(target))

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise SpfError(f"it takes more than {MOST_LOOKUPS} look-ups, and receivers stop there")

    def _counted(self, records: tuple[str, ...]) -> tuple[str, ...]:
        if not records:
            self.void += 1
            if self.void > MOST_VOID:
                raise SpfError(f"more than {MOST_VOID} of its names lead nowhere")
        return records


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


def with_terms(record: str, terms: Sequence[str]) -> str:
    """Return ``record`` with ``terms`` put where they count: before ``all`` and ``redirect``."""
    words = record.split()
    end = next((i for i, word in enumerate(words) if _ends(word)), len(words))
    new = [term for term in terms if term not in words]
    return " ".join([*words[:end], *new, *words[end:]])


def _ends(word: str) -> bool:
    return word.lower().lstrip("+-~?") == "all" or word.lower().startswith("redirect=")


def merged(records: Sequence[str]) -> str:
    """Return one record that allows what each of ``records`` does, and ends in ``~all``."""
    words = [word for record in records for word in record.split()[1:]]
    terms = list(dict.fromkeys(word for word in words if not _ends(word)))
    return " ".join(["v=spf1", *terms, "~all"])
