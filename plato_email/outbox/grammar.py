"""The search box: what may be typed into it, read into terms.

The keys are data: the page's help, docs/reference/search.md and the error for a key that does
not exist are made from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from functools import partial
from typing import Any

from ..errors import PlatoEmailError
from .statements import PRIORITIES

STATUSES = ("queued", "deferred", "sending", "sent", "partial", "failed", "cancelled", "expired")
"""``partial`` messages were sent, but not to all their recipients; they are ``sent``, too."""
PRIORITY_NAMES = dict(zip(PRIORITIES, ("high", "normal", "low"), strict=True))
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LARGEST = 2**63 - 1
LONGEST = 500
"""Characters of a search that are read."""


class SearchError(PlatoEmailError, ValueError):
    """A search that cannot be understood; the message is one sentence a problem."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A number to compare with, and how: ``<``, ``<=``, ``=``, ``>=`` or ``>``."""

    sign: str
    number: int


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the grammar; ``read`` turns what was typed into a value or raises ValueError."""

    name: str
    meaning: str
    example: str
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. ``key`` is "" for plain words."""

    key: str
    value: Any
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: every term must hold. ``text`` is what was typed."""

    text: str = ""
    terms: tuple[Term, ...] = ()

    @property
    def status(self) -> Term | None:
        """The term that names one state, where there is just one."""
        found = [each for each in self.terms if each.key == "status" and not each.negated]
        return found[0] if len(found) == 1 else None

    def without(self, key: str) -> str:
        """Return what was typed but for the terms of ``key``."""
        words = [each.group() for each in _WORD.finditer(self.text)]
        kept = [word for word in words if not word.lstrip("-").lower().startswith(f"{key}:")]
        return " ".join(kept)


def _text(typed: str) -> str:
    return typed


def _one_of(choices: dict[str, Any], typed: str) -> Any:
    if typed.lower() not in choices:
        raise ValueError(f"is none of {', '.join(choices)}")
    return choices[typed.lower()]


def _age(typed: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([mhdw])", typed.lower())
    if found is None:
        raise ValueError("is no age: write a number and m, h, d or w, such as 30m, 1h or 2d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _code(typed: str) -> str:
    if not re.fullmatch(r"[245](\d{0,2}|(\.\d{1,3}){1,2}\.?)", typed):
        raise ValueError("is no reply code (550, 4) and no enhanced code (5.7.1, 5.7)")
    return typed.rstrip(".")


def _compared(typed: str) -> Comparison:
    found = re.fullmatch(r"(<=|>=|<|>|=)?(\d{1,4})", typed)
    if found is None:
        raise ValueError("is no number: write 2, >2 or <=2")
    return Comparison(found[1] or "=", int(found[2]))


def _number(typed: str) -> int | str:
    if typed.isascii() and typed.isdigit():
        return min(int(typed), _LARGEST)
    if "@" not in typed:
        raise ValueError("is neither a message's number nor a Message-ID")
    return typed if typed.startswith("<") else f"<{typed}>"


def _fault(typed: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16}", typed):
        raise ValueError("is not the mark of an error; use the list's own links")
    return typed


def _priority(typed: str) -> int:
    return int(_one_of({name: number for number, name in PRIORITY_NAMES.items()}, typed))


def _has(typed: str) -> str:
    return str(_one_of({"attachment": "attachment"}, typed))


KEYS: tuple[Key, ...] = (
    Key(
        "status",
        f"What has become of it: {', '.join(STATUSES[:-1])} or {STATUSES[-1]}; "
        "partial was sent, but not to all its recipients.",
        "status:failed",
        partial(_one_of, {each: each for each in STATUSES}),
    ),
    Key("to", "Part of the address of a recipient.", "to:@acme.com", _text),
    Key("from", "Part of the address of the sender.", "from:billing@", _text),
    Key("subject", "Part of the subject; never of a sensitive message.", "subject:invoice", _text),
    Key(
        "code",
        "The server's reply code or enhanced code, or how it begins.",
        "code:5.7",
        _code,
    ),
    Key("reply", "Part of what the server said last.", 'reply:"mailbox full"', _text),
    Key("older", "Queued longer ago than that: m, h, d, w.", "older:1h", _age),
    Key("newer", "Queued within that time: m, h, d, w.", "newer:2d", _age),
    Key(
        "priority",
        "high, normal or low.",
        "priority:high",
        _priority,
    ),
    Key("attempts", "How often it was tried.", "attempts:>2", _compared),
    Key("has", "attachment: a file is attached.", "has:attachment", _has),
    Key("id", "Its number, or its Message-ID.", "id:1234", _number),
    Key("fault", "Met the same trouble; what Show writes.", "fault:9f86d081884c7d65", _fault),
)
BY_NAME = {key.name: key for key in KEYS}
_WORD = re.compile(r'-?(?:[A-Za-z-]+:)?"[^"]*"?|\S+')
_KEYED = re.compile(r"([A-Za-z-]+):(.*)", re.DOTALL)


def read_search(text: str) -> Search:
    """Read what was typed.

    Raises:
        SearchError: a key that does not exist, or a value that its key does not take; it names
            every problem.
    """
    text = text.replace("\0", "").strip()
    if len(text) > LONGEST:
        raise SearchError(f"A search has at most {LONGEST} characters; this one has {len(text)}.")
    terms, problems = [], []
    for found in _WORD.finditer(text):
        try:
            terms.append(_term(found.group()))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SearchError(" ".join(problems))
    return Search(text, tuple(each for each in terms if each.value != ""))


def _term(word: str) -> Term:
    negated = word.startswith("-") and len(word) > 1
    word = word[negated:]
    if word.startswith('"'):
        return Term("", word.strip('"'), negated)
    keyed = _KEYED.fullmatch(word)
    if keyed is None:
        return Term("", word, negated)
    name, typed = keyed[1].lower(), keyed[2].strip('"')
    key = BY_NAME.get(name)
    if key is None:
        raise ValueError(_unknown(name, word))
    if not typed:
        raise ValueError(f"{name}: has no value. Write it without a blank: {key.example}.")
    try:
        return Term(name, key.read(typed), negated)
    except ValueError as error:
        raise ValueError(f"{name}: {typed} {error}.") from None


def _unknown(name: str, word: str) -> str:
    near = get_close_matches(name, BY_NAME, n=1, cutoff=0.5)
    keys = ", ".join(f"{each}:" for each in BY_NAME)
    meant = f"Did you mean {near[0]}:?" if near else f"There are {keys}."
    return f'There is no key {name}:. {meant} To look for the words themselves: "{word}".'
