"""Replies (RFC 5321 section 4.2) and enhanced status codes (RFC 3463)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from .charsets import decode
from .faults import Malformed

MAX_LINE = 4096
"""Octets that are kept of one line; RFC 5321 section 4.5.3.1.5 asks servers to keep to 512."""
MAX_REPLY = 65536
"""Octets that are kept of one whole reply. Of what follows only the code is looked at."""
MAX_HEARD = 1 << 21
"""Octets after which a reply is taken for one without end."""
USER_NAME = "[user name]"
"""What stands for the user name in stored words; the name itself is stored encrypted only."""
SHOWN = 500
"""Characters of a server's words that are kept."""

Scrub = Callable[[str], str]

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s+|$)")
# The mark of another protocol that a line begins with.
_PROTOCOL = re.compile(
    r"(?P<web>HTTP/|<!doctype|<html)|(?P<mailbox>\+OK|\* (?:OK|PREAUTH|BYE))|SSH-", re.IGNORECASE
)
_PIECE = 8
_RUN = re.compile(rf"[A-Za-z0-9+/=]{{{_PIECE},}}")
"""What may be a piece of base64."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete reply."""

    code: int
    lines: tuple[str, ...]

    @property
    def positive(self) -> bool:
        """2yz: done as asked."""
        return self.code // 100 == 2

    @property
    def enhanced(self) -> str:
        """The enhanced status code, or ``""``."""
        found = _ENHANCED.match(self.lines[0])
        return found[1] if found else ""

    @property
    def text(self) -> str:
        """The words on one line; an enhanced code repeated on later lines is left out."""
        rest = (_ENHANCED.sub("", line, count=1) for line in self.lines[1:])
        return shorten(" ".join((self.lines[0], *rest)))

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()


def shorten(text: str) -> str:
    """The first ``SHOWN`` characters."""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "\N{HORIZONTAL ELLIPSIS}"


def read_reply(read_line: Callable[[], bytes], scrub: Scrub, *, quoted: bool = True) -> Reply:
    """Read one reply of one line or many.

    Args:
        read_line: gives the next line, with or without its CR.
        scrub: takes secrets out.
        quoted: whether an error may quote what came. Not before the server has shown that it
            speaks SMTP, or a test mail could be used to read what other services say.

    Raises:
        Malformed: it is not a reply, or its lines disagree about the code.
    """
    code, lines, size, last = 0, list[bytes](), 0, False
    while not last:
        raw = read_line()
        size += len(raw)
        if size > MAX_REPLY and raw.startswith(b"%d-" % code):
            continue  # as those before it, and its words are not kept
        found, last, words = _parse_line(raw, scrub, quoted)
        if lines and found != code:
            raise Malformed(f"one reply gives both {code} and {found}")
        code = found
        if size <= MAX_REPLY:
            lines.append(words)
    # All lines at once: one that is short tells little of its charset.
    text = _readable(b"\n".join(lines), scrub)
    return Reply(code, tuple(map(printable, text.split("\n"))))


def _parse_line(raw: bytes, scrub: Scrub, quoted: bool) -> tuple[int, bool, bytes]:
    """The code, whether the line is the last of its reply, and the words."""
    line = raw.removesuffix(b"\r")
    found = _LINE.fullmatch(line)
    if found is None:
        mark = _PROTOCOL.match(line.decode("ascii", "replace"))
        begins = f"{mark[0]}\N{HORIZONTAL ELLIPSIS}" if mark else ""
        shown = printable(_readable(line, scrub))[:80] if quoted else begins
        words = "this is not an SMTP reply" + (f": {shown!r}" if shown else "")
        raise Malformed(words, (mark.lastgroup or "") if mark else "")
    return int(found[1]), found[2] != b"-", found[3] or b""


def _readable(data: bytes, scrub: Scrub) -> str:
    """The words without secrets, in whatever charset.

    Twice: first as the octets that we sent, which a charset might make something else of; then
    as text, where the server has brought them into its own charset.
    """
    clean = scrub(data.decode("utf-8", "surrogateescape"))
    return scrub(decode(clean.encode("utf-8", "surrogateescape")))


def printable(text: str) -> str:
    """``text`` without the control characters that would forge a line in a log or a terminal."""
    return _CONTROL.sub(" ", text).strip()


def scrubber(username: str, password: str) -> Scrub:
    """A function that blots out credentials which a server repeats.

    Plain, in capitals too, and of what goes over the wire in base64 any piece of eight characters.
    A user name shorter than four characters is left alone when plain: it is too likely to be
    part of an innocent word. Its place is marked by `USER_NAME`, for pages that may show it.
    """
    coded = [_base64(f"\0{username}\0{password}"), _base64(password)] if password else []
    coded += [_base64(username)] if username else []
    secrets = [*coded, *([password] if password else []), *([username] * (len(username) >= 4))]
    if not secrets:
        return lambda text: text
    # The longest first: a short secret inside a long one must not leave the rest of it behind.
    secrets.sort(key=len, reverse=True)
    whole = re.compile("|".join(re.escape(secret) for secret in secrets), re.IGNORECASE)
    pieces = frozenset(piece for secret in coded for piece in _pieces(secret.rstrip("=")))
    name = username.lower()

    def blot(found: re.Match[str]) -> str:
        return USER_NAME if found[0].lower() == name else "***"

    return lambda text: whole.sub(blot, _RUN.sub(partial(_blot, pieces), text))


def with_user_name(text: str, username: str) -> str:
    """``text`` with the user name where the server had repeated it; as it is without one."""
    return text.replace(USER_NAME, username) if username else text


def _blot(pieces: frozenset[str], run: re.Match[str]) -> str:
    return run[0] if pieces.isdisjoint(_pieces(run[0])) else "***"


def _pieces(text: str) -> Iterator[str]:
    folded = text.lower()
    return (folded[start : start + _PIECE] for start in range(len(folded) - _PIECE + 1))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
