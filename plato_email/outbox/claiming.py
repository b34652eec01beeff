"""Claim: take messages from the queue, exactly as many as the rate allows, each for one sender."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from ..database import insert_once
from ..errors import MAIL_STAGES, Cause
from ..tables import State
from .base import OutboxPart
from .statements import GATE, PRIORITIES, UNSURE
from .values import Claimed, Nothing, Slice, load_recipients

if TYPE_CHECKING:
    from sqlalchemy import Connection

    AnyRow = Any

log = logging.getLogger("plato_email")

LEASE = 60.0
"""Seconds after which a sender that has not renewed its lease is taken for dead."""

TEND_EVERY = 1.0
"""Seconds between looks for dead senders while there is other work; with none, each claim looks."""

TAKES_KEPT = 3600.0
"""Seconds that takes are remembered at least, in case Interval is made longer."""

UNKNOWN_RETRY = 60.0
"""Seconds that a message waits whose sender died while it was being sent."""

PROBES = 20
"""Messages of each priority that are looked at for the one that tries a failing server."""


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
        begin: bool = False,
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
            begin: a message that is taken alone is begun at once: the server waits for it.
        """

        window = timedelta(seconds=interval)
        attempts = 0 if park_unknown else send_attempts
        token, again = secrets.token_hex(16), False

        def work(connection: Connection) -> Slice | Nothing:
            nonlocal again
            if again and (known := self._held_already(connection, token)):
                return known
            again = True
            failures = self._lock_gate(connection)
            if failures is None:
                return Nothing(0.03, "busy")
            now = self._clock.now()
            tended = self._tend(connection, now, attempts, interval)
            outage = connection.execute(self._sql.outage).one() if failures else None
            if outage and (wait := _seconds_until(outage.retry_at, now)) > 0:
                return Nothing(wait, "failing")
            most = 1 if failures else limit
            looked_at = PROBES if failures else limit
            look = {"now": now, "begin": now - window, "most": looked_at}
            seen = self._taking.look.run(connection, look).all()
            if not seen and not tended and self._reap(connection, now, attempts):
                seen = self._taking.look.run(connection, look).all()
            if not seen:
                return Nothing(None, "empty")
            room = batch - int(seen[0].taken)
            if room <= 0:
                return Nothing(self._rate_wait(connection, now - window, interval), "rate")
            wanted = min(most, room)
            candidates = self._untried(connection, seen) or seen if failures else seen
            chosen = _choose(candidates, wanted)
            more = len(seen) >= wanted
            taken = self._take(connection, chosen, now, token, begin=begin, probe=failures > 0)
            if isinstance(taken, Nothing):
                return taken
            probed = (outage.stage or "", outage.cause or "") if outage else None
            return replace(taken, more=more, outage=probed)

        # What is begun must be known to be so whatever happens; a claim alone need not.
        return self._database.write(work, lazily=not begin)

    def _untried(self, connection: Connection, seen: Sequence[AnyRow]) -> list[AnyRow]:
        """Those that no server has refused yet: in an outage each finds out once how it is."""
        message = self._tables.message
        tried = select(message.c.id).where(
            message.c.id.in_([row.id for row in seen]), message.c.stage.is_not(None)
        )
        known = set(connection.execute(tried).scalars())
        return [row for row in seen if row.id not in known]

    def _held_already(self, connection: Connection, token: str) -> Slice | None:
        """Return what was claimed by a commit whose answer was lost.

        The number of its take is not known any more: what is given back of it counts as taken.
        """
        rows = connection.execute(self._taking.held_already, {"b_token": token}).all()
        return self._slice(connection, rows, token) if rows else None

    def _lock_gate(self, connection: Connection) -> int | None:
        """Lock the gate row and return its failures; ``None`` while another process holds it."""
        row = self._taking.lock_gate.run(connection, {}).first()
        if row is None and self._taking.gate.run(connection, {}).first() is None:
            made = insert_once(connection.dialect.name, self._tables.gate)
            connection.execute(made.values(id=GATE, failures=0))
            row = self._taking.gate.run(connection, {}).first()
        return None if row is None else int(row.failures)

    def _rate_wait(self, connection: Connection, begin: datetime, interval: float) -> float:
        """Return the seconds until the first of what was taken leaves the Interval."""
        first = connection.scalar(self._taking.first_take, {"b_begin": begin})
        return max((first - begin).total_seconds() if first is not None else interval, 0.001)

    def _tend(
        self, connection: Connection, now: datetime, send_attempts: int, interval: float
    ) -> bool:
        """Now and then, free what dead senders held and forget old takes; whether it was done."""
        last = self._tended
        if last is not None and abs((now - last).total_seconds()) < TEND_EVERY:
            return False
        self._reap(connection, now, send_attempts)
        old = now - timedelta(seconds=max(2 * interval, TAKES_KEPT))
        self._taking.forget.run(connection, {"begin": old})
        self._tended = now
        return True

    def _reap(self, connection: Connection, now: datetime, send_attempts: int) -> bool:
        """Give back what dead senders held; return whether there was any.

        A message that was begun may have been accepted: it waits a while before it goes again,
        and has failed if that was its last attempt.
        """
        found = False
        for state, query in self._sql.lapsed.items():
            for row in connection.execute(query, {"b_now": now}).all():
                found = True
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
                self._results.note_attempt.run(connection, _unknown_attempt(row.id, now))
                log.warning("message %d: its sender died while sending it", row.id)
        return found

    def _final_state(self, connection: Connection, number: int) -> str:
        """A message that some recipients have is not failed."""
        accepted = connection.execute(self._sql.somebody_has_it, {"b_id": number}).first()
        return (State.FAILED if accepted is None else State.SENT).value

    def _take(
        self,
        connection: Connection,
        chosen: Sequence[AnyRow],
        now: datetime,
        token: str,
        *,
        begin: bool,
        probe: bool,
    ) -> Slice | Nothing:
        ids = self._without_expired(connection, chosen, now)
        until = now + timedelta(seconds=LEASE)
        alone = ids[0] if begin and len(ids) == 1 else None
        lease = {"token": token, "until": until, "now": now, "alone": alone}
        rows, take = self._taken(connection, ids, lease) if ids else ([], 0)
        if not rows:
            return Nothing(0.0, "empty")
        if probe:
            # Until it is known how the probe went, the others go on waiting.
            gate = self._tables.gate
            connection.execute(update(gate).where(gate.c.id == GATE).values(retry_at=until))
        return self._slice(connection, rows, token, take, probe=probe)

    def _slice(
        self,
        connection: Connection,
        rows: Sequence[AnyRow],
        token: str,
        take: int = 0,
        *,
        probe: bool = False,
    ) -> Slice:
        rows = sorted(rows, key=lambda row: (row.priority, row.available_at, row.id))
        contents = {row.id: row.data for row in rows if row.data is not None}
        messages = tuple(self._claimed(connection, rows))
        return Slice(token, take, messages, probe, contents=contents)

    def _taken(
        self, connection: Connection, ids: Sequence[int], lease: dict[str, Any]
    ) -> tuple[Sequence[AnyRow], int]:
        """Take what is still queued; return its rows, and the number of the take."""
        if self._database.is_postgresql:
            taken = self._taking.claim_at_once.run(connection, lease | {"ids": ids}).all()
            return taken, taken[0].take if taken else 0
        self._taking.claim.run(connection, [lease | {"id": each} for each in ids])
        ours = {"b_ids": ids, "b_token": lease["token"]}
        rows: Sequence[AnyRow] = connection.execute(self._taking.held, ours).all()
        count = {"now": lease["now"], "count": len(rows)}
        return rows, self._taking.note.run(connection, count).lastrowid if rows else 0

    def _without_expired(
        self, connection: Connection, rows: Sequence[AnyRow], now: datetime
    ) -> list[int]:
        message, content = self._tables.message, self._tables.content
        expired = [row.id for row in rows if row.late]
        if expired:
            log.warning("%d messages were not sent in time and have expired", len(expired))
            connection.execute(
                update(message)
                .where(message.c.id.in_(expired))
                .values(state=State.EXPIRED.value, finished_at=now, reply="Not sent in time.")
            )
            connection.execute(delete(content).where(content.c.message_id.in_(expired)))
        return [row.id for row in rows if not row.late]

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


