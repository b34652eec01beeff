"""What was found out about a sender's domain, as values with the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..providers import Provider
    from .spf import Address

Verdict = Literal["good", "info", "warn", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class Publish:
    """A DNS record that would mend what was found."""

    name: str
    value: str
    kind: str = "TXT"
    replaces: bool = False
    """Whether it takes the place of the records of its kind that are there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that receivers look at, and how it stands."""

    topic: str
    """``Sender``, ``Replies``, ``SPF``, ``DKIM`` or ``DMARC``."""
    verdict: Verdict
    """``unknown`` is neither good nor bad: nobody could tell, or nothing could be looked up."""
    title: str
    detail: str = ""
    records: tuple[str, ...] = ()
    """What stands in DNS now."""
    publish: Publish | None = None


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that mail is handed to."""

    host: str
    provider: Provider | None = None
    addresses: tuple[Address, ...] = ()
    problem: str = ""
    """Why its addresses are not known."""

    @property
    def is_away(self) -> bool:
        """Whether it has an address that others on the Internet may see."""
        return any(each.is_global for each in self.addresses)


@dataclass(frozen=True, slots=True)
class Report:
    """What receivers find out about mail from one domain through one server."""

    domain: str
    host: str
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Verdict:
        """The verdict that matters most."""
        order: tuple[Verdict, ...] = ("bad", "warn", "unknown", "info", "good")
        found = {each.verdict for each in self.findings}
        return next((each for each in order if each in found), "good")


def sentence(words: object) -> str:
    """Return words of an error as a sentence."""
    text = str(words)
    return f"{text[:1].upper()}{text[1:]}."


def listed(names: tuple[str, ...] | list[str], last: str = "and") -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
