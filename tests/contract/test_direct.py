"""What goes straight to the driver behaves as what SQLAlchemy runs itself."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, ProgrammingError

from plato_email import direct
from tests.support.databases import KINDS
from tests.support.sites import Host


class Stopped(BaseException):
    """What gevent, asyncio or Ctrl-C throws into a statement."""


@pytest.fixture
def engine(host: Host) -> Engine:
    """An engine like that of a site, which asks no connection whether it is alive."""
    return create_engine(host.site.database.engine.url, pool_size=3)


def test_it_takes_part_in_the_transaction(engine: Engine) -> None:
    """What was run is undone by a rollback, and kept by a commit."""
    with engine.connect() as connection:
        direct.execute(connection, "CREATE TABLE t (n INTEGER)")
        connection.commit()
        direct.execute(connection, "INSERT INTO t VALUES (1)")
        connection.rollback()
        direct.execute(connection, "INSERT INTO t VALUES (2)")
        connection.commit()
        (row,) = direct.execute(connection, "SELECT n FROM t").all()
        assert row.n == 2
    engine.dispose()


def test_errors_are_those_of_sqlalchemy(engine: Engine) -> None:
    """Of the same class, without the values, and the connection goes on."""
    with engine.connect() as connection:
        with pytest.raises(DBAPIError) as ours:
            direct.execute(connection, "SELECT nothing FROM nowhere")
        connection.rollback()
        with pytest.raises(DBAPIError) as theirs:
            connection.exec_driver_sql("SELECT nothing FROM nowhere")
        connection.rollback()
        assert type(ours.value) is type(theirs.value)
        assert ours.value.params is None
        assert direct.execute(connection, "SELECT 1 AS one").first().one == 1
    engine.dispose()


@pytest.mark.parametrize("url", KINDS[2:3], indirect=True)
def test_one_lost_connection_is_the_last_to_fail(engine: Engine) -> None:
    """After the database has dropped them all, the pool gives out none of the old ones."""
    connections = [engine.connect() for _ in range(3)]
    pids = [each.exec_driver_sql("SELECT pg_backend_pid()").scalar() for each in connections]
    for each in connections:
        each.close()
    other = create_engine(engine.url)
    with other.connect() as connection:
        for pid in pids:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 10000)")
    other.dispose()
    with engine.connect() as connection, pytest.raises(DBAPIError) as lost:
        direct.execute(connection, "SELECT 1")
    assert lost.value.connection_invalidated
    for _ in range(3):
        with engine.connect() as connection:
            direct.execute(connection, "SELECT 1")
    engine.dispose()


def test_stopped_in_the_midst_it_is_given_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that may be in the midst of an answer goes to nobody else."""

    def stop(*_: Any, **__: Any) -> None:
        raise Stopped

    with engine.connect() as connection:
        direct.execute(connection, "SELECT 1")
        monkeypatch.setattr(engine.dialect, "do_execute_no_params", stop)
        with pytest.raises(Stopped):
            direct.execute(connection, "SELECT 1")
        assert connection.invalidated
    monkeypatch.undo()
    engine.dispose()


@pytest.mark.parametrize("name", ["before_cursor_execute", "do_execute_no_params", "handle_error"])
def test_who_listens_hears_it(engine: Engine, name: str) -> None:
    """A tracer, a log or a test that listens to SQLAlchemy's events hears every statement."""
    heard: list[str] = []

    def hear(*words: Any, **_: Any) -> None:
        heard.extend(each for each in words if isinstance(each, str))
        heard.extend(str(getattr(each, "statement", "")) for each in words)

    event.listen(engine, name, hear)
    with engine.connect() as connection:
        if name == "handle_error":
            with pytest.raises((ProgrammingError, DBAPIError)):
                direct.execute(connection, "SELECT nothing FROM nowhere")
        else:
            direct.execute(connection, "SELECT 1")
    engine.dispose()
    assert any(each.startswith("SELECT") for each in heard)
