"""The parts of a message: transfer encodings and multiparts (RFC 2045, RFC 2046)."""

from __future__ import annotations

import codecs
from binascii import b2a_base64, b2a_qp
from dataclasses import dataclass

from ..errors import MessageError
from .checks import header_text, plain_text, shortened

LONGEST_LINE = 998
"""Octets of a line without its CRLF (RFC 5322 section 2.1.1)."""

# Python's codec -> the name that mail programs know. Each writes ASCII and line feeds as ASCII
# does. Codecs that are no charset of mail (rot13, punycode, utf-16) are left out on purpose.
_CHARSETS = {
    "utf-8": "utf-8",
    "ascii": "us-ascii",
    **{f"iso8859-{n}": f"iso-8859-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    **{f"cp{n}": f"windows-{n}" for n in range(1250, 1259)},
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "tis-620": "tis-620",
    "big5": "big5",
    "euc_jp": "euc-jp",
    "euc_kr": "euc-kr",
    "gb2312": "gb2312",
    "gbk": "gbk",
    "gb18030": "gb18030",
    "iso2022_jp": "iso-2022-jp",
    "shift_jis": "shift_jis",
}


@dataclass(slots=True)
class Part:
    """One body part: its Content-* fields and its content, both ready for the wire.

    ``literal`` content was not encoded, so it could hold anything, even a boundary.
    """

    head: str
    chunks: list[bytes]
    literal: bool = False


def charset_named(field: str, name: object) -> str:
    """Return the MIME name of a charset, ``utf-8`` for ``None``.

    Raises:
        MessageError: no such charset, or none that mail programs read.
    """
    if name is None or name == "utf-8":
        return "utf-8"
    text = header_text(field, name)
    try:
        return _CHARSETS[codecs.lookup(text).name]
    except (LookupError, ValueError):
        raise MessageError(
            field, f"{shortened(text)} is not a charset of mail. Use utf-8, or leave it out."
        ) from None


def text_part(field: str, text: object, subtype: str, charset: str) -> Part:
    """Return a text part. Its text ends with a line end; one is added where it has none.

    Raises:
        MessageError: it is no text, or holds half of a surrogate pair.
    """
    lines = plain_text(field, text)
    if "\r" in lines:
        lines = lines.replace("\r\n", "\n").replace("\r", "\n")
    if not lines.endswith("\n"):
        lines += "\n"
    charset, raw = _encoded(field, lines, charset)
    encoding, content = _for_transfer(raw)
    head = (
        f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}"
    )
    return Part(head, [content], literal=encoding == "7bit")


def _encoded(field: str, text: str, charset: str) -> tuple[str, bytes]:
    try:
        return charset, text.encode(charset)
    except UnicodeEncodeError as error:
        if charset != "utf-8":
            # A name with a letter that the charset lacks must not keep the mail from leaving.
            return _encoded(field, text, "utf-8")
        raise MessageError(
            field,
            f"The character {text[error.start]!r} at position {error.start} is half of a "
            "surrogate pair, which no charset can write. Remove it.",
        ) from None


def _for_transfer(raw: bytes) -> tuple[str, bytes]:
    """Encode text with bare line feeds: not at all, or the shorter of the two encodings."""
    lines = raw.replace(b"\n", b"\r\n")
    if raw.isascii() and b"\0" not in raw and longest_line(lines) <= LONGEST_LINE:
        return "7bit", lines
    quoted = b2a_qp(raw, istext=True).replace(b"\n", b"\r\n")
    if len(quoted) <= _base64_size(len(lines)):
        return "quoted-printable", quoted
    return "base64", base64_lines(lines)


def longest_line(data: bytes) -> int:
    """Return the octets of the longest line, line end not counted."""
    return max(map(len, data.split(b"\r\n")))


def _base64_size(size: int) -> int:
    characters = -(-size // 3) * 4
    return characters + characters // 76 * 2


def base64_lines(data: bytes) -> bytes:
    """Encode to base64 in lines of 76, without a final line end."""
    text = b2a_base64(data, newline=False)
    return b"\r\n".join([text[start : start + 76] for start in range(0, len(text), 76)])


def multipart(subtype: str, boundary: str, parts: list[Part], parameters: str = "") -> Part:
    """Join parts by a boundary that occurs in none of them."""
    chunks = []
    for part in parts:
        chunks.append(f"--{boundary}\r\n{part.head}\r\n\r\n".encode("ascii"))
        chunks += part.chunks
        chunks.append(b"\r\n")
    chunks.append(f"--{boundary}--\r\n".encode("ascii"))
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"{parameters}'
    return Part(head, chunks)
