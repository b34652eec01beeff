"""From the terms of a search to conditions of SQL."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, literal_column, or_

from ..tables import State
from .fault import PARTIAL
from .statements import is_in

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

    from .grammar import Term

    Condition = ColumnElement[bool]

_SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


class Matching:
    """The conditions on one site's messages at one moment."""

    def __init__(self, message: Table, now: datetime) -> None:
        self._message = message
        self._now = now

    def status(self, word: str) -> Condition:
        """The condition of a word that the pages use for a state."""
        message = self._message
        match word:
            case "queued":
                due = message.c.available_at <= self._now
                return and_(is_in(message, State.QUEUED), due)
            case "deferred":
                later = message.c.available_at > self._now
                return and_(is_in(message, State.QUEUED), later)
            case "sending":
                return is_in(message, State.CLAIMED, State.SENDING)
            case "partial":
                # Those in flight once more are not.
                return message.c.fault == literal_column(f"'{PARTIAL}'")
            case _:
                return is_in(message, State(word))

    def condition(self, term: Term) -> Condition:
        """What one term asks of a message."""
        read = getattr(self, f"_{term.key or 'words'}")
        condition: Condition = read(term.value)
        # Not NOT: a column without a value makes that neither true nor false.
        return case((condition, 1), else_=0) == 0 if term.negated else condition

    def _status(self, word: str) -> Condition:
        return self.status(word)

    def _words(self, words: str) -> Condition:
        message_id = self._message.c.message_id
        return or_(self._to(words), self._subject(words), _contains(message_id, words))

    def _to(self, words: str) -> Condition:
        return _contains(self._message.c.recipients, json.dumps(words, ensure_ascii=False)[1:-1])

    def _from(self, words: str) -> Condition:
        return _contains(self._message.c.sender, words)

    def _subject(self, words: str) -> Condition:
        message = self._message
        return and_(message.c.sensitive.is_(False), _contains(message.c.subject, words))

    def _reply(self, words: str) -> Condition:
        return _contains(self._message.c.reply, words)

    def _code(self, typed: str) -> Condition:
        code, enhanced = self._message.c.code, self._message.c.enhanced
        if "." in typed:
            return or_(enhanced == typed, enhanced.startswith(f"{typed}.", autoescape=True))
        scale = 10 ** (3 - len(typed))
        return code.between(int(typed) * scale, (int(typed) + 1) * scale - 1)

    def _older(self, age: timedelta) -> Condition:
        return self._message.c.created_at < self._now - age

    def _newer(self, age: timedelta) -> Condition:
        return self._message.c.created_at >= self._now - age

    def _priority(self, number: int) -> Condition:
        return self._message.c.priority == number

    def _attempts(self, wanted: Any) -> Condition:
        condition: Condition = _SIGNS[wanted.sign](self._message.c.attempts, wanted.number)
        return condition

    def _has(self, _what: str) -> Condition:
        return self._message.c.attachments > 0

    def _id(self, value: int | str) -> Condition:
        message = self._message
        return message.c.id == value if isinstance(value, int) else message.c.message_id == value

    def _fault(self, mark: str) -> Condition:
        return self._message.c.fault == mark


def _contains(column: ColumnElement[str], words: str) -> Condition:
    """Whatever the case; SQLite knows the cases of ASCII letters only."""
    return column.icontains(words, autoescape=True)
