"""The statements of results: begin a message, write down how it ended, keep or give back the lease.

Everywhere they run one after the other in a transaction. On PostgreSQL, where each would be a
turn to the server, the usual ones are a single statement, which is its own transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    SmallInteger,
    String,
    any_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.sql.elements import Grouping

from ..tables import BigId, DateTime, State
from .ready import Ready
from .statements import is_still
from .writing import CONCLUDED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Select, Table, Update

    from ..tables import Tables

    Given = Callable[[str, Any], Any]

CONCLUDABLE = (State.SENDING, State.CLAIMED, State.QUEUED, State.FAILED)
"""States in which a result is written down.

A message reaped as unknown, or given up so, but not yet claimed again still has our token: the
truth that this sender knows wins over the doubt.
"""


ENDED = (State.CANCELLED, State.EXPIRED, State.SENT)
"""States in which no more than a success is written down, of a message that still has our token.

It was reaped as unknown, and then cancelled, or too old, or given up for those who lack it. That a
server took it is true all the same; that it should be tried again is not. So for one that was
deleted meanwhile, whatever it was.
"""


class Results:
    """Statements on one site's tables, ready to run."""

    def __init__(self, tables: Tables) -> None:
        message, content, attempt = tables.message, tables.content, tables.attempt
        this = message.c.id == _given("id", BigId)
        self.begin = Ready(_begin(message).where(this))
        self.conclude = Ready(_conclude(message, _given).where(this))
        deleted = tables.deleted
        ours = deleted.c.id == _given("id", BigId)
        self.conclude_ended = (
            Ready(_conclude(message, _given, ENDED).where(this)),
            Ready(_conclude(deleted, _given, (*CONCLUDABLE, *ENDED)).where(ours)),
        )
        self.note_attempt = Ready(
            insert(attempt).values({c.name: _given(c.name, c.type) for c in _noted(attempt)})
        )
        self.drop_content = Ready(
            delete(content).where(content.c.message_id == _given("id", BigId))
        )
        self.renew = Ready(
            _change(message, State.CLAIMED, State.SENDING)
            .where(this)
            .values(lease_until=_given("until", DateTime))
        )
        self.release = Ready(
            _change(message, State.CLAIMED, State.SENDING)
            .where(this, func.coalesce(message.c.state, "") == _given("state", String))
            .values(
                state=State.QUEUED.value,
                attempts=message.c.attempts - _given("begun", SmallInteger),
                lease_token=None,
                lease_until=None,
            )
        )
        self.advance = Ready(_at_once(tables))


def _at_once(tables: Tables) -> Select[Any]:
    """PostgreSQL: conclude, note tries, drop contents and begin; return the ids of both.

    Values come as arrays. The rows are looked up by ``= ANY(array)``, not by a join: a plan that
    was made while the table was small would else be kept when it is not.
    """
    message, content, attempt = tables.message, tables.content, tables.attempt
    ids = _list("id", BigId)
    place = func.array_position(ids, message.c.id)
    concluded = (
        _conclude(message, lambda name, type_: Grouping(_list(name, type_))[place])
        .where(message.c.id == any_(ids))
        .returning(message.c.id)
        .cte("concluded")
    )
    began = (
        _begin(message)
        .where(message.c.id == any_(_list("begin", BigId)))
        .returning(message.c.id)
        .cte("began")
    )
    ours = select(concluded.c.id)
    done = func.array(ours.where(concluded.c.id == any_(_list("drop", BigId))).scalar_subquery())
    dropped = delete(content).where(content.c.message_id == any_(done)).cte("dropped")
    columns = _noted(attempt)
    tries = (
        func.unnest(*(_list(f"try_{c.name}", c.type) for c in columns))
        .table_valued(*(c.name for c in columns))
        .render_derived(name="tries")
    )
    rows = select(*tries.c).where(tries.c.message_id.in_(ours))
    noted = insert(attempt).from_select([c.name for c in columns], rows).cte("noted")
    stored = func.array(ours.scalar_subquery())
    begun = func.array(select(began.c.id).scalar_subquery())
    return select(stored, begun).add_cte(concluded, began, dropped, noted)


def _conclude(message: Table, given: Given, states: Sequence[State] = CONCLUDABLE) -> Update:
    """End a try; ``given`` says where the value of a name stands."""
    available = func.coalesce(given("available_at", DateTime), message.c.available_at)
    return _change(message, *states).values(
        **{name: given(name, message.c[name].type) for name in CONCLUDED},
        lease_token=None,
        lease_until=None,
        available_at=available,
        attempts=message.c.attempts + given("charge", SmallInteger),
        unknowns=message.c.unknowns + given("unknown", SmallInteger),
    )


def _begin(message: Table) -> Update:
    """Begin a message; one that was begun with its claim only if it is still ours."""
    counted = case(
        (message.c.state == literal_column(f"'{State.SENDING}'"), literal_column("0")),
        else_=literal_column("1"),
    )
    return (
        _change(message, State.CLAIMED, State.SENDING)
        .where(message.c.lease_until > _given("now", DateTime))
        .ordered_values(
            # MariaDB would see the state that the same statement has just set.
            (message.c.attempts, message.c.attempts + counted),
            (message.c.state, State.SENDING.value),
            (message.c.lease_until, _given("until", DateTime)),
        )
    )


def _change(message: Table, *states: State) -> Update:
    """Change messages that are in one of ``states`` and carry our token."""
    return update(message).where(
        message.c.lease_token == _given("token", String), is_still(message, *states)
    )


def _noted(attempt: Table) -> list[Any]:
    """The columns of a try that are written; its id is the database's."""
    return [column for column in attempt.c if not column.primary_key]


def _given(name: str, type_: Any) -> Any:
    return bindparam(f"b_{name}", type_=type_)


def _list(name: str, type_: Any) -> ColumnElement[Any]:
    return bindparam(f"b_{name}", type_=ARRAY(type_))
