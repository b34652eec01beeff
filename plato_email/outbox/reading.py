"""Read: the queue in lists, for pages, commands and monitors. Nothing here writes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from ..tables import State
from .base import OutboxPart
from .statements import GATE
from .values import (
    Attempt,
    Gate,
    MessageRow,
    Process,
    RecipientOutcome,
    load_recipients,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Row, Select

LARGEST_ID = 2**63 - 1


class Reading(OutboxPart):
    """Questions about the queue."""

    def gate(self) -> Gate | None:
        """Return why all senders wait, or ``None`` while mail flows."""
        gate = self._tables.gate
        query = select(gate).where(gate.c.id == GATE, gate.c.failures > 0)
        row = self._database.read(lambda c: c.execute(query).first())
        if row is None:
            return None
        said = (row.stage or "", row.code, row.enhanced or "", row.reply or "", *_why(row))
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
        return tuple(message_row(row, now) for row in rows)

    def message(self, number: int) -> MessageRow | None:
        """Return one message, or ``None``."""
        if not 0 < number <= LARGEST_ID:
            return None
        message = self._tables.message
        query = select(message).where(message.c.id == number)
        row = self._database.read(lambda c: c.execute(query).first())
        return None if row is None else message_row(row, self._clock.now())

    def content(self, number: int) -> bytes | None:
        """Return the stored, encrypted bytes of one message, or ``None``."""
        query = self._sql.contents
        row = self._database.read(lambda c: c.execute(query, {"b_ids": [number]}).first())
        return None if row is None else bytes(row.data)

    def attempts(self, number: int) -> tuple[Attempt, ...]:
        """Return the tries of one message, the first one first."""
        attempt, message = self._tables.attempt, self._tables.message
        query = select(attempt).where(attempt.c.message_id == number).order_by(attempt.c.id)
        ended = select(message).where(
            message.c.id == number,
            message.c.state == State.SENT.value,
            message.c.started_at.is_not(None),
        )
        rows = self._database.read(lambda c: [*c.execute(query), *c.execute(ended)])
        return tuple(_attempt(row) for row in rows)

    def outcomes(self, number: int) -> tuple[RecipientOutcome, ...]:
        """Return what became of each recipient, where they were treated differently."""
        recipient = self._tables.recipient
        query = select(recipient).where(recipient.c.message_id == number)
        return tuple(map(_outcome, self._database.read(lambda c: c.execute(query).all())))

    def without(self, message: MessageRow) -> tuple[str, ...]:
        """Return the recipients of a message that no server has taken it for."""
        if message.state == State.SENT and not message.partial:
            return ()
        has = {each.address for each in self.outcomes(message.id) if each.outcome == "accepted"}
        return tuple(each for each in message.recipients if each not in has)

    def missed(self, messages: Iterable[MessageRow]) -> dict[int, tuple[RecipientOutcome, ...]]:
        """Return who did not get those of ``messages`` that were sent, but not to all."""
        partial = [message.id for message in messages if message.partial]
        if not partial:
            return {}
        recipient = self._tables.recipient
        without = recipient.c.outcome != "accepted"
        query = select(recipient).where(recipient.c.message_id.in_(partial), without)
        people: dict[int, tuple[RecipientOutcome, ...]] = dict.fromkeys(partial, ())
        for row in self._database.read(lambda c: c.execute(query).all()):
            people[row.message_id] += (_outcome(row),)
        return people


def _outcome(row: Row[Any, Any]) -> RecipientOutcome:
    said = (row.code, row.enhanced or "", row.reply or "")
    return RecipientOutcome(row.address, row.outcome, *said, row.at)


def _attempt(row: Row[Any, Any]) -> Attempt:
    """Make a value of the row of a try, or of the message's own, which tells of the last one."""
    own = "started_at" in row._mapping
    at, outcome = (row.started_at, "sent") if own else (row.at, row.outcome)
    return Attempt(
        *(at, row.milliseconds, row.process or "", outcome, row.stage, row.code),
        *(row.enhanced or "", row.reply or "", *_why(row)),
    )


def _why(row: Row[Any, Any]) -> tuple[str, str]:
    return row.cause or "", row.server or ""


def message_row(row: Row[Any, Any], now: datetime) -> MessageRow:
    """Make a value of a row of the message table."""
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
        cause=row.cause or "",
        server=row.server or "",
        fault=row.fault or "",
    )
