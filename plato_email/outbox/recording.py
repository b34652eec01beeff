"""Record: begin a message, write down how it ended, keep or give back the lease."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from ..tables import State
from .base import OutboxPart
from .claiming import GATE, LEASE
from .values import REPLY_LENGTH, Claimed, Result, Slice

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..errors import DeliveryError

log = logging.getLogger("plato_email")

FINISHED = (State.SENT, State.FAILED, State.CANCELLED)
PATIENCE = 600.0
"""Seconds that a result is offered to a database that is away: it must not be lost."""


class Recording(OutboxPart):
    """The statements that a sender makes while it holds a slice."""

    def contents(self, messages: Sequence[Claimed]) -> dict[int, bytes]:
        """Return the stored, encrypted bytes of each message, by its id."""
        content = self._tables.content
        query = select(content.c.message_id, content.c.data).where(
            content.c.message_id.in_([message.id for message in messages])
        )
        return self._database.read(
            lambda connection: {row.message_id: row.data for row in connection.execute(query)}
        )

    def advance(
        self,
        held: Slice,
        *,
        done: Sequence[Result] = (),
        begin: Claimed | None = None,
        rest: Sequence[Claimed] = (),
    ) -> bool:
        """Record what is done and begin the next, in one short transaction.

        The begun message is marked *sending* and its attempt is counted before a byte of it
        leaves, so that after a crash it is known to be in doubt, and the others known not to be.

        Args:
            held: the slice whose token guards every statement.
            done: results to record.
            begin: the message to begin.
            rest: messages that are still to come; their lease is renewed.

        Returns:
            Whether ``begin`` may be sent: false when the lease was lost to another sender.
        """

        def work(connection: Connection) -> bool:
            now = self._clock.now()
            for result in done:
                self._record(connection, held.token, result, now)
            self._renew(connection, held.token, rest, now)
            return begin is None or self._begin(connection, held.token, begin, now)

        return self._database.write(work, patience=PATIENCE if done else 30.0)

    def renew(self, held: Slice, messages: Sequence[Claimed]) -> bool:
        """Extend the lease; false when it was lost for one of ``messages``."""

        def work(connection: Connection) -> bool:
            now = self._clock.now()
            return self._renew(connection, held.token, messages, now) == len(messages)

        return self._database.write(work, patience=LEASE / 3)

    def release(self, held: Slice, messages: Sequence[Claimed]) -> None:
        """Give back messages that were not begun, and their share of the rate."""
        if not messages:
            return
        message, take = self._tables.message, self._tables.take

        def work(connection: Connection) -> None:
            freed = connection.execute(
                update(message)
                .where(
                    message.c.id.in_([each.id for each in messages]),
                    message.c.lease_token == held.token,
                    message.c.state == State.CLAIMED.value,
                )
                .values(state=State.QUEUED.value, lease_token=None, lease_until=None)
            ).rowcount
            connection.execute(
                update(take).where(take.c.id == held.take).values(count=take.c.count - freed)
            )

        self._database.write(work)

    def close_gate(self, error: DeliveryError, pause: float, longest: float) -> None:
        """Make every sender wait: the server, not a message, is at fault.

        Only the first of several senders that fail together lengthens the pause.

        Args:
            error: why; shown on the page.
            pause: seconds of the first wait; it doubles with each failure in a row.
            longest: seconds that it grows to at most.
        """
        gate = self._tables.gate

        def work(connection: Connection) -> None:
            now = self._clock.now()
            row = connection.execute(
                select(gate).where(gate.c.id == GATE).with_for_update()
            ).one_or_none()
            failures = row.failures if row else 0
            wait = timedelta(seconds=min(pause * 2.0 ** min(failures, 30), longest))
            values = {
                "failures": failures + 1,
                "failing_since": (row.failing_since if row else None) or now,
                "retry_at": now + wait,
                "verdict": error.verdict.value,
                **_said(error.stage.value, error.code, error.enhanced, error.reply),
            }
            connection.execute(update(gate).where(gate.c.id == GATE).values(**values))

        self._database.write(work)

    def open_gate(self) -> None:
        """Let mail flow again: the server answered, or an administrator changed the settings."""
        gate = self._tables.gate
        nothing = dict.fromkeys(
            ("failing_since", "retry_at", "verdict", "stage", "code", "enhanced", "reply")
        )

        def work(connection: Connection) -> None:
            connection.execute(update(gate).where(gate.c.id == GATE).values(failures=0, **nothing))

        self._database.write(work)

    def _begin(self, connection: Connection, token: str, begin: Claimed, now: datetime) -> bool:
        message = self._tables.message
        begun = connection.execute(
            update(message)
            .where(
                message.c.id == begin.id,
                message.c.lease_token == token,
                message.c.state == State.CLAIMED.value,
                message.c.lease_until > now,
            )
            .values(
                state=State.SENDING.value,
                attempts=message.c.attempts + 1,
                lease_until=now + timedelta(seconds=LEASE),
            )
        )
        return begun.rowcount == 1

    def _renew(
        self, connection: Connection, token: str, messages: Sequence[Claimed], now: datetime
    ) -> int:
        if not messages:
            return 0
        message = self._tables.message
        return connection.execute(
            update(message)
            .where(
                message.c.id.in_([each.id for each in messages]),
                message.c.lease_token == token,
                message.c.state.in_([State.CLAIMED.value, State.SENDING.value]),
            )
            .values(lease_until=now + timedelta(seconds=LEASE))
        ).rowcount

    def _record(self, connection: Connection, token: str, result: Result, now: datetime) -> None:
        message = self._tables.message
        # A message reaped as unknown but not yet claimed again still has our token: the truth
        # that this sender knows wins over the doubt.
        mine = (
            message.c.id == result.message.id,
            message.c.lease_token == token,
            message.c.state.in_([State.SENDING.value, State.CLAIMED.value, State.QUEUED.value]),
        )
        changed = connection.execute(
            update(message).where(*mine).values(**self._outcome(result, now))
        ).rowcount
        self._note_attempt(connection, result)
        if not changed:
            log.warning(
                "message %s: another sender took it over; outcome %s at %s not stored",
                *(result.message.message_id, result.outcome, result.stage),
            )
            return
        self._note_recipients(connection, result, now)
        self._drop_content(connection, result)

    def _outcome(self, result: Result, now: datetime) -> dict[str, Any]:
        message = self._tables.message
        values: dict[str, Any] = {
            "state": result.state.value,
            "lease_until": None,
            "lease_token": None,
            **_said(result.stage, result.code, result.enhanced, result.reply),
        }
        if result.state in FINISHED:
            values["finished_at"] = now
        else:
            values["available_at"] = now + timedelta(seconds=result.retry_in)
        if not result.charged:
            values["attempts"] = message.c.attempts - 1
        if result.unknown:
            values["unknowns"] = message.c.unknowns + 1
        return values

    def _note_attempt(self, connection: Connection, result: Result) -> None:
        connection.execute(
            insert(self._tables.attempt).values(
                message_id=result.message.id,
                at=result.started_at,
                milliseconds=result.milliseconds,
                process=self._process,
                outcome=result.outcome,
                **_said(result.stage, result.code, result.enhanced, result.reply),
            )
        )

    def _note_recipients(self, connection: Connection, result: Result, now: datetime) -> None:
        """Keep a row for each recipient only where the server treated them differently."""
        if not result.refused and not result.message.answered:
            return
        recipient = self._tables.recipient
        rows = [*_accepted_rows(result), *_refused_rows(result)]
        if not rows:
            return
        connection.execute(
            delete(recipient).where(
                recipient.c.message_id == result.message.id,
                recipient.c.address.in_([row["address"] for row in rows]),
            )
        )
        connection.execute(
            insert(recipient),
            [{**row, "message_id": result.message.id, "at": now} for row in rows],
        )

    def _drop_content(self, connection: Connection, result: Result) -> None:
        if result.state is State.FAILED and not self._keep_failed:
            self._delete_rows(connection, [result.message.id], result.state)
            return
        partly = bool(result.refused) and self._keep_failed
        kept = {
            State.SENT: self._keep_sent_bodies or partly,
            State.FAILED: True,
            State.QUEUED: True,
        }.get(result.state, False)
        if not kept:
            content = self._tables.content
            connection.execute(delete(content).where(content.c.message_id == result.message.id))


def _said(stage: str, code: int | None, enhanced: str, reply: str) -> dict[str, Any]:
    return {"stage": stage, "code": code, "enhanced": enhanced[:12], "reply": reply[:REPLY_LENGTH]}


def _accepted_rows(result: Result) -> Iterable[Mapping[str, Any]]:
    for address in result.accepted:
        yield {
            "address": address,
            "outcome": "accepted",
            "code": result.code,
            "enhanced": result.enhanced[:12],
            "reply": result.reply[:REPLY_LENGTH],
        }


def _refused_rows(result: Result) -> Iterable[Mapping[str, Any]]:
    for address, refusal in result.refused.items():
        yield {
            "address": address,
            "outcome": "refused" if refusal.verdict.value == "permanent" else "deferred",
            "code": refusal.code,
            "enhanced": refusal.enhanced[:12],
            "reply": refusal.reply[:REPLY_LENGTH],
        }
