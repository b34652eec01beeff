"""The queue in numbers on every database: right, and by index alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text, update

from plato_email.outbox import figures
from plato_email.tables import State
from tests.support.rows import put

if TYPE_CHECKING:
    import pytest

    from tests.support.sites import Host

MINUTE = timedelta(minutes=1)


def anew(host: Host) -> None:
    """Forget what was counted."""
    host.site.outbox.__dict__.pop("_memory", None)


def statements(host: Host) -> list[tuple[str, Any]]:
    """What the database is asked for the numbers and the hours of a busy queue."""
    seen: list[tuple[str, Any]] = []

    def look(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "plato_email_message" in statement:
            seen.append((statement, parameters))

    engine = host.site.database.engine
    anew(host)
    event.listen(engine, "before_cursor_execute", look)
    host.site.outbox.statistics(30)
    host.site.outbox.hours()
    event.remove(engine, "before_cursor_execute", look)
    return seen


def test_numbers_are_right(host: Host) -> None:
    """Each state in its own number; sent and failed of the last 24 hours, to the minute."""
    now = host.site.clock.now()
    for priority in (0, 1, 2):
        put(host, State.QUEUED, now - (priority + 1) * MINUTE, 2, priority)
        put(host, State.QUEUED, now + 60 * MINUTE, 1, priority)
    put(host, State.CLAIMED, now)
    put(host, State.SENDING, now, 2)
    for hours, times in ((0, 1), (1, 2), (5, 3), (23.9, 4), (24.1, 5)):
        put(host, State.SENT, now - timedelta(hours=hours), times)
        put(host, State.FAILED, now - timedelta(hours=hours), 1)
    numbers = host.site.outbox.statistics(30)
    assert (numbers.queued, numbers.deferred, numbers.sending) == (6, 3, 3)
    assert (numbers.sent, numbers.failed) == (10, 4)
    assert 170 < (numbers.oldest_waiting or 0) < 300
    assert (numbers.taken, numbers.taken_first) == (0, None)


def test_rate_tells_when_the_first_take_was(host: Host) -> None:
    """So that the page can say when there is room again."""
    for _ in range(3):
        host.send()
    host.site.outbox.claim(limit=2, batch=100, interval=30, send_attempts=5)
    numbers = host.site.outbox.statistics(30)
    assert (numbers.sending, numbers.taken) == (2, 2)
    assert 0 <= (numbers.taken_first or 0) < 20
    assert host.site.outbox.statistics(1e-6).taken == 0


def test_hours_are_those_of_the_clock(host: Host) -> None:
    """Twenty-four, the oldest first, the present one last; nothing counted twice."""
    hour = host.site.clock.now().replace(minute=0, second=0, microsecond=0)
    put(host, State.SENT, hour, 1)
    put(host, State.SENT, hour - timedelta(microseconds=1), 2)
    put(host, State.FAILED, hour - timedelta(hours=23), 3)
    put(host, State.SENT, hour - timedelta(hours=23, microseconds=1), 9)
    hours = host.site.outbox.hours()
    assert [each.start for each in hours] == [hour - timedelta(hours=n) for n in range(23, -1, -1)]
    assert [each.sent for each in hours] == [0] * 22 + [2, 1]
    assert [each.failed for each in hours] == [3] + [0] * 23
    assert host.site.outbox.finished_since(hour - timedelta(hours=2)) == 3


def test_hour_that_is_over_is_not_counted_again(host: Host) -> None:
    """Its number is remembered; that of the present hour follows at once."""
    now = host.site.clock.now()
    put(host, State.SENT, now - timedelta(hours=3), 2)
    host.site.outbox.hours()
    first = len(statements(host))
    put(host, State.SENT, now - timedelta(hours=3), 5)
    put(host, State.SENT, host.site.clock.now(), 4)
    again: list[str] = []
    listen = lambda *args: again.append(args[2])  # noqa: E731
    event.listen(host.site.database.engine, "before_cursor_execute", listen)
    hours = host.site.outbox.hours()
    event.remove(host.site.database.engine, "before_cursor_execute", listen)
    assert sum(each.sent for each in hours) == 6
    assert len(again) <= 6 < first


def test_large_count_is_kept_for_a_while(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The more there is to count, the longer it serves; a small one is counted each time."""
    put(host, State.QUEUED, host.site.clock.now(), 3)
    assert host.site.outbox.statistics(30).queued == 3
    put(host, State.QUEUED, host.site.clock.now())
    monkeypatch.setattr(figures, "MANY", 0.001)
    assert host.site.outbox.statistics(30).queued == 4
    put(host, State.QUEUED, host.site.clock.now())
    assert host.site.outbox.statistics(30).queued == 4
    anew(host)
    assert host.site.outbox.statistics(30).queued == 5


def test_every_number_comes_from_an_index(host: Host) -> None:
    """No statement of the page reads the messages themselves, on any database."""
    now = host.site.clock.now()
    put(host, State.SENT, now - timedelta(hours=2), 300)
    put(host, State.QUEUED, now, 30)
    table = "TABLE " if host.site.database.engine.name == "mysql" else ""
    options = {"isolation_level": "AUTOCOMMIT"}
    with host.site.database.engine.connect().execution_options(**options) as connection:
        connection.execute(text(f"ANALYZE {table}plato_email_message"))
    explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN", "mysql": "EXPLAIN"}
    seen = statements(host)
    assert len(seen) > 50
    engine = host.site.database.engine
    with engine.connect() as connection:
        if engine.name == "postgresql":  # which prefers to read a table as small as this one
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in dict(seen).items():
            rows = connection.exec_driver_sql(f"{explain[engine.name]} {statement}", parameters)
            plan = "\n".join(" ".join(map(str, row)) for row in rows)
            assert "ix_plato_email_" in plan
            for bad in ("Seq Scan on plato_email_message", " ALL ", "SCAN plato_email_message\n"):
                assert bad not in plan + "\n", f"{statement}\n{plan}"


def test_memory_of_another_state_is_not_mixed_up(host: Host) -> None:
    """A message that failed and is queued again leaves the failures within a minute."""
    put(host, State.FAILED, host.site.clock.now(), 2)
    assert host.site.outbox.statistics(30).failed == 2
    table = host.site.tables.message
    host.site.database.write(
        lambda c: c.execute(update(table).values(state="queued", finished_at=None))
    )
    numbers = host.site.outbox.statistics(30)
    assert (numbers.failed, numbers.queued) == (0, 2)
