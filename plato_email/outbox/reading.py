"""Read: the queue in numbers and lists, for pages, commands and monitors. Nothing here writes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from ..tables import State
from .base import OutboxPart
from .statements import GATE, PRIORITIES
from .values import (
    Attempt,
    Gate,
    MessageRow,
    Process,
    RecipientOutcome,
    Statistics,
    load_recipients,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Select

DAY = timedelta(days=1)
LARGEST_ID = 2**63 - 1


class Reading(OutboxPart):
    """Questions about the queue."""

    def statistics(self, interval: float) -> Statistics:
        """Count the queue; ``interval`` is the settings' own, in seconds."""
        return self._database.read(lambda c: self._count(c, self._clock.now(), interval))

    def gate(self) -> Gate | None:
        """Return why all senders wait, or ``None`` while mail flows."""
        gate = self._tables.gate
        query = select(gate).where(gate.c.id == GATE, gate.c.failures > 0)
        row = self._database.read(lambda c: c.execute(query).first())
        if row is None:
            return None
        said = (row.stage or "", row.code, row.enhanced or "", row.reply or "")
        return Gate(row.failures, row.failing_since, row.retry_at, row.verdict or "", *said)

    def processes(self) -> tuple[Process, ...]:
        """Return the senders that reported in the last day, the latest first."""
        process = self._tables.process
        query = select(process).order_by(process.c.seen_at.desc()).limit(100)
        rows = self._database.read(lambda c: c.execute(query).all())
        return tuple(
            Process(row.name, row.started_at, row.seen_at, row.error or "", row.error_at)
            for row in rows
        )

    def messages(
        self, *, before: int | None = None, limit: int = 50, state: State | None = None
    ) -> tuple[MessageRow, ...]:
        """Return messages, the newest first, below the id ``before``."""
        message = self._tables.message
        query: Select[Any] = select(message).order_by(message.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(message.c.id < min(before, LARGEST_ID))
        if state is not None:
            query = query.where(message.c.state == state.value)
        rows = self._database.read(lambda c: c.execute(query).all())
        now = self._clock.now()
        return tuple(_message_row(row, now) for row in rows)

    def message(self, number: int) -> MessageRow | None:
        """Return one message, or ``None``."""
        if not 0 < number <= LARGEST_ID:
            return None
        message = self._tables.message
        query = select(message).where(message.c.id == number)
        row = self._database.read(lambda c: c.execute(query).first())
        return None if row is None else _message_row(row, self._clock.now())

    def attempts(self, number: int) -> tuple[Attempt, ...]:
        """Return the tries of one message, the first one first."""
        attempt = self._tables.attempt
        query = select(attempt).where(attempt.c.message_id == number).order_by(attempt.c.id)
        return tuple(
            Attempt(
                *(row.at, row.milliseconds, row.process, row.outcome, row.stage, row.code),
                *(row.enhanced or "", row.reply or ""),
            )
            for row in self._database.read(lambda c: c.execute(query).all())
        )

    def outcomes(self, number: int) -> tuple[RecipientOutcome, ...]:
        """Return what became of each recipient, where they were treated differently."""
        recipient = self._tables.recipient
        query = select(recipient).where(recipient.c.message_id == number)
        return tuple(
            RecipientOutcome(
                *(row.address, row.outcome, row.code, row.enhanced or "", row.reply or "", row.at)
            )
            for row in self._database.read(lambda c: c.execute(query).all())
        )

    def _count(self, connection: Connection, now: datetime, interval: float) -> Statistics:
        message, take = self._tables.message, self._tables.take
        queued = message.c.state == State.QUEUED.value

        def count(*where: Any) -> int:
            return int(
                connection.scalar(select(func.count()).select_from(message).where(*where)) or 0
            )

        due = message.c.available_at <= now
        deferred = sum(
            count(queued, message.c.priority == each, message.c.available_at > now)
            for each in PRIORITIES
        )
        oldest = [
            connection.scalar(
                select(func.min(message.c.available_at)).where(
                    queued, message.c.priority == each, due
                )
            )
            for each in PRIORITIES
        ]
        waiting = [at for at in oldest if at is not None]
        since = now - timedelta(seconds=interval)
        return Statistics(
            queued=count(queued) - deferred,
            deferred=deferred,
            sending=count(message.c.state == State.CLAIMED.value)
            + count(message.c.state == State.SENDING.value),
            sent=count(message.c.state == State.SENT.value, message.c.finished_at > now - DAY),
            failed=count(message.c.state == State.FAILED.value, message.c.finished_at > now - DAY),
            oldest_waiting=(now - min(waiting)).total_seconds() if waiting else None,
            taken=int(
                connection.scalar(
                    select(func.coalesce(func.sum(take.c.count), 0)).where(take.c.at > since)
                )
                or 0
            ),
        )


def _message_row(row: Row[Any, Any], now: datetime) -> MessageRow:
    return MessageRow(
        id=row.id,
        state=row.state,
        deferred=row.state == State.QUEUED.value and row.available_at > now,
        priority=row.priority,
        available_at=row.available_at,
        attempts=row.attempts,
        message_id=row.message_id,
        sender=row.sender,
        recipients=load_recipients(row.recipients),
        subject="" if row.sensitive else row.subject,
        size=row.size,
        attachments=row.attachments,
        sensitive=bool(row.sensitive),
        created_at=row.created_at,
        expires_at=row.expires_at,
        finished_at=row.finished_at,
        stage=row.stage or "",
        code=row.code,
        enhanced=row.enhanced or "",
        reply=row.reply or "",
    )
