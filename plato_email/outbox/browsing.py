"""Browse: pages of messages, searches, counts and the commonest errors; flat in a million rows.

Every list follows an index. What no index can answer (words, parts of addresses) is looked for
along that order as long as patience lasts; the page then says how far it came, and a link goes on
from there.
"""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal_column, select, union_all

from ..tables import State
from .base import OutboxPart
from .grammar import STATUSES, Search
from .lists import WAITING, each_priority, leased, list_of
from .matching import Matching
from .reading import message_row
from .statements import is_in
from .walking import Place, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from .values import MessageRow

COUNTED = 10_000
"""Messages that a tab counts at most; above, it says "10,000+"."""
SAMPLED = 2_000
"""Messages that the commonest errors are found among: the latest that failed, of each priority the
next to be tried. Each error of failed ones is counted so far, too."""
PATIENCE = 0.03
"""Seconds that a page searches where no index helps."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Attributes:
        newer: the page before this one ends ahead of this place; ``None`` on the first.
        older: the next page begins behind this place; ``None`` on the last.
        reached: patience ended before the page was full; what was looked at last was queued then.
    """

    messages: tuple[MessageRow, ...]
    newer: Place | None
    older: Place | None
    reached: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """A number of messages, counted up to a limit."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.more else ''}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Failed, or deferred, messages that met the same trouble, and one of them."""

    mark: str
    count: Count
    example: MessageRow


