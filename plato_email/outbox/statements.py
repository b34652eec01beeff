"""The statements of every claim and every result, built once.

Building a statement costs several times what running it does, and these run for each mail. The
words of states stand in them as literals: a bound one would keep the planner from the partial
indexes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Integer,
    SmallInteger,
    String,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from ..database import utcnow
from ..tables import DateTime, State

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Insert, Select, Table, Update

    from ..tables import Tables

ENQUEUED = (
    *("state", "priority", "message_id", "idempotency_key", "sender", "recipients"),
    *("subject", "size", "attachments", "sensitive", "expires_at"),
)
"""What a new message brings; the times are the database's, unless it is for later."""

GATE = 1
PRIORITIES = (0, 1, 2)
REAP_LIMIT = 50
UNSURE = "The sender died while this message was being sent; it may have gone out."


def is_in(table: Table, *states: State) -> ColumnElement[bool]:
    """The condition that a message is in one of ``states``, as literals."""
    return or_(*(table.c.state == literal_column(f"'{state.value}'") for state in states))


def _leased(table: Table) -> ColumnElement[bool]:
    """The condition of the partial index on leases, in its own words: SQLite wants it repeated."""
    words: list[Any] = [literal_column(f"'{each}'") for each in (State.CLAIMED, State.SENDING)]
    return table.c.state.in_(words)


