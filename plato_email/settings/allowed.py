"""The allow-list: addresses and domains that mail may go to, as one text."""

from __future__ import annotations

import re

from ..message import domain_to_ascii, parse_address

LENGTH = 10_000
_BETWEEN = re.compile(r"[\s,;]+")


def clean_allowed(raw: object) -> tuple[str, str | None]:
    """Addresses and domains, separated by commas, blanks or lines; blank is none.

    ``example.com`` stands for its addresses, ``*.example.com`` for those of its subdomains.

    Raises:
        ValueError: an entry is neither an address nor a domain, or there are too many.
    """
    text = str(raw)
    if len(text) > LENGTH:
        raise ValueError(
            f"The list has {len(text)} characters. Shorten it to {LENGTH} at most: a domain "
            "stands for all of its addresses."
        )
    entries = [_clean(each) for each in _BETWEEN.split(text) if each]
    return ", ".join(dict.fromkeys(entries)), None


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


def _clean(entry: str) -> str:
    if "@" in entry[1:]:
        return parse_address(entry).addr_spec.lower()
    star = "*." if entry.startswith("*.") else ""
    try:
        domain = domain_to_ascii(entry.removeprefix("@").removeprefix(star)).lower()
    except ValueError as error:
        raise ValueError(f"{entry[:60]!r} is neither an address nor a domain. {error}") from None
    return star + domain
