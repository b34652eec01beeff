"""Claim: take messages from the queue, exactly as many as the rate allows, each for one sender."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from ..database import insert_once
from ..tables import State
from .base import OutboxPart
from .statements import GATE, PRIORITIES, UNSURE
from .values import Claimed, Nothing, Slice, load_recipients

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    AnyRow = Row[Any, Any]

log = logging.getLogger("plato_email")

LEASE = 60.0
"""Seconds after which a sender that has not renewed its lease is taken for dead."""

TAKES_KEPT = 3600.0
"""Seconds that takes are remembered at least, in case Interval is made longer."""

UNKNOWN_RETRY = 60.0
"""Seconds that a message waits whose sender died while it was being sent."""


class Claiming(OutboxPart):
    """The statements that decide who sends what."""

    def next_due(self) -> float | None:
        """Return the seconds until something may be claimed (0: now); ``None``: nothing waits.

        One read outside any transaction, five index look-ups: what an idle sender pays.
        """
        times = self._database.read(lambda c: c.execute(self._sql.next_due).scalars().all())
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
        row = connection.execute(self._sql.lock_gate).first()
        if row is None and connection.execute(self._sql.gate).first() is None:
            made = insert_once(connection.dialect.name, self._tables.gate)
            connection.execute(made.values(id=GATE, failures=0))
            row = connection.execute(self._sql.gate).first()
        return row

    def _reap(self, connection: Connection, now: datetime, send_attempts: int) -> None:
        """Give back what dead senders held.

        A message that was begun may have been accepted: it waits a while before it goes again,
        and has failed if that was its last attempt.
        """
        for state, query in self._sql.lapsed.items():
            for row in connection.execute(query, {"b_now": now}).all():
                mine = {"b_id": row.id, "b_token": row.lease_token}
                if state is State.CLAIMED:
                    connection.execute(self._sql.reap_claimed, mine)
                    continue
                if row.attempts >= send_attempts:
                    final = {"b_at": now, "b_state": self._final_state(connection, row.id)}
                    connection.execute(self._sql.reap_spent, mine | final)
                else:
                    later = now + timedelta(seconds=UNKNOWN_RETRY)
                    connection.execute(self._sql.reap_sending, mine | {"b_at": later})
                connection.execute(self._sql.note_attempt, _unknown_attempt(row.id, now))
                log.warning("message %d: its sender died while sending it", row.id)

    def _final_state(self, connection: Connection, number: int) -> str:
        """A message that some recipients have is not failed."""
        accepted = connection.execute(self._sql.somebody_has_it, {"b_id": number}).first()
        return (State.FAILED if accepted is None else State.SENT).value

    def _room(
        self, connection: Connection, now: datetime, batch: int, interval: float
    ) -> tuple[int, float]:
        """Return how many may be taken now, and if none, the seconds until one may."""
        begin = now - timedelta(seconds=interval)
        taken, first = connection.execute(self._sql.taken, {"b_begin": begin}).one()
        room = batch - int(taken)
        wait = (first - begin).total_seconds() if first is not None else interval
        return room, max(wait, 0.001)

    def _pick(self, connection: Connection, now: datetime, count: int) -> list[AnyRow]:
        """Find what is due, oldest first within a priority: one pure index range for each.

        High goes first; but a tenth of what is taken, and one at least, is kept for each lower
        priority that waits, so that none starves for ever.
        """
        share, room = max(1, count // 10) if count > 2 else 0, count
        found: list[Sequence[AnyRow]] = []
        for priority in PRIORITIES:
            wanted = {"b_priority": priority, "b_now": now, "b_count": max(room, share)}
            rows = connection.execute(self._sql.pick, wanted).all() if max(room, share) else ()
            found.append(rows)
            room = max(0, room - len(rows))
        high, normal, low = found
        kept_low = min(share, len(low))
        high = high[: count - min(share, len(normal)) - kept_low]
        normal = normal[: count - len(high) - kept_low]
        return [*high, *normal, *low[: count - len(high) - len(normal)]]

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
        gate = self._tables.gate
        token, until = secrets.token_hex(16), now + timedelta(seconds=LEASE)
        lease = {"b_token": token, "b_until": until}
        connection.execute(self._sql.claim, [lease | {"b_id": row.id} for row in rows])
        old = now - timedelta(seconds=max(2 * interval, TAKES_KEPT))
        connection.execute(self._sql.forget_takes, {"b_begin": old})
        taken = connection.execute(self._sql.note_take, {"at": now, "count": len(rows)})
        key = taken.inserted_primary_key
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
            log.warning("%d messages were not sent in time and have expired", len(expired))
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


def _unknown_attempt(number: int, now: datetime) -> dict[str, Any]:
    return {
        "message_id": number,
        "at": now,
        "milliseconds": 0,
        "process": "",
        "outcome": "unknown",
        "stage": "data",
        "code": None,
        "enhanced": "",
        "reply": UNSURE,
    }


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
        priority=row.priority,
        attempts=row.attempts,
        unknowns=row.unknowns,
        size=row.size,
        answered=answers,
    )