class Browsing(OutboxPart):
    """Questions of somebody who looks for messages."""

    def page(
        self,
        search: Search,
        *,
        after: Place | None = None,
        before: Place | None = None,
        limit: int = 50,
        patience: float = PATIENCE,
    ) -> Page:
        """Return messages that fit ``search``, those behind ``after`` or those ahead of ``before``.

        Args:
            search: what is looked for.
            after: the last message of the page before.
            before: the first message of the page behind; it wins over ``after``.
            limit: messages at most.
            patience: seconds after which a search ends that no index answers.
        """
        now = self._clock.now()

        def work(connection: Connection) -> Page:
            walk = self._walk(connection, search, now, patience)
            found = walk.go(before or after, limit + 1, back=before is not None)
            shown, more = found.rows[:limit], len(found.rows) > limit
            further = shown[-1][1] if more else found.reached
            start = before or after
            behind = shown[0][1] if shown and start else start
            rows = reversed(shown) if before else shown
            return Page(
                messages=tuple(message_row(row, now) for row, _ in rows),
                newer=further if before else behind,
                older=behind if before else further,
                reached=self._queued_at(connection, found.reached) if not more else None,
            )

        return self._database.read(work)

    def search(self, search: Search, *, limit: int) -> Iterator[MessageRow]:
        """Yield up to ``limit`` messages that fit ``search``, however long it takes."""
        place: Place | None = None
        while limit > 0:
            page = self.page(search, after=place, limit=min(limit, 500), patience=1.0)
            yield from page.messages
            limit -= len(page.messages)
            place = page.older
            if place is None:
                return

    def newest(self) -> int:
        """Return the id of the newest message; 0 where there is none."""
        query = select(func.max(self._tables.message.c.id))
        return int(self._database.read(lambda c: c.scalar(query)) or 0)

    def counts(self) -> dict[str, Count]:
        """Count the messages of each status up to `COUNTED`, in one statement."""
        matching = Matching(self._tables.message, self._clock.now())
        query = select(*(self._counted(matching, each).label(each) for each in STATUSES))
        row = self._database.read(lambda c: c.execute(query).one())
        return {each: _count(number, COUNTED) for each, number in zip(STATUSES, row, strict=True)}

    def faults(self, limit: int = 5) -> tuple[Fault, ...]:
        """Return the commonest errors among the latest failed messages, the commonest first."""

        def work(connection: Connection) -> tuple[Fault, ...]:
            groups = connection.execute(self._commonest(limit)).all()
            return self._with_examples(
                connection,
                [(each.fault, self._alike(connection, each.fault), each.latest) for each in groups],
            )

        return self._database.read(work)

    def deferrals(self, limit: int = 5) -> tuple[Fault, ...]:
        """Return what the deferred messages that are tried next wait for, the commonest first."""

        def work(connection: Connection) -> tuple[Fault, ...]:
            looked_at, alike, one = Counter[int](), Counter[str](), dict[str, int]()
            for priority, mark, number, example in connection.execute(self._deferred()):
                looked_at[priority] += number
                if mark is not None:
                    alike[mark] += number
                    one[mark] = example
            full = SAMPLED in looked_at.values()
            groups = [(mark, Count(n, full), one[mark]) for mark, n in alike.most_common(limit)]
            return self._with_examples(connection, groups)

        return self._database.read(work)

    def _with_examples(
        self, connection: Connection, groups: Sequence[tuple[str, Count, int]]
    ) -> tuple[Fault, ...]:
        """Make values of marks, their counts, and the id of a message of each."""
        message, now = self._tables.message, self._clock.now()
        query = select(message).where(message.c.id.in_([id for _, _, id in groups]))
        rows = {row.id: message_row(row, now) for row in connection.execute(query)}
        return tuple(Fault(mark, n, rows[id]) for mark, n, id in groups if id in rows)

    def _walk(self, connection: Connection, search: Search, now: datetime, patience: float) -> Walk:
        message = self._tables.message
        matching = Matching(message, now)
        parts, terms = list_of(connection, message, search, now)
        filters = [matching.condition(term) for term in terms]
        return Walk(connection, message, parts, filters, patience)

    def _queued_at(self, connection: Connection, place: Place | None) -> datetime | None:
        if place is None:
            return None
        message = self._tables.message
        query = select(message.c.created_at).where(message.c.id == place.id)
        at: datetime | None = connection.scalar(query)
        return at

    def _counted(self, matching: Matching, status: str) -> ColumnElement[int]:
        """By index alone: each condition in the words of the index that answers it."""
        message = self._tables.message
        state = matching.status(status)
        if status in WAITING:
            due = message.c.available_at
            counts = [self._bounded(due, state, each) for each in each_priority(message)]
        elif status == "sending":
            counts = [self._bounded(message.c.lease_until, *each) for each in leased(message)]
        else:
            finished = message.c.finished_at
            counts = [self._bounded(finished, state, finished.is_not(None))]
        return reduce(operator.add, counts)

    def _bounded(
        self, order: ColumnElement[Any], *where: ColumnElement[bool], most: int | None = None
    ) -> Any:
        """Count some rows and no more; in order, or PostgreSQL would collect them all first."""
        one: ColumnElement[int] = literal_column("1").label("one")
        some = select(one).select_from(self._tables.message).where(*where).order_by(order)
        few = some.limit((most or COUNTED) + 1).subquery()
        return select(func.count()).select_from(few).scalar_subquery()

    def _commonest(self, limit: int) -> Select[Any]:
        message = self._tables.message
        latest = (
            select(message.c.id, message.c.fault)
            .where(is_in(message, State.FAILED), message.c.finished_at.is_not(None))
            .order_by(message.c.finished_at.desc(), message.c.id.desc())
            .limit(SAMPLED)
            .subquery()
        )
        return (
            select(latest.c.fault, func.max(latest.c.id).label("latest"))
            .where(latest.c.fault.is_not(None))
            .group_by(latest.c.fault)
            .order_by(func.count().desc(), latest.c.fault)
            .limit(limit)
        )

    def _deferred(self) -> Select[Any]:
        """Of those of each priority that are tried next: the marks, the number and one of each."""
        message = self._tables.message
        deferred = Matching(message, self._clock.now()).status("deferred")
        columns = (message.c.id, message.c.priority, message.c.fault)
        parts = [
            select(*columns)
            .where(deferred, each)
            .order_by(message.c.available_at)
            .limit(SAMPLED)
            .subquery()
            for each in each_priority(message)
        ]
        some = union_all(*(select(part) for part in parts)).subquery()
        mark = (some.c.priority, some.c.fault)
        return select(*mark, func.count(), func.max(some.c.id)).group_by(*mark)

    def _alike(self, connection: Connection, mark: str) -> Count:
        message = self._tables.message
        number = self._bounded(message.c.finished_at, message.c.fault == mark, most=SAMPLED)
        return _count(int(connection.scalar(select(number)) or 0), SAMPLED)


def _count(number: int, most: int) -> Count:
    return Count(min(number, most), number > most)
