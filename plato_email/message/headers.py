"""Header fields as text: folding, encoded words (RFC 2047), parameters (RFC 2231).

Every function expects values that passed ``checks.header_text`` and returns one whole field
without its final line end. Line breaks come from :func:`fold` alone, always followed by a blank,
so a value can never begin a field of its own.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .addresses import Address

LINE = 76
"""Columns of a line that holds an encoded word (RFC 2047 section 2); we keep to it everywhere."""
WORD = 75
"""Longest encoded word (RFC 2047 section 2)."""
LONGEST_RUN = 900
"""Longest run without a blank that fits a line of 998 octets after any field name."""

ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"

_AROUND = len("=?utf-8?q??=")
_PHRASE = re.compile(rf"{ATOM}(?: {ATOM})*")
_LONGEST_PHRASE = 60
_LOOKS_ENCODED = re.compile(r"=\?[^?]*\?[^?]*\?")
_RUNS = re.compile(" *[^ ]+")
_QUOTED_PAIR = re.compile(r'(["\\])')
# Letters that may stand for themselves in an encoded word within a phrase (RFC 2047 section 5).
_Q_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = ["_" if b == 32 else chr(b) if b in _Q_LITERAL else f"={b:02X}" for b in range(256)]
_PLAIN_FILENAME = re.compile(r"[A-Za-z0-9_()+,@-][A-Za-z0-9 ._()+,@-]{0,58}[A-Za-z0-9_()+,@-]")
_SEGMENT = 50


def fold(start: str, tokens: Iterable[str]) -> str:
    """Append ``tokens`` to ``start``, breaking lines before those that would pass ``LINE``.

    Each token brings the blank before it. A bare field name is never parted from the first,
    because some readers take that break for part of the value.
    """
    lines: list[str] = []
    line = start
    for token in tokens:
        if len(line) + len(token) > LINE and line[-1] != ":":
            lines.append(line)
            line = token
        else:
            line += token
    lines.append(line)
    return "\r\n".join(lines)


def text_field(name: str, value: str) -> str:
    """Return an unstructured field that a reader decodes to exactly ``value``."""
    if not value:
        return f"{name}:"
    if _stands_for_itself(value):
        if len(name) + 2 + len(value) <= LINE:
            return f"{name}: {value}"
        runs = _RUNS.findall(value)
        if max(map(len, runs)) <= LONGEST_RUN:
            runs[0] = f" {runs[0]}"
            return fold(f"{name}:", runs)
    room = max(LINE - len(name) - 2, 24)
    return fold(f"{name}:", [f" {word}" for word in encoded_words(value, room)])


def _stands_for_itself(value: str) -> bool:
    """Whether a reader gets ``value`` as it is: ASCII, no outer blanks, nothing to decode."""
    return (
        value.isascii()
        and value[0] != " "
        and value[-1] != " "
        and not ("=?" in value and _LOOKS_ENCODED.search(value))
    )


def address_field(name: str, addresses: Sequence[Address]) -> str:
    """Return an address list field (RFC 5322 section 3.6.3)."""
    tokens: list[str] = []
    for address in addresses:
        tokens += address.tokens()
        tokens[-1] += ","
    tokens[-1] = tokens[-1][:-1]
    return fold(f"{name}:", tokens)


def phrase(text: str) -> list[str]:
    """Return a display name as tokens: atoms, a quoted string, or encoded words."""
    if text.isascii() and len(text) <= _LONGEST_PHRASE and "=?" not in text:
        if _PHRASE.fullmatch(text):
            return [f" {atom}" for atom in text.split(" ")]
        return [f' "{quoted_pairs(text)}"']
    return [f" {word}" for word in encoded_words(text, 62)]


def quoted_pairs(text: str) -> str:
    """Escape quotes and backslashes for a quoted string (RFC 5322 section 3.2.4)."""
    return _QUOTED_PAIR.sub(r"\\\1", text)


def encoded_words(text: str, room: int) -> list[str]:
    """Write ``text`` as UTF-8 encoded words, B or Q, whichever is shorter.

    No word parts a character (RFC 2047 section 5). The first is at most ``room`` characters,
    the others 75.
    """
    raw = text.encode()
    quoted = "".join([_Q[byte] for byte in raw])
    room -= _AROUND
    if len(quoted) <= len(raw) * 4 // 3:
        return [f"=?utf-8?q?{piece}?=" for piece in _cut_escaped(quoted, room, WORD - _AROUND)]
    words = []
    start = 0
    while start < len(raw):
        end = start + room // 4 * 3
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{b64encode(raw[start:end]).decode()}?=")
        start, room = end, WORD - _AROUND
    return words


def _cut_escaped(text: str, first: int, rest: int) -> list[str]:
    """Cut text with ``=XX`` or ``%XX`` escapes, never within an escape or a character."""
    pieces = []
    start, limit = 0, first
    while len(text) - start > limit:
        end = start + limit
        if text[end - 1] in "=%":
            end -= 1
        elif text[end - 2] in "=%":
            end -= 2
        while text[end] in "=%" and text[end + 1] in "89AB":
            end -= 3
        pieces.append(text[start:end])
        start, limit = end, rest
    pieces.append(text[start:])
    return pieces


def disposition_field(disposition: str, filename: str | None) -> str:
    """Return Content-Disposition (RFC 2183); other than plain file names as RFC 2231 has it."""
    start = f"Content-Disposition: {disposition}"
    if filename is None:
        return start
    return fold(f"{start};", _filename(filename))


def _filename(filename: str) -> list[str]:
    if _PLAIN_FILENAME.fullmatch(filename):
        return [f' filename="{filename}"']
    pieces = _cut_escaped(quote(filename, safe=""), _SEGMENT, _SEGMENT)
    if len(pieces) == 1:
        return [f" filename*=utf-8''{pieces[0]}"]
    tokens = [f" filename*{number}*={piece};" for number, piece in enumerate(pieces)]
    tokens[0] = f" filename*0*=utf-8''{pieces[0]};"
    tokens[-1] = tokens[-1][:-1]
    return tokens
