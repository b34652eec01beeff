"""Upkeep: what an administrator or the calendar does to messages that no sender holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, or_, select, update

from ..tables import State
from .fault import PARTIAL
from .steering import STEP, Act, Steering

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


DELETED = "deleted"
PURGEABLE = ("sent", PARTIAL, "failed", "cancelled", "expired", DELETED)
"""What messages can be that go no further."""


class Upkeep(Steering):
    """Guarded on the state, so that none of these races a sender."""

    def retry(self, number: int) -> bool:
        """Queue a failed message again, attempts from zero; false when it is not failed.

        Recipients that a server has accepted are not mailed again.
        """
        return bool(self._failed_again([number]))

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
            yield len(self._failed_again(ids))

    def purge(self, status: str, older_than: timedelta) -> Iterator[int]:
        """Delete finished messages; yield how many after each small step.

        Args:
            status: one of `PURGEABLE`; *sent* are those that all their recipients have.
            older_than: since they were finished, or deleted.

        Raises:
            ValueError: messages that are so may still be sent.
        """
        if status not in PURGEABLE:
            raise ValueError(f"Messages that are {status} are not finished and stay.")
        limit = self._clock.now() - older_than
        if status == DELETED:
            yield from self._purge_deleted(limit)
            return
        state = State.SENT if status == PARTIAL else State(status)
        while ids := self._database.read(lambda c: self._purgeable(c, status, limit)):
            yield self._database.write(partial(self._delete_rows, ids=ids, state=state))

    def purgeable_count(self, status: str, older_than: timedelta) -> int:
        """Return how many messages `purge` would delete."""
        limit, deleted = self._clock.now() - older_than, self._tables.deleted
        query = select(func.count()).select_from(self._tables.message)
        query = query.where(*self._ended(status, limit))
        if status == DELETED:
            query = select(func.count()).select_from(deleted).where(deleted.c.deleted_at < limit)
        return int(self._database.read(lambda c: c.scalar(query)) or 0)

    def drop_sent_contents(self, older_than: timedelta) -> int:
        """Delete the stored bytes of messages sent longer ago; return how many.

        Of those that some recipients did not get they are kept as those of failed ones are.
        """
        message, content = self._tables.message, self._tables.content
        limit = self._clock.now() - older_than
        to_all = [message.c.fault.is_(None)] if self._keep_failed else []
        sent = select(message.c.id).where(
            message.c.state == State.SENT.value, message.c.finished_at < limit, *to_all
        )
        query = select(content.c.message_id).where(content.c.message_id.in_(sent)).limit(STEP)
        ids = list(self._database.read(lambda c: c.execute(query).scalars().all()))
        if ids:
            statement = delete(content).where(content.c.message_id.in_(ids))
            self._database.write(lambda c: c.execute(statement))
        return len(ids)

    def report(
        self, process: str, started_at: datetime, error: str = "", *, ago: float = 0.0
    ) -> None:
        """Say that this sender is alive; remember its last error, ``ago`` seconds old."""
        table, now = self._tables.process, self._clock.now()
        values: dict[str, Any] = {"seen_at": now}
        if error:
            values |= {"error": error[:500], "error_at": now - timedelta(seconds=ago)}

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

    def _failed_again(self, ids: Sequence[int]) -> Sequence[int]:
        """Retry those that have failed, also for some of their recipients, and no others."""
        message = self._tables.message
        failed = or_(message.c.state == State.FAILED.value, message.c.fault == PARTIAL)
        query = select(message.c.id).where(message.c.id.in_(ids), failed)
        found = self._database.read(lambda c: c.execute(query).scalars().all())
        return self.steer(Act.RETRY, found).done

    def _purgeable(self, connection: Connection, status: str, limit: datetime) -> list[int]:
        query = select(self._tables.message.c.id).where(*self._ended(status, limit))
        return list(connection.execute(query.limit(STEP)).scalars())

    def _ended(self, status: str, limit: datetime) -> list[ColumnElement[bool]]:
        """The conditions of messages that ended so before ``limit``."""
        message = self._tables.message
        old = message.c.finished_at < limit
        if status == PARTIAL:
            return [message.c.fault == PARTIAL, old]
        if status == State.SENT:
            return [message.c.state == status, old, message.c.fault.is_(None)]
        return [message.c.state == status, old]
