"""Figures: the queue in numbers, at a price that does not grow with it.

Counting costs as much as there is to count, a tenth of a second for a million rows, and a page
that is left open asks every few seconds. So a count of many rows is remembered for a while, and
that of an hour which is over for as long as anybody asks. Every count is a range of one index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import bindparam, case, func, literal_column, select

from ..tables import DateTime, State
from .base import OutboxPart
from .statements import PRIORITIES, is_in, is_leased
from .values import Hour, Statistics

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select

    from ..tables import Tables

T = TypeVar("T")

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SETTLED = timedelta(minutes=15)
"""After its end an hour may still get results: they are offered for ten minutes to a database
that is away."""
MANY = 50_000
"""Rows that are counted again at once. A count of more is kept a second for each so many."""
KEPT = 60.0
"""Seconds that the failures of an hour that is over are kept: one may be queued again."""


class Figures(OutboxPart):
    """Counts. Those of many rows may be some seconds old; see `MANY`."""

    def statistics(self, interval: float) -> Statistics:
        """Count the queue; ``interval`` is the settings' own, in seconds."""
        now = self._clock.now()
        return self._database.read(lambda c: self._count(c, now, interval))

    def hours(self) -> tuple[Hour, ...]:
        """Return the last 24 hours of the clock, the oldest first and the present one last."""
        now = self._clock.now()
        starts = [_hour_of(now) - HOUR * back for back in reversed(range(24))]

        def count(connection: Connection, start: datetime, state: State) -> int:
            return self._finished(connection, state, start, start + HOUR, now)

        return self._database.read(
            lambda c: tuple(
                Hour(start, count(c, start, State.SENT), count(c, start, State.FAILED))
                for start in starts
            )
        )

    def finished_since(self, moment: datetime) -> int:
        """Return how many messages were sent or have failed since ``moment``, a day at most."""
        now = self._clock.now()
        begin = max(moment, now - DAY)
        return self._database.read(
            lambda c: sum(
                self._finished_between(c, state, begin, now) for state in (State.SENT, State.FAILED)
            )
        )

    def _count(self, connection: Connection, now: datetime, interval: float) -> Statistics:
        asked, moment = self._questions, {"b_now": now}

        def waiting() -> tuple[int, int]:
            total, later = connection.execute(asked.waiting, moment).one()
            return int(total), int(later or 0)

        total, later = self._memory.recall("waiting", waiting, lambda w: _by_size(w[0]))
        begin = now - timedelta(seconds=interval)
        live = connection.execute(asked.live, moment | {"b_begin": begin}).one()
        oldest = min((at for at in live[3:] if at is not None), default=None)
        yesterday = (now - DAY).replace(second=0, microsecond=0)
        return Statistics(
            queued=total - later,
            deferred=later,
            sending=int(live[0]),
            sent=self._finished_between(connection, State.SENT, yesterday, now),
            failed=self._finished_between(connection, State.FAILED, yesterday, now),
            oldest_waiting=_age(oldest, now),
            taken=int(live[1]),
            taken_first=_age(live[2], now),
        )

    def _finished_between(
        self, connection: Connection, state: State, begin: datetime, now: datetime
    ) -> int:
        """Count by hours of the clock, for those that are over are known."""
        total = 0
        while begin <= now:
            end = _hour_of(begin) + HOUR
            total += self._finished(connection, state, begin, end, now)
            begin = end
        return total

    def _finished(
        self, connection: Connection, state: State, begin: datetime, end: datetime, now: datetime
    ) -> int:
        """Count what became ``state`` in an hour or a part of it."""

        def count() -> int:
            query = self._questions.finished[state]
            return int(connection.scalar(query, {"b_begin": begin, "b_end": end}) or 0)

        def keep(counted: int) -> float:
            if now < end + SETTLED:
                return _by_size(counted)
            whole = state is State.SENT and end - begin == HOUR
            return DAY.total_seconds() if whole else KEPT

        return self._memory.recall((state, begin), count, keep)

    @cached_property
    def _questions(self) -> _Questions:
        return _Questions(self._tables)

    @cached_property
    def _memory(self) -> _Memory:
        return _Memory()


class _Questions:
    """The statements, built once; states are literals, as the partial indexes want them."""

    def __init__(self, tables: Tables) -> None:
        message, take = tables.message, tables.take
        now, begin = bindparam("b_now", type_=DateTime), bindparam("b_begin", type_=DateTime)
        queued = is_in(message, State.QUEUED)

        def count(*where: ColumnElement[bool]) -> Select[Any]:
            return select(func.count()).select_from(message).where(*where)

        def queued_as(priority: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
            return queued, message.c.priority == literal_column(str(priority))

        # One pass for both, and with the priorities named, for the index begins with them.
        late = case((message.c.available_at > now, 1), else_=0)
        any_priority = message.c.priority.in_([literal_column(str(p)) for p in PRIORITIES])
        self.waiting = select(func.count(), func.sum(late)).where(queued, any_priority)
        held = [
            count(is_in(message, s), is_leased(message)) for s in (State.CLAIMED, State.SENDING)
        ]
        recent = select(func.coalesce(func.sum(take.c.count), 0)).where(take.c.at > begin)
        first = select(func.min(take.c.at)).where(take.c.at > begin, take.c.count > 0)
        oldest = [
            select(func.min(message.c.available_at))
            .where(*queued_as(p), message.c.available_at <= now)
            .scalar_subquery()
            for p in PRIORITIES
        ]
        self.live = select(_sum(held), recent.scalar_subquery(), first.scalar_subquery(), *oldest)
        self.finished = {
            state: count(
                is_in(message, state),
                message.c.finished_at >= begin,
                message.c.finished_at < bindparam("b_end", type_=DateTime),
            )
            for state in (State.SENT, State.FAILED)
        }


class _Memory:
    """Counts of this process, each with the time until which it is good enough."""

    _MOST = 500

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Any, float]] = {}

    def recall(self, key: Hashable, count: Callable[[], T], keep: Callable[[T], float]) -> T:
        """Return what is known of ``key``; else count, and remember for ``keep(count)`` seconds.

        Two threads may count the same at once, which costs time and harms nobody.
        """
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and now < known[1]:
            kept: T = known[0]
            return kept
        counted = count()
        if (seconds := keep(counted)) > 0:
            if len(self._known) >= self._MOST:
                self._known = {k: v for k, v in self._known.items() if now < v[1]}
            self._known[key] = (counted, time.monotonic() + seconds)
        else:
            self._known.pop(key, None)
        return counted


def _by_size(counted: int) -> float:
    """Return the seconds that a count of the present is kept."""
    return counted / MANY if counted > MANY else 0.0


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else max(0.0, (now - moment).total_seconds())


def _sum(counts: list[Select[Any]]) -> ColumnElement[int]:
    first, *others = [each.scalar_subquery() for each in counts]
    total: ColumnElement[int] = first
    for each in others:
        total = total + each
    return total