class Statements:
    """Statements on one site's tables; parameters are given by name, ``b_`` before it."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._build_enqueue()
        self._build_claim()
        self._build_reap()
        self._build_results()

    def _build_enqueue(self) -> None:
        message, content = self._tables.message, self._tables.content
        self.enqueue = insert(message).values(available_at=utcnow(), created_at=utcnow())
        self.enqueue_later = insert(message).values(created_at=utcnow())
        self.store_content = insert(content)
        self.enqueue_at_once = self._both(self.enqueue)
        self.enqueue_later_at_once = self._both(self.enqueue_later)
        self.contents = select(content.c.message_id, content.c.data).where(
            content.c.message_id.in_(bindparam("b_ids", expanding=True))
        )

    def _both(self, enqueue: Insert) -> Select[Any]:
        """Insert message and content in one turn to the server, where it can (PostgreSQL)."""
        message, content = self._tables.message, self._tables.content
        columns = {name: bindparam(name, type_=message.c[name].type) for name in ENQUEUED}
        if enqueue is self.enqueue_later:
            columns["available_at"] = bindparam("available_at", type_=DateTime)
        added = enqueue.values(**columns).returning(message.c.id).cte("added")
        data = bindparam("data", type_=content.c.data.type)
        stored = insert(content).from_select(["message_id", "data"], select(added.c.id, data))
        return select(added.c.id).add_cte(stored.cte("stored"))

    def _build_claim(self) -> None:
        message, take, gate = self._tables.message, self._tables.take, self._tables.gate
        queued = is_in(message, State.QUEUED)
        waiting = [
            select(func.min(message.c.available_at).label("at")).where(
                queued, message.c.priority == literal_column(str(priority))
            )
            for priority in PRIORITIES
        ]
        leased = [
            select(func.min(message.c.lease_until)).where(is_in(message, state), _leased(message))
            for state in (State.CLAIMED, State.SENDING)
        ]
        self.next_due = union_all(*waiting, *leased)
        self.gate = select(gate.c.retry_at, gate.c.failures).where(gate.c.id == GATE)
        self.lock_gate = self.gate.with_for_update(skip_locked=True)
        self.taken = select(func.coalesce(func.sum(take.c.count), 0), func.min(take.c.at)).where(
            take.c.at > bindparam("b_begin", type_=DateTime), take.c.count > 0
        )
        self.forget_takes = delete(take).where(take.c.at < bindparam("b_begin", type_=DateTime))
        self.note_take = insert(take)
        self.pick = (
            select(message)
            .where(
                queued,
                message.c.priority == bindparam("b_priority", type_=SmallInteger),
                message.c.available_at <= bindparam("b_now", type_=DateTime),
            )
            .order_by(message.c.available_at, message.c.id)
            .limit(bindparam("b_count", type_=Integer))
            .with_for_update(skip_locked=True)
        )
        self.claim = self._by_id(
            state=State.CLAIMED.value,
            lease_token=bindparam("b_token", type_=String),
            lease_until=bindparam("b_until", type_=DateTime),
        )

    def _build_reap(self) -> None:
        message = self._tables.message
        lapsed = message.c.lease_until < bindparam("b_now", type_=DateTime)
        columns = (message.c.id, message.c.lease_token, message.c.attempts)
        self.lapsed = {
            state: select(*columns)
            .where(is_in(message, state), _leased(message), lapsed)
            .limit(REAP_LIMIT)
            for state in (State.CLAIMED, State.SENDING)
        }
        free = {"lease_until": None}
        self.reap_claimed = self._held(State.CLAIMED).values(
            state=State.QUEUED.value, lease_token=None, **free
        )
        # The token stays, so that a sender that was only slow can still record the truth.
        unsure = self._held(State.SENDING).values(
            unknowns=message.c.unknowns + 1, stage="data", code=None, reply=UNSURE, **free
        )
        at = bindparam("b_at", type_=DateTime)
        self.reap_sending = unsure.values(state=State.QUEUED.value, available_at=at)
        state = bindparam("b_state", type_=String)
        self.reap_spent = unsure.values(state=state, finished_at=at)
        recipient = self._tables.recipient
        self.somebody_has_it = select(recipient.c.address).where(
            recipient.c.message_id == bindparam("b_id"),
            recipient.c.outcome == literal_column("'accepted'"),
        )

    def _build_results(self) -> None:
        message, content = self._tables.message, self._tables.content
        self.begin = (
            self._held(State.CLAIMED)
            .where(message.c.lease_until > bindparam("b_now", type_=DateTime))
            .values(
                state=State.SENDING.value,
                attempts=message.c.attempts + 1,
                lease_until=bindparam("b_until", type_=DateTime),
            )
        )
        self.finish = self._concluding("finished_at")
        self.put_off = self._concluding("available_at").values(finished_at=None)
        self.note_attempt = insert(self._tables.attempt)
        self.drop_content = delete(content).where(content.c.message_id == bindparam("b_id"))
        self.renew = self._held(State.CLAIMED, State.SENDING).values(
            lease_until=bindparam("b_until", type_=DateTime)
        )
        self.release = self._held(State.CLAIMED).values(
            state=State.QUEUED.value, lease_token=None, lease_until=None
        )

    def _concluding(self, moment: str) -> Update:
        """End a try; ``moment`` is the column that gets its time.

        A message reaped as unknown, or given up so, but not yet claimed again still has our token:
        the truth that this sender knows wins over the doubt.
        """
        message = self._tables.message
        said: dict[str, Any] = {
            name: bindparam(f"b_{name}", type_=message.c[name].type)
            for name in ("state", "stage", "code", "enhanced", "reply")
        }
        charge, unknown = (
            bindparam("b_charge", type_=SmallInteger),
            bindparam("b_unknown", type_=SmallInteger),
        )
        return self._held(State.SENDING, State.CLAIMED, State.QUEUED, State.FAILED).values(
            lease_token=None,
            lease_until=None,
            attempts=message.c.attempts + charge,
            unknowns=message.c.unknowns + unknown,
            **{moment: bindparam("b_at", type_=DateTime)},
            **said,
        )

    def _held(self, *states: State) -> Update:
        """Change a message that is in one of ``states`` and carries our token, by its id."""
        message = self._tables.message
        return update(message).where(
            message.c.id == bindparam("b_id"),
            message.c.lease_token == bindparam("b_token", type_=String),
            is_in(message, *states),
        )

    def _by_id(self, **values: Any) -> Update:
        message = self._tables.message
        return update(message).where(message.c.id == bindparam("b_id")).values(**values)
