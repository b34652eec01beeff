"""Record: begin a message, write down how it ended, keep or give back the lease."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, select, update

from ..tables import State
from .base import OutboxPart
from .claiming import GATE, LEASE
from .values import REPLY_LENGTH, Claimed, Result, Slice

if TYPE_CHECKING:
    from sqlalchemy import Connection, Update

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
        self, held: Slice, *, done: Sequence[Result] = (), begin: Sequence[Claimed] = ()
    ) -> frozenset[int]:
        """Record what is done and begin what comes next, in one short transaction.

        A begun message is marked *sending* and its attempt is counted before a byte of it
        leaves, so that after a crash it is known to be in doubt, and the others known not to be.

        Args:
            held: the slice whose token guards every statement.
            done: results to record.
            begin: messages to begin, one of each connection.

        Returns:
            The ids of ``begin`` that may be sent; the others were lost to another sender.
        """

        def work(connection: Connection) -> frozenset[int]:
            now = self._clock.now()
            if done:
                self._record(connection, held.token, done, now)
            return self._begin(connection, held.token, begin, now) if begin else frozenset()

        return self._database.write(work, patience=PATIENCE if done else 30.0)

    def renew(self, held: Slice) -> None:
        """Extend the lease of every message of the slice that is not concluded yet."""
        message = self._tables.message

        def work(connection: Connection) -> None:
            connection.execute(
                update(message)
                .where(
                    message.c.id.in_([each.id for each in held.messages]),
                    message.c.lease_token == held.token,
                    message.c.state.in_([State.CLAIMED.value, State.SENDING.value]),
                )
                .values(lease_until=self._clock.now() + timedelta(seconds=LEASE))
            )

        self._database.write(work, patience=LEASE / 3)

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

    def _begin(
        self, connection: Connection, token: str, begin: Sequence[Claimed], now: datetime
    ) -> frozenset[int]:
        message = self._tables.message
        ids = [each.id for each in begin]
        begun = connection.execute(
            update(message)
            .where(
                message.c.id.in_(ids),
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
        if begun.rowcount == len(ids):
            return frozenset(ids)
        return self._ours(connection, token, ids, [State.SENDING])

    def _ours(
        self, connection: Connection, token: str, ids: Sequence[int], states: Sequence[State]
    ) -> frozenset[int]:
        """Lock and return those of ``ids`` that still carry our token."""
        message = self._tables.message
        query = select(message.c.id).where(
            message.c.id.in_(ids),
            message.c.lease_token == token,
            message.c.state.in_([state.value for state in states]),
        )
        return frozenset(connection.execute(query.with_for_update()).scalars())

    def _record(
        self, connection: Connection, token: str, done: Sequence[Result], now: datetime
    ) -> None:
        # A message reaped as unknown but not yet claimed again still has our token: the truth
        # that this sender knows wins over the doubt.
        ids = [result.message.id for result in done]
        open_states = (State.SENDING, State.CLAIMED, State.QUEUED)
        ours = self._ours(connection, token, ids, open_states)
        mine = [result for result in done if result.message.id in ours]
        for result in done:
            if result.message.id not in ours:
                log.warning(
                    "message %s: another sender took it over; outcome %s at %s not stored",
                    *(result.message.message_id, result.outcome, result.stage),
                )
        self._store(connection, mine, now)
        self._note_attempts(connection, done)
        for result in mine:
            if result.refused or result.message.answered:
                self._note_recipients(connection, result, now)
        self._drop_contents(connection, mine)

    def _store(self, connection: Connection, done: Sequence[Result], now: datetime) -> None:
        finished = [_bound(each) | {"b_at": now} for each in done if each.state in FINISHED]
        again = [
            _bound(each) | {"b_at": now + timedelta(seconds=each.retry_in)}
            for each in done
            if each.state not in FINISHED
        ]
        if finished:
            connection.execute(self._concluding("finished_at"), finished)
        if again:
            connection.execute(self._concluding("available_at"), again)

    def _concluding(self, moment: str) -> Update:
        """The UPDATE that ends a try; ``moment`` is the column that gets its time."""
        message = self._tables.message
        values = {
            "state": bindparam("b_state"),
            "lease_until": None,
            "lease_token": None,
            "attempts": message.c.attempts + bindparam("b_charge"),
            "unknowns": message.c.unknowns + bindparam("b_unknown"),
            moment: bindparam("b_at"),
            **{name: bindparam(f"b_{name}") for name in ("stage", "code", "enhanced", "reply")},
        }
        return update(message).where(message.c.id == bindparam("b_id")).values(values)

    def _note_attempts(self, connection: Connection, done: Sequence[Result]) -> None:
        connection.execute(
            insert(self._tables.attempt),
            [
                {
                    "message_id": result.message.id,
                    "at": result.started_at,
                    "milliseconds": result.milliseconds,
                    "process": self._process,
                    "outcome": result.outcome,
                    **_said(result.stage, result.code, result.enhanced, result.reply),
                }
                for result in done
            ],
        )

    def _note_recipients(self, connection: Connection, result: Result, now: datetime) -> None:
        """Keep a row for each recipient only where the server treated them differently."""
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

    def _drop_contents(self, connection: Connection, done: Sequence[Result]) -> None:
        content = self._tables.content
        ids = [result.message.id for result in done if not self._keeps(result)]
        if ids:
            connection.execute(delete(content).where(content.c.message_id.in_(ids)))
        if not self._keep_failed:
            failed = [result.message.id for result in done if result.state is State.FAILED]
            self._delete_rows(connection, failed, State.FAILED)

    def _keeps(self, result: Result) -> bool:
        """Whether the bytes of a message are needed, or kept, after this result."""
        if result.state is State.SENT:
            return self._keep_sent_bodies or (bool(result.refused) and self._keep_failed)
        return result.state in (State.QUEUED, State.FAILED)


def _bound(result: Result) -> dict[str, Any]:
    said = _said(result.stage, result.code, result.enhanced, result.reply)
    return {
        "b_id": result.message.id,
        "b_state": result.state.value,
        "b_charge": int(result.charged) - int(result.begun),
        "b_unknown": int(result.unknown),
        **{f"b_{name}": value for name, value in said.items()},
    }


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
