"""Record: begin a message, write down how it ended, keep or give back the lease."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DataError

from ..errors import Verdict
from ..tables import State
from .base import OutboxPart
from .claiming import LEASE
from .statements import GATE
from .values import Advanced, Claimed, Result, Slice
from .writing import (
    ATTEMPT,
    CONCLUSION,
    SAID,
    Row,
    as_lists,
    attempt,
    conclusion,
    is_noted,
    is_partial,
    is_plain,
    recipients,
    said,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select, Table

    from ..errors import DeliveryError

T = TypeVar("T")
log = logging.getLogger("plato_email")

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

        stored, begun = self._at_once(held.token, done, begin)
        done = [each for each in done if each.message.id not in stored]
        begin = [each for each in begin if each.id not in begun]
        if not (done or begin):
            return Advanced(begun, frozenset())
        advanced = self._one_by_one(held.token, done, begin)
        return Advanced(begun | advanced.begun, advanced.lost)

    def _at_once(
        self, token: str, done: Sequence[Result], begin: Sequence[Claimed]
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Do the usual in one statement where that can be (PostgreSQL).

        Returns:
            The ids of what was concluded and of what was begun. The others are for
            `_one_by_one`: another sender has them, or the answer to a commit was lost.
        """
        if not self._database.is_postgresql or not all(map(self._is_usual, done)):
            return frozenset(), frozenset()
        now = self._clock.now()
        rows = [conclusion(each, now, self._process) for each in done]
        tries = [attempt(each, self._process) for each in done if is_noted(each)]
        values = {
            "token": token,
            "now": now,
            "until": now + timedelta(seconds=LEASE),
            "begin": [each.id for each in begin],
            "drop": [each.message.id for each in done if not self._keeps(each)],
            **as_lists(rows, CONCLUSION),
            **as_lists(tries, ATTEMPT, "try_"),
        }
        try:
            written: Any = self._write(
                lambda c: self._results.advance.run(c, values).first(), done, alone=True
            )
        except (DataError, UnicodeEncodeError):
            return frozenset(), frozenset()
        stored, begun = written
        return frozenset(stored), frozenset(begun)

    def _is_usual(self, result: Result) -> bool:
        """Whether a result has no rows of recipients, no message to delete and plain words.

        Letters that the database lacks are written as escapes, which mean another thing in a list.
        """
        answers = result.refused or result.message.answered
        kept = self._keep_failed or result.state is not State.FAILED
        return kept and not answers and result.reply.isascii()

    def _one_by_one(self, token: str, done: Sequence[Result], begin: Sequence[Claimed]) -> Advanced:
        def write(results: Sequence[Result], *, together: bool) -> Advanced:
            return self._write(
                lambda c: self._advance(c, token, results, begin, together=together), done
            )

        try:
            return write(done, together=True)
        except _TakenOver:
            # Rare: find out which, one by one.
            return write(done, together=False)
        except (DataError, UnicodeEncodeError):
            # A server's words that this database has no letters for must not cost the results.
            return write([_in_ascii(each) for each in done], together=False)

    def _write(
        self, work: Callable[[Connection], T], done: Sequence[Result], *, alone: bool = False
    ) -> T:
        """Write with much patience where results would be lost, with little where none would."""
        patience = PATIENCE if done else 30.0
        return self._database.write(work, patience=patience, insist=bool(done), alone=alone)

    def renew(self, held: Slice) -> None:
        """Extend the lease of every message of the slice that is not concluded yet."""

        def work(connection: Connection) -> None:
            until = self._clock.now() + timedelta(seconds=LEASE)
            rows = [_mine(held.token, each, until=until) for each in held.messages]
            self._results.renew.run(connection, rows)
            if held.probe:
                gate = self._tables.gate
                probing = update(gate).where(gate.c.id == GATE, gate.c.failures > 0)
                connection.execute(probing.values(retry_at=until))

        self._database.write(work, patience=LEASE / 3)

    def release(self, held: Slice, messages: Sequence[Claimed], *, unused: int = 0) -> None:
        """Give back messages that were not sent, and their share of the rate.

        Args:
            held: the slice.
            messages: what is left of it. Of those that were begun, only one that was begun with its
                claim, and has not left.
            unused: messages more that went nowhere, and have been put off already.
        """
        if not (messages or unused):
            return
        take = self._tables.take

        def work(connection: Connection) -> None:
            rows = [_mine(held.token, each, **_as_taken(each)) for each in messages]
            freed = self._results.release.run(connection, rows).rowcount if rows else 0
            connection.execute(
                update(take)
                .where(take.c.id == held.take)
                .values(count=take.c.count - freed - unused)
            )

        self._database.write(work)

    def close_gate(
        self,
        error: DeliveryError,
        pause: float,
        longest: float,
        *,
        server: str = "",
        probe: bool = False,
        settings_version: int | None = None,
    ) -> None:
        """Make every sender wait: the server, not a message, is at fault.

        Only the first of several senders that fail together lengthens the pause.

        Args:
            error: why; shown on the page.
            pause: seconds of the first wait; it doubles with each failure in a row.
            longest: seconds that it grows to at most.
            server: the server that failed, with its port.
            probe: whether this was the one try that finds out if the server is well again.
            settings_version: of the settings that were tried. Where others were saved since,
                nobody waits: that the old ones are at fault is no news.
        """
        gate, settings = self._tables.gate, self._tables.settings

        def work(connection: Connection) -> None:
            now = self._clock.now()
            saved = connection.scalar(select(settings.c.version)) or 0
            if settings_version is not None and settings_version != saved:
                return
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
                # A refusal of one message that all messages meet is the server's fault.
                "verdict": (Verdict.SERVER if error.verdict.charged else error.verdict).value,
                **said(
                    *(error.stage.value, error.code, error.enhanced, error.reply),
                    cause=error.cause.value,
                    server=server,
                ),
            }
            connection.execute(update(gate).where(gate.c.id == GATE).values(**values))

        self._database.write(work)

    def open_gate(self) -> None:
        """Let mail flow again: the server answered, or an administrator changed the settings."""
        gate = self._tables.gate
        nothing = dict.fromkeys(("failing_since", "retry_at", "verdict", *SAID))

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
        stored = {result.message.id for result in mine}
        new = [
            each
            for each in done
            if each.message.id not in known
            and is_noted(each)
            and (each.message.id in stored or self._is_there(connection, each))
        ]
        if new:
            rows = [attempt(each, self._process) for each in new]
            self._results.note_attempt.run(connection, rows)
        for result in mine:
            self._note_recipients(connection, recipients(result, now))
        self._drop_contents(connection, mine)
        begun = self._begin(connection, token, begin, now) if begin else frozenset[int]()
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
        for results in [done] if together and done else [[each] for each in done]:
            rows = [{"token": token, **conclusion(each, now, self._process)} for each in results]
            changed = self._results.conclude.run(connection, rows).rowcount
            if changed == len(rows) or results[0].message.id in known:
                mine += results
            elif together:
                raise _TakenOver
            elif self._conclude_ended(connection, results[0], rows[0]):
                mine += results
            else:
                log.warning(
                    "message %s: taken over, or ended, meanwhile; outcome %s at %s not stored",
                    *(results[0].message.message_id, results[0].outcome, results[0].stage),
                )
        return mine

    def _conclude_ended(self, connection: Connection, result: Result, row: Row) -> bool:
        """Write down what a server took of a message that was ended while its sender was in doubt.

        Rare: nobody is asked for a message that is still ours. Whom it was taken for is noted in
        any case, so that they do not get it again if it is brought back. The queue is looked at
        twice: what is being brought back leaves the one table before the other shows it.
        """
        if result.state is State.SENT:
            ended, deleted = self._results.conclude_ended
            ways = (ended, deleted, self._results.conclude, ended)
            return any(each.run(connection, [row]).rowcount for each in ways)
        message, away = self._tables.message, self._tables.deleted
        if result.accepted and any(
            connection.execute(_held(table, row).with_for_update()).first()
            for table in (message, away, message)
        ):
            self._note_recipients(connection, recipients(result, self._clock.now()))
        return False

    def _is_there(self, connection: Connection, result: Result) -> bool:
        """Whether a message that somebody else has now is there at all.

        In a database that was restored meanwhile another may have its number.
        """
        number, name = result.message.id, result.message.message_id
        return any(
            connection.execute(
                select(table.c.id).where(table.c.id == number, table.c.message_id == name)
            ).first()
            for table in (self._tables.message, self._tables.deleted)
        )

    def _known(self, connection: Connection, done: Sequence[Result]) -> Set[int]:
        """Return what was written already, by a commit whose answer was lost."""
        return {each.message.id for each in done if connection.execute(self._trace(each)).first()}

    def _trace(self, result: Result) -> Select[Any]:
        """Find what only this result of this process can have left behind."""
        table = self._tables.message if is_plain(result) else self._tables.attempt
        number, at = (
            (table.c.id, table.c.started_at)
            if is_plain(result)
            else (table.c.message_id, table.c.at)
        )
        return select(table.c.id).where(
            number == result.message.id,
            table.c.process == self._process,
            at == result.started_at,
        )

    def _begin(
        self, connection: Connection, token: str, begin: Sequence[Claimed], now: datetime
    ) -> frozenset[int]:
        until = now + timedelta(seconds=LEASE)
        rows = [_mine(token, each, now=now, until=until) for each in begin]
        ids = [each.id for each in begin]
        if self._results.begin.run(connection, rows).rowcount == len(ids):
            return frozenset(ids)
        message = self._tables.message
        ours = select(message.c.id).where(
            message.c.id.in_(ids),
            message.c.lease_token == token,
            message.c.state == State.SENDING.value,
            message.c.lease_until > now,
        )
        return frozenset(connection.execute(ours).scalars())

    def _note_recipients(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Keep a row for each recipient only where the server treated them differently."""
        if not rows:
            return
        recipient = self._tables.recipient
        connection.execute(
            delete(recipient).where(
                recipient.c.message_id == rows[0]["message_id"],
                recipient.c.address.in_([row["address"] for row in rows]),
            )
        )
        connection.execute(insert(recipient), rows)

    def _drop_contents(self, connection: Connection, done: Sequence[Result]) -> None:
        rows = [{"id": result.message.id} for result in done if not self._keeps(result)]
        if rows:
            self._results.drop_content.run(connection, rows)
        if not self._keep_failed:
            failed = [result.message.id for result in done if result.state is State.FAILED]
            self._delete_rows(connection, failed, State.FAILED)

    def _keeps(self, result: Result) -> bool:
        """Whether the bytes of a message are needed, or kept, after this result."""
        if result.state is State.SENT:
            return self._keep_sent_bodies or (self._keep_failed and is_partial(result))
        return result.state in (State.QUEUED, State.FAILED)


class _TakenOver(Exception):
    """One of several results was not ours to write any more."""


def _in_ascii(result: Result) -> Result:
    plain = result.reply.encode("ascii", "backslashreplace").decode()
    return replace(result, reply=plain, refused={})


def _held(table: Table, row: Row) -> Select[Any]:
    """Find a message that still carries our token."""
    return select(table.c.id).where(table.c.id == row["id"], table.c.lease_token == row["token"])


def _as_taken(message: Claimed) -> dict[str, Any]:
    """What the claim has made of a message: it is given back only if it is still that."""
    state = State.SENDING if message.begun else State.CLAIMED
    return {"state": state.value, "begun": int(message.begun)}


def _mine(token: str, message: Claimed, **more: Any) -> dict[str, Any]:
    return {"id": message.id, "token": token, **more}
