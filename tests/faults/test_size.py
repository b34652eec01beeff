"""A queue with a long past: claims stay fast, and what is purged goes in small steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pytest
from sqlalchemy import (
    ColumnElement,
    Engine,
    FromClause,
    Integer,
    Select,
    case,
    event,
    insert,
    literal,
    select,
    text,
    union_all,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.types import DateTime, String

from plato_email.outbox import Slice
from plato_email.tables import State
from tests.support.sink import queue
from tests.support.sites import Host

SENT, DEFERRED = 200_000, 100_000
CLAIMS = 40
SLOWER = 4.0
"""How many times as long a claim may take as on an empty table; it is 1 to 1.5 where the index
is used, and hundreds where it is not."""
PURGE_STEPS = 50


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_case_30_long_past(host: Host) -> None:
    """200,000 sent and 100,000 deferred mails do not slow down a claim, nor does their purge."""
    queue(host, 30)
    empty = median(claim_times(host))
    fill(host)
    full = median(claim_times(host))
    with statements(host) as seen:
        claim_times(host, count=1)
        host.site.outbox.next_due()
    plans = [plan(host, *each) for each in seen]
    steps = list(purge_times(host))

    engine = host.site.database.engine.name
    print(
        f"{engine}: a claim of ten takes {1000 * full:.2f} ms, on an empty table "
        f"{1000 * empty:.2f} ms; a step of the purge {1000 * median(steps):.1f} ms, "
        f"{1000 * max(steps):.1f} ms at most"
    )
    print("\n".join(plans))
    assert full < SLOWER * empty + 0.002
    assert len(plans) >= 5
    assert [each for each in plans if reads_the_whole_table(each)] == []
    assert any("ix_plato_email_due" in each for each in plans)
    assert any("ix_plato_email_lease" in each for each in plans)
    assert median(steps) < 0.1
    assert max(steps) < 1.0


def claim_times(host: Host, count: int = CLAIMS) -> list[float]:
    """Seconds that claims of ten took; each is given back."""
    outbox, taken = host.site.outbox, []
    for _ in range(count):
        began = time.perf_counter()
        held = outbox.claim(limit=10, batch=1_000_000, interval=30, send_attempts=5)
        taken.append(time.perf_counter() - began)
        assert isinstance(held, Slice)
        assert len(held.messages) == 10
        outbox.release(held, held.messages)
    return taken


def purge_times(host: Host) -> Iterator[float]:
    """Seconds that each step of a purge took, the first fifty."""
    steps = host.site.outbox.purge(State.SENT, timedelta(days=1))
    for _ in range(PURGE_STEPS):
        began = time.perf_counter()
        assert 0 < next(steps) <= 500
        yield time.perf_counter() - began


def fill(host: Host) -> None:
    """Give the site a past, in one statement."""
    message, now = host.site.tables.message, host.site.clock.now()
    number = numbers().subquery().c.number
    sent = number < SENT
    values: dict[str, ColumnElement[Any]] = {
        "state": case((sent, literal("sent")), else_=literal("queued")),
        "priority": number % 3,
        "available_at": case((sent, at(now, days=-9)), else_=at(now, days=1)),
        "attempts": literal(1),
        "message_id": literal("<") + sql_cast(number, String(10)) + literal("@example.com>"),
        "sender": literal("site@example.com"),
        "recipients": literal('["to@example.com"]'),
        "subject": literal("Something that was sent long ago"),
        "size": literal(1000),
        "attachments": literal(0),
        "sensitive": literal(value=False),
        "created_at": at(now, days=-9),
        "finished_at": case((sent, at(now, days=-9)), else_=sql_cast(None, DateTime)),
        "stage": literal("accepted"),
        "code": literal(250),
    }
    rows = select(*values.values()).where(number < SENT + DEFERRED)
    with host.site.database.transaction() as connection:
        connection.execute(insert(message).from_select(list(values), rows))
    analyse(host.site.database.engine)


def at(now: datetime, *, days: int) -> ColumnElement[datetime]:
    """A moment as the column stores it."""
    return literal(now + timedelta(days=days), DateTime)


def numbers() -> Select[Any]:
    """The numbers from 0 to 999,999."""
    places = [
        union_all(*(select(literal(n, Integer).label("n")) for n in range(10))).subquery(
            f"d{place}"
        )
        for place in range(6)
    ]
    joined: FromClause = places[0]
    for each in places[1:]:
        joined = joined.join(each, each.c.n >= places[0].c.n * 0)
    total: ColumnElement[int] = literal(0)
    for place, each in enumerate(places):
        total = total + each.c.n * 10**place
    return select(total.label("number")).select_from(joined)


def analyse(engine: Engine) -> None:
    """Let the database look at what it has; a server would by itself."""
    table = "TABLE " if engine.name == "mysql" else ""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ANALYZE {table}plato_email_message"))


@contextmanager
def statements(host: Host) -> Iterator[list[tuple[str, Any]]]:
    """Collect the questions that are asked of the messages."""
    seen: list[tuple[str, Any]] = []

    def look(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.lstrip("(").startswith("SELECT") and "plato_email_message" in statement:
            seen.append((statement, parameters))

    engine = host.site.database.engine
    event.listen(engine, "before_cursor_execute", look)
    yield seen
    event.remove(engine, "before_cursor_execute", look)


def plan(host: Host, statement: str, parameters: Any) -> str:
    """What the database means to do for a statement."""
    engine = host.site.database.engine
    explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN", "mysql": "EXPLAIN"}
    with engine.connect() as connection:
        found = connection.exec_driver_sql(f"{explain[engine.name]} {statement}", parameters)
        return "\n".join(" ".join(map(str, row)) for row in found)


def reads_the_whole_table(said: str) -> bool:
    """Whether a plan has no index for the messages."""
    words = ("Seq Scan on plato_email_message", "SCAN plato_email_message\n", " ALL ")
    return any(each in f"{said}\n" for each in words)
