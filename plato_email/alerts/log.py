"""The one row that says whether somebody was told, and the statements that guard it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, func, select, update

from ..database import insert_once
from ..outbox.statements import GATE, PRIORITIES, is_in
from ..tables import DateTime, State
from .values import FLOWING, Alert, LastAlert

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, Select

    from ..database import Clock, Database
    from ..tables import Tables

ROW = 1
LEASE = timedelta(seconds=60)
"""Time after which a process that was delivering is taken for dead."""
PAUSES = (30, 60, 300, 900, 1800, 3600)
"""Seconds until the next attempt; the last one again and again."""
ATTEMPTS = 30
"""Attempts until a delivery is given up: about a day."""
REFUSED = 5
"""Messages that must have failed, and none been sent, for everything to be refused."""


class Facts(NamedTuple):
    """What the question costs: one statement, each part of it an index look-up."""

    outage_since: datetime | None
    waiting_since: datetime | None
    """Since when the oldest message that could go has waited."""
    any_sent: bool
    """Whether a message was sent in the time that is looked at."""
    many_failed: bool
    state: str
    since: datetime | None
    reason: str
    next_at: datetime | None
    """When the delivery of the last alert is to be tried."""


class AlertLog:
    """Statements on the alert's row. Each is a transaction of its own."""

    def __init__(self, database: Database, tables: Tables, clock: Clock) -> None:
        self._database = database
        self._table = tables.alert
        self._clock = clock
        self._facts = _question(tables)

    def facts(self, window: timedelta) -> Facts:
        """Return what `Watch` judges by, over the last ``window``."""
        now = self._clock.now()
        moments = {"b_now": now, "b_begin": now - window}

        def work(connection: Connection) -> tuple[tuple[Any, ...], Row[Any] | None]:
            row = connection.execute(select(self._table).where(self._table.c.id == ROW)).first()
            return tuple(connection.execute(self._facts, moments).one()), row

        (outage, sent, failed, *oldest), row = self._database.read(work)
        return Facts(
            outage_since=outage,
            waiting_since=min((at for at in oldest if at is not None), default=None),
            any_sent=sent is not None,
            many_failed=failed is not None,
            state=FLOWING if row is None else row.state,
            since=None if row is None else row.since,
            reason="" if row is None else row.reason,
            next_at=None if row is None else row.next_at,
        )

    def turn(self, alert: Alert, body: str) -> bool:
        """Record that the state has changed; false where another process was first.

        Args:
            alert: what is to be told.
            body: what is to be delivered; "": nothing is.
        """
        table = self._table
        now = self._clock.now()
        values: dict[str, Any] = {
            "state": alert.state,
            "alert_id": alert.id,
            "at": now,
            "since": alert.since,
            "reason": alert.reason,
            "body": body,
            "attempts": 0,
            "next_at": now if body else None,
            "delivered_at": None,
            "error": "",
        }

        def work(connection: Connection) -> bool:
            first = insert_once(connection.dialect.name, table)
            connection.execute(first.values(id=ROW, **values | {"state": FLOWING, "next_at": None}))
            mine = (table.c.id == ROW) & (table.c.state != alert.state)
            return connection.execute(update(table).where(mine).values(values)).rowcount == 1

        return self._database.write(work)

    def take(self) -> tuple[str, str] | None:
        """Take the delivery that is due for this process alone: the alert's id and its body."""
        table, now = self._table, self._clock.now()
        due = (table.c.id == ROW) & (table.c.next_at <= now)

        def work(connection: Connection) -> tuple[str, str] | None:
            row = connection.execute(select(table).where(due).with_for_update()).first()
            if row is None:
                return None
            taken = {"next_at": now + LEASE, "attempts": table.c.attempts + 1}
            connection.execute(update(table).where(due).values(taken))
            return row.alert_id, row.body

        return self._database.write(work)

    def delivered(self, alert_id: str) -> None:
        """Record that it was accepted."""
        done = {"delivered_at": self._clock.now(), "next_at": None, "body": "", "error": ""}
        self._conclude(alert_id, done)

    def refused(self, alert_id: str, error: str) -> None:
        """Record why it was not, and when it is tried again."""
        table = self._table

        def work(connection: Connection) -> None:
            mine = (table.c.id == ROW) & (table.c.alert_id == alert_id)
            tries = connection.scalar(select(table.c.attempts).where(mine)) or 0
            pause = timedelta(seconds=PAUSES[min(tries, len(PAUSES)) - 1])
            later = self._clock.now() + pause if tries < ATTEMPTS else None
            said = {"next_at": later, "error": error[:500]}
            connection.execute(update(table).where(mine).values(said))

        self._database.write(work)

    def last(self) -> LastAlert | None:
        """Return the last alert, or ``None`` where there never was one."""
        query = select(self._table).where(self._table.c.id == ROW)
        row = self._database.read(lambda c: c.execute(query).first())
        if row is None:
            return None
        delivery = (row.attempts, row.delivered_at, row.next_at, row.error)
        return LastAlert(row.state, row.at, row.since, row.reason, *delivery)

    def _conclude(self, alert_id: str, values: dict[str, Any]) -> None:
        table = self._table
        mine = (table.c.id == ROW) & (table.c.alert_id == alert_id)
        self._database.write(lambda c: c.execute(update(table).where(mine).values(values)))


def _question(tables: Tables) -> Select[Any]:
    message, gate = tables.message, tables.gate
    now, begin = bindparam("b_now", type_=DateTime), bindparam("b_begin", type_=DateTime)
    outage = select(gate.c.failing_since).where(gate.c.id == GATE, gate.c.failures > 0)

    def finished(state: State) -> Select[Any]:
        """The first, or with an offset the n-th, since then."""
        return (
            select(message.c.id)
            .where(is_in(message, state), message.c.finished_at > begin)
            .order_by(message.c.finished_at)
            .limit(1)
        )

    waiting = [
        select(func.min(message.c.available_at)).where(
            is_in(message, State.QUEUED),
            message.c.priority == priority,
            message.c.available_at <= now,
        )
        for priority in PRIORITIES
    ]
    failed = finished(State.FAILED).offset(REFUSED - 1)
    parts = (outage, finished(State.SENT), failed, *waiting)
    return select(*(each.scalar_subquery() for each in parts))
