"""What copying brings along: characters that cannot be seen, and logins inside an address.

A login in an address (``smtps://user:password@host``) may be typed into any field, so every field
that shows a value again, and every error that quotes one, goes through `without_login`. Where it
is not certain which part is the password, more is cut than needed.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from ..text import is_invisible, is_odd_blank

_LOOKALIKES = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    | {"\u3002": ".", "\uff61": ".", "\u2024": ".", "\ufe6b": "@", "\ufe55": ":", "\u2236": ":"}
)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_SHOWN_CHARACTERS = 4

_NAME_AND_ADDRESS = re.compile(r"[^<>@]*<[^<>:@\s]+@[^<>@\s]+>")
_LABEL = re.compile(
    r"(?:^|(?<=[\s,;<\"']))(?:mailto:(?://)?|(?:from|to|sender|reply-to|e-?mail|address|name|user(?:name)?"
    r"|login)\s*:\s+)",
    re.IGNORECASE,
)
_NAMED_SECRET = re.compile(
    r"\b(?:(?:pass(?:word|wd|phrase|wort)?|pwd|secret|token|api[_-]?key|kennwort|senha|contrase\xf1a"
    r"|mot de passe)\s*[:=]\s*(?!\d{1,5}\s*$)\S|(?:password|passwd|passwort|kennwort)\s+\S)",
    re.IGNORECASE,
)
# Host, port, user name and password in a row, as lists of servers have them.
_LISTED = re.compile(
    r"\s*(?P<place>(?:[a-z+.-]+://)?[\w-]+(?:\.[\w-]+)+[\s:,;|]+\d{1,5})"
    r"(?P<more>(?:[\s:,;|]+[^\s:,;|]+){2,})[\s:,;|]*",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(
    r"[\d(),/.=-]*|\W*(?:or|port|tcp|e?smtps?|ssl|tls|ssl/tls|starttls|implicit|explicit|recommended)\W*",
    re.IGNORECASE,
)
_WITHOUT_HOST = re.compile(
    r"\s*(?P<scheme>(?:e?smtps?|submissions?|ssl|tls)(?:[+.-](?:ssl|tls|starttls))?)://"
    r"[^\[\]:/\s]+:(?!\d{1,5}\b).+",
    re.IGNORECASE,
)
_FIRST_MARK = re.compile(r"(?P<before>(?:.*?[\s,;<(\"'])??)(?P<token>[^\s,;<(\"']*?)(?::|//)")
_MAIL_SCHEME = re.compile(
    r"(?:e?smtps?|submissions?|ssl|tls)(?:[+.-](?:ssl|tls|starttls))?", re.IGNORECASE
)
_PLACE = re.compile(
    r"\s*(?P<place>(?:\[[0-9a-f:.]+\]|[\w.-]+)(?::\d{1,5})?)(?:[/?#].*|[>)\]\"',;.\s]*)",
    re.IGNORECASE,
)


def named(characters: list[str]) -> str:
    """Name characters: ``a no-break space (U+00A0) and an em dash (U+2014)``."""
    names = []
    for each in characters[:_SHOWN_CHARACTERS]:
        name = unicodedata.name(each, "unnamed character").lower()
        names.append(f"{'an' if name[0] in 'aeiou' else 'a'} {name} (U+{ord(each):04X})")
    if len(characters) > _SHOWN_CHARACTERS:
        names.append("others")
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def plain(text: str) -> str:
    """Return ``text`` without invisible characters, full-width forms and odd blanks as in ASCII."""
    seen = "".join(
        " " if is_odd_blank(each) or each in "\u2028\u2029" else each
        for each in text
        if each in "\u2028\u2029" or not is_invisible(each)
    )
    return seen.translate(_LOOKALIKES)


def ascii_digits(text: str) -> str:
    """Return ``text`` with the decimal digits of any script as 0 to 9."""
    values = ((each, unicodedata.decimal(each, None)) for each in text)
    return "".join(each if value is None else str(value) for each, value in values)


def unescaped(text: str) -> str:
    """Return ``text`` with its percent escapes decoded, also where that was done twice."""
    for _ in range(3):
        if not _ESCAPE.search(text):
            break
        text = unquote(text, errors="replace")
    return text


def holds_login(text: str) -> bool:
    """Whether a user name and a password, or what may be one, are in ``text``."""
    return any(_cut(line) is not None for line in text.split("\n"))


def without_login(text: str) -> str:
    """Return ``text`` without what may be a login: of a URL, scheme, host and port remain."""
    if not holds_login(text):
        return text
    cut = ((line, _cut(line)) for line in text.split("\n"))
    return "\n".join(line if rest is None else rest for line, rest in cut)


def _cut(line: str) -> str | None:
    """Return a line without its login, ``None`` where there is none."""
    text = unescaped(plain(line))
    if _NAME_AND_ADDRESS.fullmatch(text.strip()):
        return None
    if secret := _NAMED_SECRET.search(text):
        before = text[: secret.start()].rstrip(" \t?&;,")
        rest = _cut(before)
        return before if rest is None else rest
    if "@" not in text:
        return _listed(text)
    # The last @: a user name may be an address, and a password may have anything in it.
    head, _, tail = text.rpartition("@")
    mark = _FIRST_MARK.match(_LABEL.sub("", head))
    if mark is None:
        return None
    scheme = f"{mark['token']}://" if _MAIL_SCHEME.fullmatch(mark["token"]) else ""
    place = _PLACE.fullmatch(tail)
    return mark["before"].rstrip("<(\"'") + (scheme + place["place"] if place else "")


def _listed(text: str) -> str | None:
    """The same for a login without an @: ``host:port:user:password``, ``smtp://user:password``."""
    if found := _LISTED.fullmatch(text):
        fields = re.split(r"[\s:,;|]+", found["more"].strip())
        return None if all(map(_NO_SECRET.fullmatch, fields)) else found["place"]
    if found := _WITHOUT_HOST.fullmatch(text):
        return f"{found['scheme']}://"
    return None
