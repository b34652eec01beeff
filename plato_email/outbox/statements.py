"""The statements of every claim and every result, built once.

Building a statement costs several times what running it does, and these run for each mail. The
words of states stand in them as literals: a bound one would keep the planner from the partial
indexes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    String,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from ..database import utcnow
from ..errors import Cause
from ..tables import DateTime, State
from .fault import PARTIAL, fault_of
from .ready import Ready

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
UNSURE_FAULT = fault_of("data", None, "", UNSURE)
UNSURE_WAITS = fault_of("data", None, "", UNSURE, waits=True)


def is_in(table: Table, *states: State) -> ColumnElement[bool]:
    """The condition that a message is in one of ``states``, as literals."""
    return or_(*(table.c.state == literal_column(f"'{state.value}'") for state in states))


def is_still(table: Table, *states: State) -> ColumnElement[bool]:
    """As `is_in`, for a message that is looked up by its id.

    The expression fits no index of states: a planner that finds few messages in one would read
    all of those, and go on to when there are many.
    """
    words: list[Any] = [literal_column(f"'{each}'") for each in states]
    return func.coalesce(table.c.state, literal_column("''")).in_(words)


def is_leased(table: Table) -> ColumnElement[bool]:
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

    def _build_enqueue(self) -> None:
        content = self._tables.content
        self.enqueue, self.enqueue_later = (
            Ready(self._enqueue(later=each)) for each in (False, True)
        )
        self.enqueue_at_once, self.enqueue_later_at_once = (
            Ready(self._both(self._enqueue(later=each))) for each in (False, True)
        )
        columns = {c.name: bindparam(f"b_{c.name}", type_=c.type) for c in content.c}
        self.store_content = Ready(insert(content).values(columns))
        self.contents = select(content.c.message_id, content.c.data).where(
            content.c.message_id.in_(bindparam("b_ids", expanding=True))
        )

    def _enqueue(self, *, later: bool) -> Insert:
        message = self._tables.message
        columns = {c: bindparam(f"b_{c}", type_=message.c[c].type) for c in ENQUEUED}
        at = bindparam("b_available_at", type_=DateTime) if later else utcnow()
        zero: Any = literal_column("0")
        return insert(message).values(
            **columns, available_at=at, created_at=utcnow(), attempts=zero, unknowns=zero
        )

    def _both(self, enqueue: Insert) -> Select[Any]:
        """Insert message and content in one turn to the server, where it can (PostgreSQL)."""
        message, content = self._tables.message, self._tables.content
        added = enqueue.returning(message.c.id).cte("added")
        data = bindparam("b_data", type_=content.c.data.type)
        stored = insert(content).from_select(["message_id", "data"], select(added.c.id, data))
        return select(added.c.id).add_cte(stored.cte("stored"))

    def _build_claim(self) -> None:
        message, gate = self._tables.message, self._tables.gate
        queued = is_in(message, State.QUEUED)
        waiting = [
            select(func.min(message.c.available_at).label("at")).where(
                queued, message.c.priority == literal_column(str(priority))
            )
            for priority in PRIORITIES
        ]
        leased = [
            select(func.min(message.c.lease_until)).where(is_in(message, state), is_leased(message))
            for state in (State.CLAIMED, State.SENDING)
        ]
        self.next_due = union_all(*waiting, *leased)
        outage = (gate.c.retry_at, gate.c.stage, gate.c.cause)
        self.outage = select(*outage).where(gate.c.id == GATE)

    def _build_reap(self) -> None:
        message = self._tables.message
        lapsed = message.c.lease_until < bindparam("b_now", type_=DateTime)
        columns = (message.c.id, message.c.lease_token, message.c.attempts)
        self.lapsed = {
            state: select(*columns)
            .where(is_in(message, state), is_leased(message), lapsed)
            .limit(REAP_LIMIT)
            for state in (State.CLAIMED, State.SENDING)
        }
        free = {"lease_until": None}
        self.reap_claimed = self._held(State.CLAIMED).values(
            state=State.QUEUED.value, lease_token=None, **free
        )
        # The token stays, so that a sender that was only slow can still record the truth.
        unsure = self._held(State.SENDING).values(
            unknowns=message.c.unknowns + 1,
            stage="data",
            code=None,
            reply=UNSURE,
            cause=Cause.SENDER_DIED.value,
            **free,
        )
        at = bindparam("b_at", type_=DateTime)
        self.reap_sending = unsure.values(
            state=State.QUEUED.value, available_at=at, fault=UNSURE_WAITS
        )
        state = bindparam("b_state", type_=String)
        fault = case((state == literal_column("'failed'"), UNSURE_FAULT), else_=PARTIAL)
        self.reap_spent = unsure.values(state=state, finished_at=at, fault=fault)
        recipient = self._tables.recipient
        self.somebody_has_it = select(recipient.c.address).where(
            recipient.c.message_id == bindparam("b_id"),
            recipient.c.outcome == literal_column("'accepted'"),
        )

    def _held(self, *states: State) -> Update:
        """Change a message that is in one of ``states`` and carries our token, by its id."""
        message = self._tables.message
        return update(message).where(
            message.c.id == bindparam("b_id"),
            message.c.lease_token == bindparam("b_token", type_=String),
            is_in(message, *states),
        )
