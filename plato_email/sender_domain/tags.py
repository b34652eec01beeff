"""Records that are lists of ``tag=value;`` pairs: DKIM keys and DMARC policies."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def read_tags(text: str) -> dict[str, str]:
    """Return tag -> value (RFC 6376 section 3.2).

    Raises:
        ValueError: it is no list of tags; the words say where.
    """
    tags: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = (each.strip() for each in part.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"{part.strip()[:60]!r} is not written tag=value")
        if name in tags:
            raise ValueError(f"it has {name}= twice")
        tags[name] = value
    return tags
