"""The overview of plato_email, looked at as a browser does that is left open."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from contender import Job, Work, play
from sqlalchemy import String, insert, literal, select, true
from with_plato_email import Host, drained, fill, hosted, make_tables

from plato_email.tables import State

PAGE = "/admin/email/queue?part=overview"
HOURS = 24


def overview(job: Job) -> Work:
    """Open the page over a day of ``count`` messages, then look again and again."""
    with hosted(job) as host:
        make_tables(host)
        live(host, job.count)
        yield
        first = look(host)
        times = []
        for _ in range(job.options["turns"]):
            time.sleep(job.options["pause"])
            times.append(look(host))
        return {"first": first, "times": times}


def drain_watched(job: Job) -> Work:
    """Deliver until the queue is empty, while the overview is open in this very process."""
    with hosted(job) as host:
        rounds = drained(host)
        yield
        with looking(host, job.options["every"]) as looks:
            for _ in rounds:
                pass
        return {"left": host.left(), "looks": len(looks)}


def look(host: Host) -> float:
    """Ask for the page; return the seconds that it took."""
    host.site.authorize = lambda _: True
    begun = time.perf_counter()
    answer = host.app.test_client().get(PAGE, headers={"HX-Request": "true"})
    spent = time.perf_counter() - begun
    if answer.status_code != 200 or b"pe-chart" not in answer.data:
        raise SystemExit(f"the overview answered {answer.status}")
    return spent


@contextmanager
def looking(host: Host, every: float) -> Iterator[list[float]]:
    """Keep the page open in a thread of its own."""
    over, looks = threading.Event(), [look(host)]

    def run() -> None:
        while not over.wait(every):
            looks.append(look(host))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()


def live(host: Host, count: int) -> None:
    """Store a day of messages: of twenty, twelve are sent, one has failed, seven wait."""
    now = datetime.now(UTC).replace(tzinfo=None)
    share = count // 20
    for hour in range(HOURS):
        at = now - timedelta(hours=hour, minutes=1)
        put(host, f"s{hour}", 12 * share // HOURS, State.SENT, at)
        put(host, f"f{hour}", share // HOURS, State.FAILED, at)
    put(host, "q", 7 * share, State.QUEUED, now - timedelta(hours=1))
    with host.site.database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            table = host.site.tables.message.name
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql(f"VACUUM ANALYZE {table}")


def put(host: Host, name: str, count: int, state: State, at: datetime) -> None:
    """Store messages of one state and time by one statement."""
    message = host.site.tables.message
    number = select(literal(1).label("n")).cte("number", recursive=True)
    number = number.union_all(select(number.c.n + 1).where(number.c.n < count))
    values: dict[str, Any] = {
        "state": state.value,
        "priority": 1,
        "available_at": at,
        "sender": "shop@example.org",
        "recipients": '["ann@example.com"]',
        "subject": "Order",
        "size": 2000,
        "attachments": 0,
        "created_at": at,
        "finished_at": None if state is State.QUEUED else at,
    }
    columns = [literal(value, message.c[key].type) for key, value in values.items()]
    named = literal(f"<{name}.") + number.c.n.cast(String(20)) + "@example.org>"
    rows = select(*columns, ~true(), named)
    with host.site.database.transaction() as connection:
        names = [*values, "sensitive", "message_id"]
        connection.execute(insert(message).from_select(names, rows))


if __name__ == "__main__":
    play({verb.__name__: verb for verb in (fill, overview, drain_watched)})
