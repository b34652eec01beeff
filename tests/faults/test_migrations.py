"""A result that meets a database during a migration: it is kept until it can be stored."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine

from tests.support.databases import KINDS
from tests.support.nursery import Nursery, nursery
from tests.support.pauses import Pause
from tests.support.queue_facts import rows, wait_for_states
from tests.support.scripted_server import ScriptedServer
from tests.support.sink import Sink, by_message_id, queue
from tests.support.sites import Host
from tests.support.waiting import until

POSTGRES = KINDS[2:3]
REFUSED = "the database refuses a result"


def migrate(host: Host, *statements: str) -> None:
    """Run statements as a migration would."""
    engine = create_engine(host.app.config["SQLALCHEMY_DATABASE_URI"], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for each in statements:
            connection.exec_driver_sql(each)
    engine.dispose()


def deliver_meanwhile(
    host: Host, senders: Nursery, spoil: Callable[[], None], restore: Callable[[], None]
) -> None:
    """Let a server take a mail while the database is spoilt, and see that it goes only once."""
    dot = Pause("250 2.0.0 Ok")
    with ScriptedServer({".": dot}) as server:
        host.configure(server.port, poll_interval=1)
        ids = queue(host, 1)
        pid = senders.start(PLATO_EMAIL_CONNECTIONS="1")
        dot.wait_until_reached()
        spoil()
        dot.end()
        until(lambda: REFUSED in senders.log, what=lambda: senders.log)
        restore()
        wait_for_states(host, sent=1)
        assert senders.end(pid) == 0
        assert {i: len(each) for i, each in by_message_id(server.mails).items()} == {ids[0]: 1}
    assert {(row.attempts, row.unknowns) for row in rows(host).values()} == {(1, 0)}


def test_case_r3_table_is_away(host: Host, senders: Nursery) -> None:
    """A table that a migration renames for a moment costs no result."""
    there, away = "plato_email_message", "plato_email_message_old"
    deliver_meanwhile(
        host,
        senders,
        lambda: migrate(host, f"ALTER TABLE {there} RENAME TO {away}"),
        lambda: migrate(host, f"ALTER TABLE {away} RENAME TO {there}"),
    )


def test_case_r3_column_is_away(host: Host, senders: Nursery) -> None:
    """Nor does a column."""
    table = "ALTER TABLE plato_email_message RENAME COLUMN"
    deliver_meanwhile(
        host,
        senders,
        lambda: migrate(host, f"{table} reply TO answer"),
        lambda: migrate(host, f"{table} answer TO reply"),
    )


@pytest.fixture
def role(host: Host) -> Iterator[str]:
    """A role that may do what a sender has to."""
    name = f"plato_test_{secrets.token_hex(6)}"
    allowed = [
        f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {name}" for kind in ("TABLES", "SEQUENCES")
    ]
    migrate(host, f"CREATE ROLE {name} LOGIN", *allowed)
    yield name
    migrate(host, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.mark.parametrize("url", POSTGRES, indirect=True)
def test_case_r3_right_is_revoked(host: Host, url: URL, role: str, tmp_path: Path) -> None:
    """A right that was taken away by mistake, and given again, costs no result."""
    mine = url.set(username=role).render_as_string(hide_password=False)
    update = "UPDATE ON plato_email_message"
    with nursery(host, tmp_path, PLATO_TEST_DATABASE=mine) as senders:
        deliver_meanwhile(
            host,
            senders,
            lambda: migrate(host, f"REVOKE {update} FROM {role}"),
            lambda: migrate(host, f"GRANT {update} TO {role}"),
        )


@pytest.mark.slow
@pytest.mark.parametrize("url", POSTGRES, indirect=True)
def test_case_r3_prepared_statements_are_stale(host: Host, senders: Nursery, sink: Sink) -> None:
    """What was prepared before a migration and is wrong after it, is prepared anew at once."""
    host.configure(sink.port, poll_interval=1)
    ids = []
    pid = senders.start(PLATO_EMAIL_CONNECTIONS="1")
    # The driver prepares a statement when it runs for the sixth time.
    for turn in range(1, 17):
        if turn in (9, 13):
            kind = "integer" if turn == 9 else "bigint"
            migrate(host, f"ALTER TABLE plato_email_message ALTER COLUMN id TYPE {kind}")
            with host.app.app_context():  # the site itself is restarted
                host.db.engine.dispose()
        ids += queue(host, 1)
        sink.wait_for_all(ids)
        wait_for_states(host, sent=turn)
    assert senders.end(pid) == 0
    assert {i: len(each) for i, each in sink.copies().items()} == dict.fromkeys(ids, 1)
    assert {(row.attempts, row.unknowns) for row in rows(host).values()} == {(1, 0)}
    assert "Traceback" not in senders.log
    assert REFUSED not in senders.log
