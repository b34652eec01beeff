"""The statements by which a claim looks at the queue and takes from it, ready to run.

A look reads nothing but ids, priorities and what was taken of the rate. What is then taken is read
again as it is taken, with its bytes: nobody can change it any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    Integer,
    String,
    any_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
)

from ..tables import BigId, DateTime, State
from .ready import Ready
from .statements import GATE, PRIORITIES, is_in, is_leased, is_still

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select, Table, Update

    from ..tables import Tables

SMALL = 64 * 1024
"""Bytes of a message up to which they are read with the claim: memory for a slice is bounded."""
WANTED = (
    *("id", "message_id", "sender", "recipients", "subject"),
    *("state", "priority", "available_at", "attempts", "size", "created_at"),
    *("stage", "code", "cause", "fault"),
)
"""Columns of a message that its sender needs."""


class Taking:
    """Statements on one site's tables."""

    def __init__(self, tables: Tables) -> None:
        message, take, gate = tables.message, tables.take, tables.gate
        the_gate = select(gate.c.failures).where(gate.c.id == GATE)
        self.gate = Ready(the_gate)
        self.lock_gate = Ready(the_gate.with_for_update(skip_locked=True))
        self.look = Ready(_look(tables))
        claim = _claim(message, message.c.id == _given("alone", BigId))
        self.claim = Ready(claim.where(message.c.id == _given("id", BigId)))
        self.note = Ready(
            insert(take).values(at=_given("now", DateTime), count=_given("count", Integer))
        )
        self.held = select(*_wanted(message), _bytes(tables, message)).where(
            message.c.id.in_(bindparam("b_ids", expanding=True)),
            message.c.lease_token == _given("token", String),
        )
        self.held_already = select(*_wanted(message), _bytes(tables, message)).where(
            is_leased(message), message.c.lease_token == _given("token", String)
        )
        self.claim_at_once = Ready(_claim_at_once(tables, claim))
        self.forget = Ready(delete(take).where(take.c.at < _given("begin", DateTime)))
        self.first_take = select(func.min(take.c.at)).where(
            take.c.at > _given("begin", DateTime), take.c.count > 0
        )


def _look(tables: Tables) -> Select[Any]:
    """What is due, oldest first within a priority, one pure index range for each; and the rate."""
    message, take = tables.message, tables.take
    late = func.coalesce(message.c.expires_at <= _given("now", DateTime), literal_column("false"))
    ranges = (
        select(message.c.id, message.c.priority, message.c.available_at, late.label("late"))
        .where(
            is_in(message, State.QUEUED),
            message.c.priority == literal_column(str(priority)),
            message.c.available_at <= _given("now", DateTime),
        )
        .order_by(message.c.available_at, message.c.id)
        .limit(_given("most", Integer))
        .subquery(f"due_{priority}")
        for priority in PRIORITIES
    )
    due = union_all(*(select(each) for each in ranges)).subquery("due")
    taken = select(func.coalesce(func.sum(take.c.count), literal_column("0"))).where(
        take.c.at > _given("begin", DateTime), take.c.count > 0
    )
    return select(
        due.c.id, due.c.priority, due.c.late, taken.scalar_subquery().label("taken")
    ).order_by(due.c.priority, due.c.available_at, due.c.id)


def _claim(message: Table, alone: ColumnElement[bool]) -> Update:
    """Take messages that are still queued; where ``alone`` is true, begin them at once."""
    return (
        update(message)
        .where(is_still(message, State.QUEUED))
        .values(
            state=case((alone, _word(State.SENDING)), else_=_word(State.CLAIMED)),
            attempts=message.c.attempts + case((alone, _number(1)), else_=_number(0)),
            lease_token=_given("token", String),
            lease_until=_given("until", DateTime),
        )
    )


def _claim_at_once(tables: Tables, claim: Update) -> Select[Any]:
    """PostgreSQL: take what was chosen, note it, and return it with its bytes."""
    message, take = tables.message, tables.take
    chosen = message.c.id == any_(bindparam("b_ids", type_=ARRAY(BigId)))
    mine = claim.where(chosen).returning(*_wanted(message)).cte("mine")
    count = func.count().label("count")
    now = _given("now", DateTime).label("at")
    row = select(now, count).select_from(mine).having(func.count() > literal_column("0"))
    noted = insert(take).from_select(["at", "count"], row).returning(take.c.id).cte("noted")
    number = select(noted.c.id).scalar_subquery().label("take")
    return select(mine, _bytes(tables, mine), number)


def _bytes(tables: Tables, message: Table | CTE) -> Any:
    """The stored bytes of a message that is small; of a large one they are read when wanted."""
    content = tables.content
    data = select(content.c.data).where(content.c.message_id == message.c.id).scalar_subquery()
    return case((message.c.size <= literal_column(str(SMALL)), data)).label("data")


def _word(state: State) -> ColumnElement[str]:
    return literal_column(f"'{state}'")


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value))


def _wanted(message: Table) -> list[Any]:
    return [message.c[name] for name in WANTED]


def _given(name: str, type_: Any) -> Any:
    return bindparam(f"b_{name}", type_=type_)
