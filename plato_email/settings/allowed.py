"""The allow-list: addresses and domains that mail may go to, as one text."""

from __future__ import annotations

import re

from ..message import domain_to_ascii, parse_address
from .pasted import plain

LENGTH = 10_000
_BETWEEN = re.compile(r"[,;\r\n]+")
_BULLET = re.compile(r"^\s*[\u2022\u00b7\u2023\u25e6\u25aa\u25cf-]\s+", re.MULTILINE)
_AROUND = "\"'`<>()\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u2022"
_IN_BRACKETS = re.compile(r"[^<>@]*<\s*([^<>\s]+@[^<>\s]+)\s*>")
_ALL_OF_A_DOMAIN = re.compile(r"\*?@(?P<domain>[^@]+)")
# Names without a dot that people do have mailboxes at, on a machine or network of their own.
_LOCAL = frozenset({"localhost"})
_LOCAL_TLDS = _LOCAL | {"local", "test", "example", "invalid", "internal", "lan", "home", "corp"}


def clean_allowed(raw: object) -> tuple[str, str | None]:
    """Addresses and domains, separated by commas, blanks or lines; blank is none.

    ``example.com`` stands for its addresses, ``*.example.com`` for those of its subdomains.

    Raises:
        ValueError: an entry is neither an address nor a domain, or there are too many.
    """
    text = _BULLET.sub("", plain(str(raw)))
    if len(text) > LENGTH:
        raise ValueError(
            f"The list has {len(text)} characters. Shorten it to {LENGTH} at most: a domain "
            "stands for all of its addresses."
        )
    entries: list[str] = []
    changed: list[str] = []
    for typed in _entries(text):
        entry = _clean(typed)
        entries.append(entry)
        if entry != typed.lower() and typed.isascii() and typed[:1] != "@":
            changed.append(f"Read {typed[:60]!r} as {entry}.")
    return ", ".join(dict.fromkeys(entries)), " ".join(changed[:3]) or None


def is_allowed(address: str, allowed: str) -> bool:
    """Whether a cleaned list names ``address``, its domain, or a domain above it.

    Capitals make no difference, in the local part either.
    """
    address = address.lower()
    domain = address.rpartition("@")[2]
    for each in allowed.split(", "):
        if each in (address, domain) or (each.startswith("*.") and domain.endswith(each[1:])):
            return True
    return False


def _entries(text: str) -> list[str]:
    """The entries as typed; ``Me <me@shop.example>`` is one, ``a.example b.example`` are two."""
    found: list[str] = []
    for part in _BETWEEN.split(text):
        named = _IN_BRACKETS.fullmatch(part.strip())
        found += [named[1]] if named else part.split()
    return found


def _clean(typed: str) -> str:
    entry = re.sub("^mailto:", "", typed.strip(_AROUND), flags=re.IGNORECASE)
    if entry == "*":
        raise ValueError(_neither(typed, "To let mail go to everyone, choose the mode Live."))
    if not entry.strip("@*."):
        raise ValueError(_neither(typed, "Write a domain such as example.com, or an address."))
    whole = _ALL_OF_A_DOMAIN.fullmatch(entry)
    if "@" in entry and whole is None:
        try:
            return parse_address(entry.rstrip(".")).addr_spec.lower()
        except ValueError as error:
            raise ValueError(_neither(typed, str(error))) from None
    name = (whole["domain"] if whole else entry).removesuffix(".")
    star = "*." if name.startswith("*.") else ""
    name = name.removeprefix(star)
    try:
        domain = domain_to_ascii(name).lower()
    except ValueError as error:
        raise ValueError(_neither(typed, _cure(entry) or str(error))) from None
    labels = domain.split(".")
    if labels[-1].isdigit():
        raise ValueError(_neither(typed, "An IP address is no domain: write the domain's name."))
    is_local = domain in _LOCAL or (star and domain in _LOCAL_TLDS)
    if not is_local and (len(labels) < 2 or len(labels[-1]) < 2):
        raise ValueError(
            _neither(
                typed,
                "A domain has a dot, such as example.com; for one mailbox, write its address.",
            )
        )
    return star + domain


def _cure(entry: str) -> str:
    """What to write in place of an entry of a kind that other programs know."""
    if "://" in entry:
        host = entry.partition("://")[2].partition("/")[0].partition(":")[0]
        return f"Write the domain alone: {host}." if "." in host else ""
    if entry.startswith(".") and "*" not in entry:
        return f"For the subdomains, write *{entry}; for the domain itself, {entry[1:]}."
    if "*" in entry:
        return "Write a * only at the beginning, before a dot: *.example.com."
    return ""


def _neither(typed: str, cure: str) -> str:
    return f"{typed[:60]!r} is neither an address nor a domain. {cure}"
