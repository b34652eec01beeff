"""Which lists there are, and which index each follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal_column, select

from ..tables import State
from .matching import Matching
from .statements import PRIORITIES, is_in, is_leased
from .walking import Part

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from .grammar import Search, Term

    Condition = ColumnElement[bool]

WAITING = ("queued", "deferred")
_SLACK = timedelta(minutes=10)
"""How far the order of ids and that of times may differ."""
_NEAR = 200
"""Ids that a time is looked up to."""


def list_of(
    connection: Connection, message: Table, search: Search, now: datetime
) -> tuple[list[Part], list[Term]]:
    """Return the parts of the list that ``search`` goes through, and the terms left to check.

    Waiting messages come in the order in which they go, finished ones the latest first, all
    others the newest first.
    """
    ids = (message.c.id,)
    matching, asked = Matching(message, now), search.status
    waits = asked is not None and asked.value in WAITING
    for term in search.terms:
        if term.key == "id" and not term.negated:
            return [Part((matching.condition(term),), ids)], _but(search, term)
        if term.key == "fault" and not term.negated and not waits:
            return [_finished(message, matching.condition(term), search, now)], _but(search, term)
    if asked is None:
        return [_by_age(connection, message, search, now)], [*search.terms]
    if asked.value in WAITING:
        keys = (message.c.available_at, message.c.id)
        parts = [
            Part((matching.condition(asked), each), keys, descending=False)
            for each in each_priority(message)
        ]
    elif asked.value == "sending":
        keys = (message.c.lease_until, message.c.id)
        parts = [Part(each, keys) for each in leased(message)]
    else:
        parts = [_finished(message, matching.condition(asked), search, now)]
    return parts, _but(search, asked)


def each_priority(message: Table) -> list[Condition]:
    """One condition a priority: within one, the index of waiting messages is in order."""
    return [message.c.priority == literal_column(str(each)) for each in PRIORITIES]


def leased(message: Table) -> list[tuple[Condition, ...]]:
    """The conditions of messages in a sender's hands, in the words of their index."""
    return [
        (is_in(message, state), is_leased(message), message.c.lease_until.is_not(None))
        for state in (State.CLAIMED, State.SENDING)
    ]


def _but(search: Search, answered: Term) -> list[Term]:
    """The terms but for the one that the list answers."""
    return [term for term in search.terms if term is not answered]


def _finished(message: Table, state: Condition, search: Search, now: datetime) -> Part:
    finished, newer = message.c.finished_at, _age(search, "newer")
    oldest = None if newer is None else finished >= now - newer - _SLACK
    keys = (finished, message.c.id)
    return Part((state, finished.is_not(None)), keys, last=oldest)


def _by_age(connection: Connection, message: Table, search: Search, now: datetime) -> Part:
    """Ids rise with time, near enough: an age becomes a bound on the ids."""
    newer, older = _age(search, "newer"), _age(search, "older")
    first = last = None
    if older is not None:
        first = message.c.id <= _id_at(connection, message, now - older + _SLACK) + _NEAR
    if newer is not None:
        last = message.c.id >= _id_at(connection, message, now - newer - _SLACK)
    return Part((), (message.c.id,), first=first, last=last)


def _id_at(connection: Connection, message: Table, at: datetime) -> int:
    """Return an id at or a little before the first message that was queued after ``at``."""
    # One by one: SQLite looks both ends up in the index only where each is asked for alone.
    low, high = (connection.scalar(select(f(message.c.id))) or 0 for f in (func.min, func.max))
    columns: Any = select(message.c.id, message.c.created_at).order_by(message.c.id).limit(1)
    while high - low > _NEAR:
        middle = (low + high) // 2
        row = connection.execute(columns.where(message.c.id >= middle)).first()
        if row is None or row.created_at > at:
            high = middle
        else:
            low = max(row.id, middle)
    return int(low)


def _age(search: Search, key: str) -> timedelta | None:
    ages = [term.value for term in search.terms if term.key == key and not term.negated]
    return (min if key == "newer" else max)(ages) if ages else None
