"""Steer: what an administrator does to messages, never to one that a sender has in its hands.

Every step locks the rows that it decides on, in one short transaction, and changes those whose
state allows it; what became of the others is told. A message that is claimed or being sent is
always left alone, so that none that was cancelled before its turn is sent, and no result of a
sender is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, delete, select, update

from ..errors import PlatoEmailError
from ..tables import State
from .deleting import Deleting
from .fault import PARTIAL
from .statements import is_in
from .values import Steered, dump_recipients, load_recipients
from .walking import LARGEST_ID

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    AnyRow = Row[Any, Any]

STEP = 200
"""Rows decided on in one transaction, so that delivery never waits long."""


class Act(StrEnum):
    """What can be done to messages."""

    RETRY = "retry"
    """Try now, attempts from zero: what has failed, waits for a later try, or was cancelled.

    One that only some recipients have goes to the others."""
    CANCEL = "cancel"
    """Do not send what waits; its content is kept, so that it can be restored."""
    RESTORE = "restore"
    """Undo a cancellation: the message waits again as it did."""
    DELETE = "delete"
    """Take out of the queue, whatever its state, unless it is being sent; see `Deleting`."""


ALLOWED: Mapping[Act, frozenset[State]] = {
    Act.RETRY: frozenset({State.FAILED, State.CANCELLED, State.QUEUED}),
    Act.CANCEL: frozenset({State.QUEUED}),
    Act.RESTORE: frozenset({State.CANCELLED}),
    Act.DELETE: frozenset(State) - {State.CLAIMED, State.SENDING},
}
NEED_CONTENT = (Act.RETRY, Act.RESTORE)
GONE, NO_CONTENT, OUTDATED = "gone", "no content", "outdated"


class SteeringRefused(PlatoEmailError):
    """A single message cannot be changed as asked; the sentence says why."""


class Steering(Deleting):
    """The statements of administrators. Thread-safe; each step is a transaction of its own."""

    def steer(self, act: Act, ids: Sequence[int], *, batch: str = "") -> Steered:
        """Do ``act`` to the messages ``ids``, in steps; say what became of them.

        Args:
            act: what to do.
            ids: of the messages.
            batch: what those that are deleted can be brought back by, together.
        """
        whole, each = Steered(), sorted(set(ids))
        for start in range(0, len(each), STEP):
            step = each[start : start + STEP]
            whole += self._database.write(partial(self._steer, act=act, ids=step, batch=batch))
        return whole

    def readdress(self, number: int, old: str, new: str) -> None:
        """Put ``new`` in the place of the recipient ``old`` of a failed message and queue it again.

        Only the envelope changes: the bytes, and so what stands after *To:*, stay as they were.

        Raises:
            SteeringRefused: it has not failed, or that recipient has it already, or is not one, or
                the message is sensitive: another address would let somebody read it.
        """

        def work(connection: Connection) -> None:
            row = self._readdressable(connection, number, old, new)
            people = [new if each == old else each for each in load_recipients(row.recipients)]
            message = self._tables.message
            statement = update(message).where(message.c.id == number)
            connection.execute(statement.values(recipients=dump_recipients(people)))
            self._retry(connection, [number])

        self._database.write(work)

    def check_readdress(self, number: int, old: str, new: str) -> None:
        """See whether `readdress` would do it now.

        Raises:
            SteeringRefused: as it does.
        """
        self._database.read(lambda c: self._readdressable(c, number, old, new))

    def _readdressable(self, connection: Connection, number: int, old: str, new: str) -> AnyRow:
        row = self._locked(connection, [number]).get(number)
        if row is None:
            raise SteeringRefused("The message is gone: it was removed meanwhile.")
        _check_readdress(row, old, new, self._accepted(connection, number))
        return row

    def hold_finished(self, connection: Connection, number: int) -> bool:
        """Whether a message is finished; it stays so until the transaction ends."""
        row = self._locked(connection, [number]).get(number)
        return row is not None and row.finished_at is not None

    def _steer(self, connection: Connection, act: Act, ids: Sequence[int], batch: str) -> Steered:
        rows = self._locked(connection, ids)
        reasons = {number: self._reason(act, rows.get(number)) for number in ids}
        able = [number for number, reason in reasons.items() if not reason]
        if able and act is Act.DELETE:
            self._put_away(connection, able, batch)
        elif able:
            getattr(self, f"_{act.value}")(connection, able)
        return Steered(tuple(able), Counter(reason for reason in reasons.values() if reason))

    def _locked(self, connection: Connection, ids: Sequence[int]) -> dict[int, AnyRow]:
        """Lock messages, always in the same order, and tell which have their content."""
        message, content = self._tables.message, self._tables.content
        stored = select(content.c.message_id).where(content.c.message_id == message.c.id).exists()
        columns = (
            *(message.c.id, message.c.state, message.c.recipients, message.c.expires_at),
            *(message.c.sensitive, message.c.fault, message.c.finished_at),
        )
        known = [each for each in ids if 0 < each <= LARGEST_ID]
        query = select(*columns, stored.label("stored")).where(message.c.id.in_(known))
        rows = connection.execute(query.order_by(message.c.id).with_for_update(of=message))
        return {row.id: row for row in rows}

    def _reason(self, act: Act, row: AnyRow | None) -> str:
        """Why a message is left alone, or ""."""
        if row is None:
            return GONE
        partial = act is Act.RETRY and row.fault == PARTIAL
        if row.state not in ALLOWED[act] and not partial:
            return State.SENDING.value if row.state == State.CLAIMED else str(row.state)
        if act not in NEED_CONTENT:
            return ""
        if row.expires_at is not None and row.expires_at <= self._clock.now():
            return OUTDATED
        return "" if row.stored else NO_CONTENT

    def _retry(self, connection: Connection, ids: Sequence[int]) -> None:
        message, now = self._tables.message, self._clock.now()
        # What is due already keeps its place in the queue.
        due = and_(is_in(message, State.QUEUED), message.c.available_at <= now)
        at = case((due, message.c.available_at), else_=now)
        # Without its token: it goes again, whatever a sender in doubt may still find out.
        again = {"attempts": 0, "unknowns": 0, "available_at": at, "lease_token": None}
        again |= {"fault": None, "cause": None}
        self._queue(connection, ids, **again)
        # Who has it is not mailed again; who was refused gets another chance.
        recipient = self._tables.recipient
        refused = (recipient.c.message_id.in_(ids), recipient.c.outcome != "accepted")
        connection.execute(delete(recipient).where(*refused))

    def _restore(self, connection: Connection, ids: Sequence[int]) -> None:
        self._queue(connection, ids)

    def _queue(self, connection: Connection, ids: Sequence[int], **values: Any) -> None:
        again = {"state": State.QUEUED.value, "finished_at": None}
        self._change(connection, ids, **again, **values)

    def _cancel(self, connection: Connection, ids: Sequence[int]) -> None:
        now = self._clock.now()
        self._change(connection, ids, state=State.CANCELLED.value, finished_at=now)

    def _change(self, connection: Connection, ids: Sequence[int], **values: Any) -> None:
        message = self._tables.message
        connection.execute(update(message).where(message.c.id.in_(ids)).values(**values))

    def _accepted(self, connection: Connection, number: int) -> set[str]:
        recipient = self._tables.recipient
        query = select(recipient.c.address).where(
            recipient.c.message_id == number, recipient.c.outcome == "accepted"
        )
        return set(connection.execute(query).scalars())


def _check_readdress(row: AnyRow, old: str, new: str, accepted: set[str]) -> None:
    if row.state != State.FAILED:
        raise SteeringRefused(f"The message is {row.state} by now; only a failed one is changed.")
    if row.sensitive:
        raise SteeringRefused(
            "The message is sensitive: it goes to nobody but those it was written for. Let the "
            "site write a new one to the right address."
        )
    if not row.stored:
        raise SteeringRefused("Its content is gone, so it cannot be sent again.")
    people = load_recipients(row.recipients)
    if old not in people:
        raise SteeringRefused(f"{old} is not a recipient of this message any more.")
    if old in accepted:
        raise SteeringRefused(f"{old} has it already: the server has accepted it.")
    if new != old and new in people:
        raise SteeringRefused(f"{new} is a recipient of this message already.")
