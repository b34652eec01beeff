"""A fingerprint of what went wrong, so that two hundred failures of one cause stand together."""

from __future__ import annotations

import re
from hashlib import blake2s

PARTIAL = "partial"
"""The mark of a message that some of its recipients have and others will not get: no error's, so
that an index holds all of these together, whatever each was refused for."""
# What differs between two mails that met the same fate: whom, where, when, which.
_QUOTED = re.compile(r"<[^<>\s]*>|\"[^\"]*\"|'[^']*'")
_ADDRESS = re.compile(r"[^\s<>@:;,=]+@[^\s<>@:;,]+")
_LINK = re.compile(r"https?://\S+")
_COUNTED = re.compile(r"\S*\d\S*")
_BLANKS = re.compile(r"[\s#]+")


def fault_of(
    stage: str, code: int | None, enhanced: str, reply: str, *, waits: bool = False
) -> str:
    """Return 16 characters that are the same for the same trouble.

    Addresses, links, quoted words and every word with a digit in it are left out of the reply;
    the codes count, for they are what the server means. What still waits (``waits``) is apart from
    what has ended.
    """
    words = reply.casefold()
    for noise in (_LINK, _QUOTED, _ADDRESS, _COUNTED):
        words = noise.sub("#", words)
    said = "\n".join((stage, str(code or ""), enhanced, _BLANKS.sub(" ", words).strip()))
    if waits:
        said += "\nwaits"
    return blake2s(said.encode(errors="replace"), digest_size=8).hexdigest()
