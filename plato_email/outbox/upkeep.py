"""Upkeep: what an administrator or the calendar does to messages that no sender holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from ..tables import State
from .base import OutboxPart

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

STEP = 200
"""Rows changed in one transaction, so that delivery never waits long."""


class Upkeep(OutboxPart):
    """Guarded on the state, so that none of these races a sender."""

    def retry(self, number: int) -> bool:
        """Queue a failed message again, attempts from zero; false when it is not failed.

        Recipients that a server has accepted are not mailed again.
        """
        return self._database.write(lambda c: self._retry(c, [number])) == 1

    def failed_count(self) -> int:
        """Return how many messages have failed."""
        message = self._tables.message
        query = select(func.count()).where(message.c.state == State.FAILED.value)
        return int(self._database.read(lambda c: c.scalar(query)) or 0)

    def retry_failed(self) -> Iterator[int]:
        """Queue every failed message again; yield how many after each small step."""
        message, last = self._tables.message, 0
        while ids := self._next_ids(message.c.state == State.FAILED.value, last):
            last = ids[-1]
            yield self._database.write(partial(self._retry, ids=ids))

    def purge(self, state: State, older_than: timedelta) -> Iterator[int]:
        """Delete finished messages; yield how many after each small step.

        Raises:
            ValueError: ``state`` is one of a message that may still be sent.
        """
        if state not in (State.SENT, State.FAILED, State.CANCELLED, State.EXPIRED):
            raise ValueError(f"Messages that are {state} are not finished and stay.")
        limit = self._clock.now() - older_than
        while ids := self._database.read(lambda c: self._purgeable(c, state, limit)):
            yield self._database.write(partial(self._delete_rows, ids=ids, state=state))

    def purgeable_count(self, state: State, older_than: timedelta) -> int:
        """Return how many messages `purge` would delete."""
        message = self._tables.message
        query = select(func.count()).where(
            message.c.state == state.value,
            message.c.finished_at < self._clock.now() - older_than,
        )
        return int(self._database.read(lambda c: c.scalar(query)) or 0)

    def drop_sent_contents(self, older_than: timedelta) -> int:
        """Delete the stored bytes of messages sent longer ago; return how many."""
        message, content = self._tables.message, self._tables.content
        sent = select(message.c.id).where(
            message.c.state == State.SENT.value,
            message.c.finished_at < self._clock.now() - older_than,
        )
        query = select(content.c.message_id).where(content.c.message_id.in_(sent)).limit(STEP)
        ids = list(self._database.read(lambda c: c.execute(query).scalars().all()))
        if ids:
            statement = delete(content).where(content.c.message_id.in_(ids))
            self._database.write(lambda c: c.execute(statement))
        return len(ids)

    def report(self, process: str, started_at: datetime, error: str | None) -> None:
        """Say that this sender is alive; remember its last error for the page."""
        table, now = self._tables.process, self._clock.now()
        values: dict[str, Any] = {"seen_at": now}
        if error is not None:
            values |= {"error": error[:500], "error_at": now}

        def work(connection: Connection) -> None:
            changed = connection.execute(
                update(table).where(table.c.id == process).values(**values)
            ).rowcount
            if not changed:
                connection.execute(
                    insert(table).values(
                        id=process, name=self._process, started_at=started_at, **values
                    )
                )
                connection.execute(delete(table).where(table.c.seen_at < now - timedelta(days=1)))

        self._database.write(work)

    def leave(self, process: str) -> None:
        """Say that this sender has ended in good order."""
        table = self._tables.process
        self._database.write(
            lambda c: c.execute(delete(table).where(table.c.id == process)), patience=2.0
        )

    def _next_ids(self, where: ColumnElement[bool], last: int) -> list[int]:
        message = self._tables.message
        query = select(message.c.id).where(where, message.c.id > last).order_by(message.c.id)
        return list(self._database.read(lambda c: c.execute(query.limit(STEP)).scalars().all()))

    def _retry(self, connection: Connection, ids: Sequence[int]) -> int:
        message, recipient, content = (
            self._tables.message,
            self._tables.recipient,
            self._tables.content,
        )
        stored = select(content.c.message_id).where(content.c.message_id.in_(ids))
        ids = list(connection.execute(stored).scalars())
        changed = connection.execute(
            update(message)
            .where(message.c.id.in_(ids), message.c.state == State.FAILED.value)
            .values(
                state=State.QUEUED.value,
                attempts=0,
                unknowns=0,
                available_at=self._clock.now(),
                finished_at=None,
                lease_token=None,
            )
        ).rowcount
        connection.execute(
            delete(recipient).where(
                recipient.c.message_id.in_(ids), recipient.c.outcome != "accepted"
            )
        )
        return changed

    def _purgeable(self, connection: Connection, state: State, limit: datetime) -> list[int]:
        message = self._tables.message
        query = select(message.c.id).where(
            message.c.state == state.value, message.c.finished_at < limit
        )
        return list(connection.execute(query.limit(STEP)).scalars())
