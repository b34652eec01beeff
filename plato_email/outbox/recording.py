"""Record: begin a message, write down how it ended, keep or give back the lease."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DataError

from ..tables import State
from .base import OutboxPart
from .claiming import LEASE
from .statements import GATE
from .values import REPLY_LENGTH, Advanced, Claimed, Result, Slice

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
        ids = {"b_ids": [message.id for message in messages]}
        return self._database.read(
            lambda c: {row.message_id: row.data for row in c.execute(self._sql.contents, ids)}
        )

    def advance(
        self, held: Slice, *, done: Sequence[Result] = (), begin: Sequence[Claimed] = ()
    ) -> Advanced:
        """Record what is done and begin what comes next, in one short transaction.

        A begun message is marked *sending* and its attempt is counted before a byte of it
        leaves, so that after a crash it is known to be in doubt, and the others known not to be.

        Args:
            held: the slice whose token guards every statement.
            done: results to record.
            begin: messages to begin, one of each connection.
        """

        def write(results: Sequence[Result], *, together: bool) -> Advanced:
            return self._database.write(
                lambda c: self._advance(c, held.token, results, begin, together=together),
                patience=PATIENCE if done else 30.0,
                insist=bool(done),
            )

        try:
            return write(done, together=True)
        except _TakenOver:
            # Rare: find out which, one by one.
            return write(done, together=False)
        except (DataError, UnicodeEncodeError):
            # A server's words that this database has no letters for must not cost the results.
            return write([_in_ascii(each) for each in done], together=False)

    def renew(self, held: Slice) -> None:
        """Extend the lease of every message of the slice that is not concluded yet."""

        def work(connection: Connection) -> None:
            until = self._clock.now() + timedelta(seconds=LEASE)
            rows = [_mine(held.token, each, b_until=until) for each in held.messages]
            connection.execute(self._sql.renew, rows)
            if held.probe:
                gate = self._tables.gate
                probing = update(gate).where(gate.c.id == GATE, gate.c.failures > 0)
                connection.execute(probing.values(retry_at=until))

        self._database.write(work, patience=LEASE / 3)

    def release(self, held: Slice, messages: Sequence[Claimed]) -> None:
        """Give back messages that were not begun, and their share of the rate."""
        if not messages:
            return
        take = self._tables.take

        def work(connection: Connection) -> None:
            rows = [_mine(held.token, each) for each in messages]
            freed = connection.execute(self._sql.release, rows).rowcount
            connection.execute(
                update(take).where(take.c.id == held.take).values(count=take.c.count - freed)
            )

        self._database.write(work)

    def close_gate(
        self, error: DeliveryError, pause: float, longest: float, *, probe: bool = False
    ) -> None:
        """Make every sender wait: the server, not a message, is at fault.

        Only the first of several senders that fail together lengthens the pause.

        Args:
            error: why; shown on the page.
            pause: seconds of the first wait; it doubles with each failure in a row.
            longest: seconds that it grows to at most.
            probe: whether this was the one try that finds out if the server is well again.
        """
        gate = self._tables.gate

        def work(connection: Connection) -> None:
            now = self._clock.now()
            row = connection.execute(
                select(gate).where(gate.c.id == GATE).with_for_update()
            ).one_or_none()
            if row is not None and row.failures and row.retry_at > now and not probe:
                return
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

    def _advance(
        self,
        connection: Connection,
        token: str,
        done: Sequence[Result],
        begin: Sequence[Claimed],
        *,
        together: bool,
    ) -> Advanced:
        now = self._clock.now()
        known = set() if together else self._known(connection, done)
        mine = self._conclude(connection, token, done, now, known, together=together)
        new = [self._attempt(each) for each in done if each.message.id not in known]
        if new:
            connection.execute(self._sql.note_attempt, new)
        for result in mine:
            if result.refused or result.message.answered:
                self._note_recipients(connection, result, now)
        self._drop_contents(connection, mine)
        begun = self._begin(connection, token, begin, now) if begin else frozenset[int]()
        stored = {result.message.id for result in mine}
        return Advanced(begun, frozenset(each.message.id for each in done) - stored)

    def _conclude(
        self,
        connection: Connection,
        token: str,
        done: Sequence[Result],
        now: datetime,
        known: Set[int],
        *,
        together: bool,
    ) -> Sequence[Result]:
        """Write results down; return those whose message was still ours."""
        mine: list[Result] = []
        for results in _groups(done, together=together):
            finished = results[0].state in FINISHED
            statement = self._sql.finish if finished else self._sql.put_off
            rows = [_bound(token, each, now) for each in results]
            changed = connection.execute(statement, rows).rowcount
            if changed == len(rows) or results[0].message.id in known:
                mine += results
            elif together:
                raise _TakenOver
            else:
                log.warning(
                    "message %s: another sender took it over; outcome %s at %s not stored",
                    *(results[0].message.message_id, results[0].outcome, results[0].stage),
                )
        return mine

    def _known(self, connection: Connection, done: Sequence[Result]) -> Set[int]:
        """Return what was written already, by a commit whose answer was lost."""
        attempt = self._tables.attempt
        return {
            result.message.id
            for result in done
            if connection.execute(
                select(attempt.c.id).where(
                    attempt.c.message_id == result.message.id,
                    attempt.c.process == self._process,
                    attempt.c.at == result.started_at,
                )
            ).first()
        }

    def _begin(
        self, connection: Connection, token: str, begin: Sequence[Claimed], now: datetime
    ) -> frozenset[int]:
        until = now + timedelta(seconds=LEASE)
        rows = [_mine(token, each, b_now=now, b_until=until) for each in begin]
        ids = [each.id for each in begin]
        if connection.execute(self._sql.begin, rows).rowcount == len(ids):
            return frozenset(ids)
        message = self._tables.message
        ours = select(message.c.id).where(
            message.c.id.in_(ids),
            message.c.lease_token == token,
            message.c.state == State.SENDING.value,
        )
        return frozenset(connection.execute(ours).scalars())

    def _attempt(self, result: Result) -> dict[str, Any]:
        return {
            "message_id": result.message.id,
            "at": result.started_at,
            "milliseconds": result.milliseconds,
            "process": self._process,
            "outcome": result.outcome,
            **_said(result.stage, result.code, result.enhanced, result.reply),
        }

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
        rows = [{"b_id": result.message.id} for result in done if not self._keeps(result)]
        if rows:
            connection.execute(self._sql.drop_content, rows)
        if not self._keep_failed:
            failed = [result.message.id for result in done if result.state is State.FAILED]
            self._delete_rows(connection, failed, State.FAILED)

    def _keeps(self, result: Result) -> bool:
        """Whether the bytes of a message are needed, or kept, after this result."""
        if result.state is State.SENT:
            return self._keep_sent_bodies
        return result.state in (State.QUEUED, State.FAILED)


class _TakenOver(Exception):
    """One of several results was not ours to write any more."""


def _groups(done: Sequence[Result], *, together: bool) -> Iterable[Sequence[Result]]:
    """Part results by the statement that they need, or one by one."""
    if not together:
        return [[each] for each in done]
    finished = [each for each in done if each.state in FINISHED]
    again = [each for each in done if each.state not in FINISHED]
    return [group for group in (finished, again) if group]


def _in_ascii(result: Result) -> Result:
    plain = result.reply.encode("ascii", "backslashreplace").decode()
    return replace(result, reply=plain, refused={})


def _mine(token: str, message: Claimed, **more: Any) -> dict[str, Any]:
    return {"b_id": message.id, "b_token": token, **more}


def _bound(token: str, result: Result, now: datetime) -> dict[str, Any]:
    said = _said(result.stage, result.code, result.enhanced, result.reply)
    finished = result.state in FINISHED
    return {
        "b_id": result.message.id,
        "b_token": token,
        "b_state": result.state.value,
        "b_at": now if finished else now + timedelta(seconds=result.retry_in),
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
