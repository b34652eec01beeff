"""PgBouncer, lending each of its few sessions to whoever has the next transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, Connection, NullPool, text

from plato_email.connecting import IDLE_TRANSACTION
from plato_email.database import Database
from tests.support.databases import fresh_database
from tests.support.nursery import Nursery
from tests.support.pgbouncer import pooled
from tests.support.queue_facts import rows, wait_for_states
from tests.support.senders import flask
from tests.support.sink import Sink, queue
from tests.support.sites import Host, hosted
from tests.support.waiting import until

SESSIONS = 3
pytestmark = pytest.mark.postgres


@pytest.fixture(params=["postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """An empty database, seen through a pooler."""
    with fresh_database(request.param, tmp_path) as direct, pooled(direct, size=SESSIONS) as made:
        yield made


@pytest.fixture
def host(url: URL, tmp_path: Path) -> Iterator[Host]:
    """A site that is careful about poolers; its connections are too short to prepare anything."""
    with hosted(url, tmp_path, SQLALCHEMY_ENGINE_OPTIONS={"poolclass": NullPool}) as site:
        yield site


def everything_set(url: URL) -> list[dict[str, str]]:
    """Return all settings of each session that the pooler has, as a new client sees them."""
    target = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with ExitStack() as stack:
        clients = [stack.enter_context(psycopg.connect(target)) for _ in range(SESSIONS)]
        pids = {client.execute("SELECT pg_backend_pid()").fetchone() for client in clients}
        assert len(pids) == SESSIONS
        query = "SELECT name, setting FROM pg_settings WHERE name <> 'application_name'"
        return [dict(client.execute(query).fetchall()) for client in clients]


def test_case_r1_nothing_is_left_in_a_pooled_connection(
    host: Host, url: URL, senders: Nursery, sink: Sink
) -> None:
    """However often the site looks while mail flows, it meets its own settings in every session."""
    own = everything_set(url)[0]
    host.configure(sink.port, poll_interval=1, batch_size=100_000)
    queue(host, 200)
    pids = [senders.start(), senders.start()]
    for look in range(1, 13):
        sink.wait_for(10 * look, timeout=60)
        for settings in everything_set(url):
            assert settings.items() - own.items() == set()
    wait_for_states(host, sent=200)
    assert [senders.end(pid) for pid in pids] == [0, 0]
    assert [each.items() - own.items() for each in everything_set(url)] == [set()] * SESSIONS


def test_case_r1_commands_leave_nothing_either(host: Host, url: URL) -> None:
    """What is added to the tables is added in bounded transactions, too."""
    own = everything_set(url)[0]
    with host.app.app_context(), host.db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE plato_email_message DROP COLUMN fault"))
    for words in (["upgrade"], ["status"], ["list"], ["purge", "--dry-run"]):
        done = flask(host, "email", *words)
        assert "Traceback" not in done.stderr
    columns = "SELECT 1 FROM information_schema.columns WHERE column_name = 'fault'"
    assert host.site.database.read(lambda c: c.scalar(text(columns))) == 1
    assert [each.items() - own.items() for each in everything_set(url)] == [set()] * SESSIONS


@pytest.mark.parametrize("way", ["read", "write", "alone", "lazily"])
def test_case_r1_each_transaction_has_its_bounds(host: Host, way: str) -> None:
    """What a session may not keep, every transaction of a sender brings along."""
    names = (
        *("enable_seqscan", "lock_timeout", "idle_in_transaction_session_timeout"),
        *("transaction_isolation", "synchronous_commit"),
    )

    def ask(connection: Connection) -> list[str]:
        return [str(connection.scalar(text(f"SHOW {name}"))) for name in names]

    database = host.site.database
    if way == "read":
        found = database.read(ask)
    else:
        found = database.write(ask, alone=way == "alone", lazily=way == "lazily")
    late = "off" if way == "lazily" else "on"
    assert found == ["off", "5s", f"{IDLE_TRANSACTION:.0f}s", "read committed", late]


def test_case_r2_prepared_statements_do_not_collide(
    host: Host, senders: Nursery, sink: Sink
) -> None:
    """Four senders share three sessions: no statement is missing, and no mail goes twice."""
    host.configure(sink.port, poll_interval=1, batch_size=100_000)
    ids = queue(host, 400)
    pids = [senders.start() for _ in range(4)]
    wait_for_states(host, sent=400)
    assert {i: len(each) for i, each in sink.copies().items()} == dict.fromkeys(ids, 1)
    assert {(row.attempts, row.unknowns) for row in rows(host).values()} == {(1, 0)}
    assert [senders.end(pid) for pid in pids] == [0] * 4
    assert "prepared statement" not in senders.log
    assert "Traceback" not in senders.log


@pytest.mark.parametrize(("said", "threshold"), [({}, None), ({"prepare_threshold": 7}, 7)])
def test_case_r2_site_decides_what_is_prepared(
    url: URL, said: dict[str, int], threshold: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A pooler that knows prepared statements may get them; the log says once that there is one."""
    database = Database(lambda: (url, said))
    caplog.set_level(logging.INFO, "plato_email")
    try:
        with database.engine.connect() as one, database.engine.connect() as other:
            drivers = [each.connection.driver_connection for each in (one, other)]
            assert [each.prepare_threshold for each in drivers if each] == [threshold] * 2
    finally:
        database.dispose()
    assert [record.message for record in caplog.records if "pooler" in record.message] == [
        "the database is behind a pooler: no setting and no prepared statement is left in its "
        "sessions"
    ]


def test_case_r1_session_of_our_own_is_no_pooler(tmp_path: Path) -> None:
    """Without a pooler a session is bounded once, and keeps its statements prepared."""
    with fresh_database("postgresql", tmp_path) as direct:
        database = Database(lambda: (direct, {}))
        with database.engine.connect() as connection:
            found = connection.scalar(text("SHOW lock_timeout"))
            driver = connection.connection.driver_connection
            assert (found, driver and driver.prepare_threshold) == ("5s", 5)
        database.dispose()


def test_case_r4_frozen_with_the_gate_behind_a_pooler(
    host: Host, senders: Nursery, sink: Sink
) -> None:
    """A frozen sender gives the gate up in time, also where its session is a lent one."""
    host.configure(sink.port, poll_interval=1)
    ids = queue(host, 6)
    zombie = senders.start(PLATO_TEST_FREEZE_AT="INSERT INTO plato_email_take")
    senders.wait_until_frozen(zombie)
    senders.start()
    wait_for_states(host, sent=6, timeout=25)
    senders.thaw(zombie)
    assert senders.end(zombie) == 0
    assert {i: len(each) for i, each in sink.copies().items()} == dict.fromkeys(ids, 1)
    until(lambda: set(rows(host)) == set(ids))
