"""DMARC (RFC 9989): what a domain asks of receivers of mail that is not shown to be its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .tags import read_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .lookup import Lookup

POLICIES = ("none", "quarantine", "reject")
MOST_QUESTIONS = 8
"""RFC 9989 section 4.10: names that the walk up the tree asks about."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A record, and what it means for mail from the domain that was asked about."""

    domain: str
    """Where the record stands: the domain itself, or one above it."""
    text: str
    policy: str
    """``none``, ``quarantine`` or ``reject``."""
    strict_spf: bool = False
    strict_dkim: bool = False
    """Whether the domains must be the same, not only of one organisation."""
    testing: bool = False


def select(texts: Sequence[str]) -> list[str]:
    """Return the DMARC records among TXT records; more than one count as none."""
    return [each for each in texts if re.match(r"\s*v\s*=\s*DMARC1\s*(;|$)", each)]


def find_policy(lookup: Lookup, domain: str) -> Policy | None:
    """Return the policy for mail from ``domain``: its own, or that of the organisation above it.

    Raises:
        LookupFailed: nobody could tell.
        ValueError: the domain's own record cannot be used; the words say why.
    """
    above: list[tuple[str, str, dict[str, str]]] = []
    for name in names_to_ask(domain):
        records = select(lookup.texts(f"_dmarc.{name}").records)
        if name == domain:
            if len(records) > 1:
                raise ValueError(f"there are {len(records)} DMARC records, and there may be one")
            if records:
                return _policy(domain, records[0], "p")
        elif len(records) == 1 and (tags := _usable(records[0])) is not None:
            above.append((name, records[0], tags))
            if tags.get("psd") in ("y", "n"):
                break
    if not above:
        return None
    if len(above) > 1 and above[-1][2].get("psd") == "y":
        above.pop()  # a registry, such as .bank, with an organisation below it
    name, text, tags = above[-1]
    return _policy(name, text, "sp" if tags.get("sp") else "p")


def names_to_ask(domain: str) -> Iterator[str]:
    """Yield the names of the walk up the tree: the domain, then shorter ones to the top."""
    labels = domain.split(".")
    yield domain
    rest = labels[1:]
    for start in range(max(0, len(rest) - MOST_QUESTIONS + 1), len(rest)):
        yield ".".join(rest[start:])


def _usable(text: str) -> dict[str, str] | None:
    try:
        tags = read_tags(text)
        _policy_word(tags, "p")
    except ValueError:
        return None
    return tags


def _policy(domain: str, text: str, tag: str) -> Policy:
    tags = read_tags(text)
    return Policy(
        domain,
        text,
        _policy_word(tags, tag),
        strict_spf=tags.get("aspf", "r").lower() == "s",
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        testing=tags.get("t", "n").lower() == "y",
    )


def _policy_word(tags: dict[str, str], tag: str) -> str:
    word = tags.get(tag, "").lower()
    if word in POLICIES:
        return word
    # A record that asks for reports only is one that watches (section 4.7).
    if tags.get("rua"):
        return "none"
    if not word:
        raise ValueError(f"it has no {tag}=, and so no policy")
    raise ValueError(f"{tag}={word[:20]} is none of {', '.join(POLICIES)}")
