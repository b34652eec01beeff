"""Claim: take messages from the queue, exactly as many as the rate allows, each for one sender."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, literal_column, select, union_all, update

from ..tables import State
from .base import OutboxPart
from .values import Claimed, Nothing, Slice, load_recipients

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    AnyRow = Row[Any, Any]

LEASE = 60.0
"""Seconds after which a sender that has not renewed its lease is taken for dead."""

UNKNOWN_RETRY = 60.0
"""Seconds that a message waits whose sender died while it was being sent."""

GATE = 1
PRIORITIES = (0, 1, 2)


class Claiming(OutboxPart):
    """The statements that decide who sends what."""

    def next_due(self) -> float | None:
        """Return the seconds until something may be claimed (0: now); ``None``: nothing waits.

        One read outside any transaction, five index look-ups: what an idle sender pays.
        """
        message = self._tables.message
        waiting = [
            select(func.min(message.c.available_at).label("at")).where(
                message.c.state == State.QUEUED.value, message.c.priority == priority
            )
            for priority in PRIORITIES
        ]
        leased = [
            select(func.min(message.c.lease_until)).where(message.c.state == state.value)
            for state in (State.CLAIMED, State.SENDING)
        ]
        query = union_all(*waiting, *leased)
        times = self._database.read(lambda c: c.execute(query).scalars().all())
        soonest: datetime | None = min((at for at in times if at is not None), default=None)
        if soonest is None:
            return None
        return max(0.0, (soonest - self._clock.now()).total_seconds())

    def claim(
        self,
        *,
        limit: int,
        batch: int,
        interval: float,
        send_attempts: int,
        park_unknown: bool = False,
    ) -> Slice | Nothing:
        """Take up to ``limit`` messages, never more than ``batch`` in any sliding ``interval``.

        One short transaction. The gate row is the mutex of all claims, so the sum of what was
        taken is exact over all processes.

        Args:
            limit: messages at most.
            batch: Batch Size.
            interval: seconds.
            send_attempts: a message whose sender died during its last attempt has failed.
            park_unknown: a message whose sender died while sending is parked, not sent again.
        """

        def work(connection: Connection) -> Slice | Nothing:
            gate = self._lock_gate(connection)
            if gate is None:
                return Nothing(0.03, "busy")
            now = self._clock.now()
            self._reap(connection, now, 0 if park_unknown else send_attempts)
            if gate.retry_at is not None and gate.retry_at > now:
                return Nothing((gate.retry_at - now).total_seconds(), "failing")
            room, wait = self._room(connection, now, batch, interval)
            if room <= 0:
                return Nothing(wait, "rate")
            probe = gate.failures > 0
            rows = self._pick(connection, now, 1 if probe else min(limit, room))
            if not rows:
                return Nothing(None, "empty")
            return self._take(connection, rows, now, interval, probe)

        return self._database.write(work)

    def _lock_gate(self, connection: Connection) -> AnyRow | None:
        """Lock the gate row; ``None`` while another process holds it."""
        gate = self._tables.gate
        query = select(gate.c.retry_at, gate.c.failures).where(gate.c.id == GATE)
        row = connection.execute(query.with_for_update(skip_locked=True)).first()
        if row is None and connection.execute(query).first() is None:
            connection.execute(insert(gate).values(id=GATE, failures=0))
            row = connection.execute(query).first()
        return row

    def _reap(self, connection: Connection, now: datetime, send_attempts: int) -> None:
        """Give back what dead senders held."""
        message = self._tables.message
        for state in (State.CLAIMED, State.SENDING):
            lapsed = connection.execute(
                select(message.c.id, message.c.lease_token, message.c.attempts)
                .where(message.c.state == state.value, message.c.lease_until < now)
                .limit(50)
            ).all()
            for row in lapsed:
                mine = (
                    message.c.id == row.id,
                    message.c.lease_token == row.lease_token,
                    message.c.state == state.value,
                )
                spent = row.attempts >= send_attempts
                connection.execute(
                    update(message).where(*mine).values(**_given_back(state, now, spent))
                )

    def _room(
        self, connection: Connection, now: datetime, batch: int, interval: float
    ) -> tuple[int, float]:
        """Return how many may be taken now, and if none, the seconds until one may."""
        take = self._tables.take
        begin = now - timedelta(seconds=interval)
        taken, first = connection.execute(
            select(func.coalesce(func.sum(take.c.count), 0), func.min(take.c.at)).where(
                take.c.at > begin, take.c.count > 0
            )
        ).one()
        room = batch - int(taken)
        wait = (first - begin).total_seconds() if first is not None else interval
        return room, max(wait, 0.001)

    def _pick(self, connection: Connection, now: datetime, count: int) -> list[AnyRow]:
        """Find what is due, oldest first within a priority: one pure index range for each."""
        message = self._tables.message
        rows: list[AnyRow] = []
        for priority in PRIORITIES:
            query = (
                select(message)
                .where(
                    message.c.state == State.QUEUED.value,
                    message.c.priority == priority,
                    message.c.available_at <= now,
                )
                .order_by(message.c.available_at, message.c.id)
                .limit(count - len(rows))
                .with_for_update(skip_locked=True)
            )
            rows += connection.execute(query).all()
            if len(rows) >= count:
                break
        return rows

    def _take(
        self,
        connection: Connection,
        rows: Sequence[AnyRow],
        now: datetime,
        interval: float,
        probe: bool,
    ) -> Slice | Nothing:
        rows = self._without_expired(connection, rows, now)
        if not rows:
            return Nothing(0.0, "empty")
        message, take, gate = self._tables.message, self._tables.take, self._tables.gate
        token, until = secrets.token_hex(16), now + timedelta(seconds=LEASE)
        connection.execute(
            update(message)
            .where(message.c.id.in_([row.id for row in rows]))
            .values(state=State.CLAIMED.value, lease_token=token, lease_until=until)
        )
        connection.execute(delete(take).where(take.c.at < now - timedelta(seconds=2 * interval)))
        key = connection.execute(insert(take).values(at=now, count=len(rows))).inserted_primary_key
        if probe:
            # Until it is known how the probe went, the others go on waiting.
            connection.execute(update(gate).where(gate.c.id == GATE).values(retry_at=until))
        claimed = tuple(self._claimed(connection, rows))
        return Slice(token, int(key[0]) if key else 0, claimed, probe)

    def _without_expired(
        self, connection: Connection, rows: Sequence[AnyRow], now: datetime
    ) -> list[AnyRow]:
        message, content = self._tables.message, self._tables.content
        expired = [row.id for row in rows if row.expires_at is not None and row.expires_at <= now]
        if expired:
            connection.execute(
                update(message)
                .where(message.c.id.in_(expired))
                .values(state=State.EXPIRED.value, finished_at=now, reply="Not sent in time.")
            )
            connection.execute(delete(content).where(content.c.message_id.in_(expired)))
        return [row for row in rows if row.id not in expired]

    def _claimed(self, connection: Connection, rows: Sequence[AnyRow]) -> list[Claimed]:
        """Make values of rows; recipients that a server has answered for good are left out."""
        recipient = self._tables.recipient
        tried = [row.id for row in rows if row.stage is not None]
        answers: dict[int, dict[str, str]] = {}
        if tried:
            query = select(recipient.c.message_id, recipient.c.address, recipient.c.outcome)
            for each in connection.execute(query.where(recipient.c.message_id.in_(tried))):
                answers.setdefault(each.message_id, {})[each.address] = each.outcome
        return [_as_claimed(row, answers.get(row.id, {})) for row in rows]


def _as_claimed(row: AnyRow, answers: Mapping[str, str]) -> Claimed:
    pending = (
        a for a in load_recipients(row.recipients) if answers.get(a, "deferred") == "deferred"
    )
    return Claimed(
        id=row.id,
        message_id=row.message_id,
        sender=row.sender,
        recipients=tuple(pending),
        subject=row.subject,
        attempts=row.attempts,
        unknowns=row.unknowns,
        size=row.size,
        answered=answers,
    )


def _given_back(state: State, now: datetime, spent: bool) -> dict[str, Any]:
    """What becomes of a message whose sender died in ``state``.

    A begun one may have been accepted. Its token stays, so that a sender that was only slow can
    still record the truth.
    """
    if state is State.CLAIMED:
        return {"state": State.QUEUED.value, "lease_token": None, "lease_until": None}
    begun: dict[str, Any] = {
        "lease_until": None,
        "unknowns": literal_column("unknowns") + 1,
        "stage": "data",
        "code": None,
        "reply": "The sender died while this message was being sent; it may have gone out.",
    }
    if spent:
        return begun | {"state": State.FAILED.value, "finished_at": now}
    later = now + timedelta(seconds=UNKNOWN_RETRY)
    return begun | {"state": State.QUEUED.value, "available_at": later}
