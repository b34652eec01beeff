"""Walk along a list of messages: in the order of an index, page by page, in windows.

A list is made of parts, each a stretch of one index. A search that no index answers goes through
a part in windows until the page is full or patience ends, so that its price is bounded however
long the list is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Row, Select, Table

    Condition = ColumnElement[bool]

LARGEST_ID = 2**63 - 1
WINDOW = 1_000
"""Rows of the first window, by the number of filters; each is twice the last, up to `WIDEST`."""
NARROWEST, WIDEST = 100, 16_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as every stored time
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands: the part of the list, its time where that counts, its id."""

    part: int
    at: datetime | None
    id: int

    def __str__(self) -> str:
        at = "" if self.at is None else (self.at - _EPOCH) // _MICROSECOND
        return f"{self.part}.{at}.{self.id}"

    @classmethod
    def read(cls, text: str) -> Place | None:
        """Read what ``str()`` wrote; ``None`` for anything else."""
        try:
            part, at, number = text.split(".")
            moment = _EPOCH + int(at) * _MICROSECOND if at else None
            return cls(int(part), moment, min(max(int(number), 0), LARGEST_ID))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a list: rows that one index holds in order, by a time and the id, or the id."""

    where: tuple[Condition, ...]
    keys: tuple[Column[Any], ...]
    descending: bool = True
    first: Condition | None = None
    """Where it begins, and `last` where it ends, if not with the index. A place within takes its
    part: of two bounds on the same side SQLite uses one, and it may be the wider."""
    last: Condition | None = None

    def between(
        self, query: Select[Any], place: Place | None, end: Place | None, back: bool
    ) -> Select[Any]:
        """Put rows in order, those beyond ``place`` up to ``end``."""
        descending = self.descending is not back
        near, far = (self.last, self.first) if back else (self.first, self.last)
        if place is not None:
            near = self._beyond(place, less=descending)
        if end is not None:
            far = self._beyond(end, less=not descending, or_at=True)
        bounds = [bound for bound in (near, far) if bound is not None]
        order = (key.desc() if descending else key for key in self.keys)
        return query.where(*self.where, *bounds).order_by(*order)

    def place(self, number: int, row: Row[Any, Any]) -> Place:
        """Where a row stands, in the part of that number."""
        at = getattr(row, self.keys[0].name) if len(self.keys) > 1 else None
        return Place(number, at, row.id)

    def _beyond(self, place: Place, *, less: bool, or_at: bool = False) -> Condition:
        number = self.keys[-1]
        value = place.id + (or_at if less else -or_at)
        by_id: Condition = number < value if less else number > value
        if len(self.keys) == 1 or place.at is None:
            return by_id
        # Written so that each planner sees the range of the time; no row constructor, which
        # MariaDB does not look up in an index.
        at = self.keys[0]
        if less:
            return and_(at <= place.at, or_(at < place.at, by_id))
        return and_(at >= place.at, or_(at > place.at, by_id))


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a walk found.

    Attributes:
        rows: the rows and where they stand, in the order of the walk.
        reached: where patience ended; ``None`` where it did not.
    """

    rows: list[tuple[Row[Any, Any], Place]]
    reached: Place | None


class Walk:
    """A walk along ``parts`` for rows that fulfil ``filters``; ``patience`` is in seconds."""

    def __init__(
        self,
        connection: Connection,
        table: Table,
        parts: Sequence[Part],
        filters: Sequence[Condition],
        patience: float,
    ) -> None:
        self._connection = connection
        self._table = table
        self._parts = parts
        self._filters = filters
        self._until = time.monotonic() + patience

    def go(self, start: Place | None, limit: int, *, back: bool = False) -> Stretch:
        """Go from ``start`` until ``limit`` rows are found, the list ends or patience does."""
        found: list[tuple[Row[Any, Any], Place]] = []
        for number in reversed(range(len(self._parts))) if back else range(len(self._parts)):
            if start is not None and (number > start.part if back else number < start.part):
                continue
            place = start if start is not None and start.part == number else None
            for end in self._windows(number, place, back, limit, found):
                if time.monotonic() > self._until:
                    return Stretch(found, end)
            if len(found) >= limit:
                break
        return Stretch(found, None)

    def _windows(
        self,
        number: int,
        place: Place | None,
        back: bool,
        limit: int,
        found: list[tuple[Row[Any, Any], Place]],
    ) -> Iterator[Place]:
        """Add what one part has to ``found``; yield where each window ends that another follows."""
        part, size = self._parts[number], max(NARROWEST, WINDOW // max(1, len(self._filters)))
        while len(found) < limit:
            began = time.monotonic()
            end = self._end(number, place, size, back)
            query = part.between(select(self._table), place, end, back).where(*self._filters)
            rows = self._connection.execute(query.limit(limit - len(found))).all()
            found += [(row, part.place(number, row)) for row in rows]
            if end is None or len(found) >= limit:
                return
            yield end
            place, size = end, self._next_size(size, began)

    def _next_size(self, size: int, began: float) -> int:
        """Twice as wide, but no wider than the patience that is left, by how the last one went."""
        now = time.monotonic()
        fits = int(size * (self._until - now) / max(now - began, 1e-6))
        return max(NARROWEST, min(2 * size, WIDEST, fits))

    def _end(self, number: int, place: Place | None, size: int, back: bool) -> Place | None:
        """Where the next window ends; ``None`` where the part does, and where no filter is."""
        if not self._filters:
            return None
        part = self._parts[number]
        query = part.between(select(*part.keys), place, None, back).offset(size - 1).limit(1)
        row = self._connection.execute(query).first()
        return None if row is None else part.place(number, row)
