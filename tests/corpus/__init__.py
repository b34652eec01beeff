"""Real replies of real servers as data: what each means, and what becomes of the mail.

One TOML file for each family of servers, each reply with the cause that an expert would name.
:func:`replies` reads them all and refuses what is not well formed, so that a typing error in an
entry fails loudly instead of testing nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from plato_email.errors import Cause, Stage, Verdict

HERE = Path(__file__).parent
FIELDS = frozenset(
    {"", "default_sender", "host", "port", "username", "password", "use_tls", "tls_mode"}
)
"""The settings that a page may point at; "" where none is to blame."""
FATES: Mapping[str, frozenset[Verdict]] = {
    "all mail waits": frozenset({Verdict.SERVER, Verdict.SETUP, Verdict.QUOTA}),
    "deferred": frozenset({Verdict.TEMPORARY}),
    "failed": frozenset({Verdict.PERMANENT}),
    "unknown": frozenset({Verdict.UNKNOWN}),
}
"""What becomes of the mail, and the verdicts that bring it about."""
SOURCES = frozenset(
    {
        "issue",
        "forum",
        "vendor documentation",
        "code list",
        "RFC",
        "source code",
        "own capture",
        "variant",
    }
)
ANSWERED = frozenset(
    {
        Stage.GREETING,
        Stage.EHLO,
        Stage.TLS,
        Stage.LOGIN,
        Stage.SENDER,
        Stage.RECIPIENT,
        Stage.DATA,
        Stage.ACCEPTED,
    }
)
"""The stages at which a server says something."""

_CAUSES = {cause.value: cause for cause in Cause}
_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_DATED = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])|undated")
_LINE = re.compile(r"([2-5]\d\d)([ -])\S.*")
_DEFAULTS = {
    "host": "mail.example.com",
    "port": 587,
    "username": "site@example.com",
    "sender": "site@example.com",
    "app_password": False,
    "hidden": [],
    "note": "",
}
_KINDS: Mapping[str, type] = {"port": int, "app_password": bool, "hidden": list}
"""The type of each value that is no text."""


class BadEntry(ValueError):
    """An entry of the corpus that is not well formed; it says the file, the id and the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One reply, and what is right to make of it."""

    family: str
    """The name of its file."""
    id: str
    stage: Stage
    """What the server was answering."""
    said: str
    """As on the wire, the lines joined by a newline, each with its code."""
    host: str
    port: int
    username: str
    """Empty: no login is set."""
    sender: str
    """The envelope's sender."""
    app_password: bool
    """Whether the password has the form of an app password."""
    hidden: tuple[str, ...]
    """Characters of the login that cannot be seen, as ``U+00A0``."""
    cause: Cause
    field: str
    """The settings field that the page points at."""
    fate: str
    """What becomes of the mail; one of `FATES`."""
    dated: str
    """Month in which the words were reported or read."""
    source: str
    """The kind of source."""
    note: str

    @property
    def code(self) -> int:
        """The reply code."""
        return int(self.said[:3])


_KEYS = frozenset(each.name for each in fields(Entry)) - {"family"}


@cache
def replies() -> tuple[Entry, ...]:
    """Return every entry of every file.

    Raises:
        BadEntry: one of them is not well formed, or two have the same id.
    """
    found = tuple(entry for path in sorted(HERE.glob("*.toml")) for entry in read_family(path))
    seen: dict[str, str] = {}
    for entry in found:
        if entry.id in seen:
            raise BadEntry(
                f"{entry.family}.toml: id {entry.id!r} is in {seen[entry.id]}.toml too; choose "
                "another"
            )
        seen[entry.id] = entry.family
    return found


def read_family(path: Path) -> Iterator[Entry]:
    """Yield the entries of one file.

    Raises:
        BadEntry: the file is no TOML, or an entry in it is not well formed.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadEntry(f"{path.name}: not TOML: {error}") from error
    rows = tables.pop("reply", None)
    if tables or not isinstance(rows, list) or not rows:
        raise BadEntry(f"{path.name}: write [[reply]] tables and nothing else")
    for number, row in enumerate(rows, 1):
        yield read_entry(path.stem, number, row)


def read_entry(family: str, number: int, row: Mapping[str, Any]) -> Entry:
    """Return the entry in ``row``, the ``number``-th of its file.

    Raises:
        BadEntry: a key is missing or unknown, or a value is none of those allowed.
    """
    try:
        return _entry(family, row)
    except ValueError as error:
        raise BadEntry(f"{family}.toml: reply {number} ({row.get('id', 'no id')}): {error}") from (
            error
        )


def _entry(family: str, row: Mapping[str, Any]) -> Entry:
    values = {**_DEFAULTS, **row}
    if wrong := sorted(values.keys() - _KEYS):
        raise ValueError(f"unknown key {wrong[0]!r}; the keys are {', '.join(sorted(_KEYS))}")
    if missing := sorted(_KEYS - values.keys()):
        raise ValueError(f"{missing[0]} is missing")
    for key, value in values.items():
        kind = _KINDS.get(key, str)
        if type(value) is not kind:
            raise ValueError(f"{key} is {value!r}; write {kind.__name__}")
    if repeated := sorted(key for key in _DEFAULTS if key in row and row[key] == _DEFAULTS[key]):
        raise ValueError(f"{repeated[0]} says the default; leave it out")
    _check_form(values)
    return Entry(
        **{
            **values,
            "family": family,
            "hidden": tuple(values["hidden"]),
            "stage": Stage(_one_of("stage", values["stage"], ANSWERED)),
            "cause": _CAUSES[_one_of("cause", values["cause"], _CAUSES)],
            "field": _one_of("field", values["field"], FIELDS),
            "fate": _one_of("fate", values["fate"], FATES),
            "source": _one_of("source", values["source"], SOURCES),
        }
    )


def _check_form(values: Mapping[str, Any]) -> None:
    if not _ID.fullmatch(values["id"]):
        raise ValueError("id: write small letters and digits, with - or . between them")
    if not _DATED.fullmatch(values["dated"]):
        raise ValueError(f"dated is {values['dated']!r}; write a month, 2026-06, or undated")
    if not 0 < values["port"] < 1 << 16:
        raise ValueError(f"port {values['port']} is none")
    if values["sender"] and values["sender"] != values["sender"].strip():
        raise ValueError("sender has blanks around it")
    _check_lines(values["said"].split("\n"))


def _check_lines(lines: list[str]) -> None:
    found = [_LINE.fullmatch(line) for line in lines]
    for line, match in zip(lines, found, strict=True):
        if match is None:
            raise ValueError(f"said: {line!r} is no reply line; write '550 words' or '550-words'")
    codes = {match[1] for match in found if match}
    if len(codes) > 1:
        raise ValueError(f"said gives several codes: {', '.join(sorted(codes))}")
    marks = "".join(match[2] for match in found if match)
    if marks != "-" * (len(lines) - 1) + " ":
        raise ValueError("said: every line but the last has - behind its code, the last a blank")


def _one_of(key: str, value: str, allowed: Any) -> str:
    if value not in set(map(str, allowed)):
        raise ValueError(f"{key} is {value!r}; write one of {', '.join(sorted(map(str, allowed)))}")
    return value