def _seconds_until(at: datetime | None, now: datetime) -> float:
    return 0.0 if at is None else (at - now).total_seconds()


def _stopped_the_queue(row: AnyRow) -> bool:
    """Whether the last try ended at the mail itself for a reason that is all mail's.

    It was given back uncharged then (it has no mark among those that met the same), or charged the
    second time.
    """
    cause = Cause.read(row.cause)
    if cause is None or row.stage not in MAIL_STAGES:
        return False
    return row.fault is None or not cause.verdict(row.code).charged


def _choose(seen: Sequence[AnyRow], count: int) -> list[AnyRow]:
    """Choose from what is due: high first, oldest first within a priority.

    But a tenth of what is taken, and one at least, is kept for each lower priority that waits,
    so that none starves for ever.
    """
    share = max(1, count // 10) if count > 2 else 0
    high, normal, low = ([row for row in seen if row.priority == each] for each in PRIORITIES)
    kept_low = min(share, len(low))
    high = high[: count - min(share, len(normal)) - kept_low]
    normal = normal[: count - len(high) - kept_low]
    return [*high, *normal, *low[: count - len(high) - len(normal)]]


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
        "cause": Cause.SENDER_DIED.value,
        "server": None,
    }


def _as_claimed(row: AnyRow, answers: Mapping[str, str]) -> Claimed:
    begun = row.state == State.SENDING.value
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
        attempts=row.attempts - begun,
        size=row.size,
        created_at=row.created_at,
        cause=row.cause or "",
        stopped=_stopped_the_queue(row),
        answered=answers,
        begun=begun,
    )
