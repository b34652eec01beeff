"""Characters that cannot be seen, as copying brings them along."""

from __future__ import annotations

import unicodedata

# Fillers that Unicode counts among letters, marks or symbols, although they show nothing.
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_FORMATS = ("Cf", "Zl", "Zp")


def is_invisible(character: str) -> bool:
    """Whether a character shows nothing and takes no room: zero-width, joiners, soft hyphens."""
    return (
        unicodedata.category(character) in _FORMATS
        or character in _FILLERS
        or "\ufe00" <= character <= "\ufe0f"
    )


def is_odd_blank(character: str) -> bool:
    """Whether it looks like a blank and is none: no-break, thin, ideographic and so on."""
    return character != " " and unicodedata.category(character) == "Zs"


def unseen(text: str) -> list[str]:
    """Return the characters of ``text`` that cannot be seen, or told from a blank, once each."""
    return list(dict.fromkeys(c for c in text if is_invisible(c) or is_odd_blank(c)))
