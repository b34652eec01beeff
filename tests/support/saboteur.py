"""Errors of a database on demand, raised where its driver raises them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import Engine

Fail = Callable[[Any], None]


def _raise(error: Exception) -> Fail:
    def fail(_: Any) -> None:
        raise error

    return fail


def _break_socket(connection: Any) -> None:
    """Cut the line under the driver; what it says then is its own affair."""
    driver = (
        connection.driver_connection if hasattr(connection, "driver_connection") else connection
    )
    if isinstance(driver, psycopg.Connection):
        driver.pgconn.finish()
    else:
        driver._force_close()


def _busy(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


FAULTS: dict[str, dict[str, Fail]] = {
    "sqlite": {
        "busy": _raise(_busy(5)),
        "locked": _raise(_busy(6)),
        "snapshot": _raise(_busy(517)),
    },
    "postgresql": {
        "deadlock": _raise(psycopg.errors.DeadlockDetected("deadlock detected")),
        "serialization": _raise(psycopg.errors.SerializationFailure("could not serialize")),
        "lock timeout": _raise(psycopg.errors.LockNotAvailable("canceling statement")),
        "shutdown": _raise(psycopg.errors.AdminShutdown("terminating connection")),
        "too slow": _raise(psycopg.errors.TransactionTimeout("terminating connection")),
        "not prepared": _raise(psycopg.errors.InvalidSqlStatementName("does not exist")),
        "prepared twice": _raise(psycopg.errors.DuplicatePreparedStatement("already exists")),
        "lost": _break_socket,
    },
    "mysql": {
        "deadlock": _raise(pymysql.err.OperationalError(1213, "Deadlock found")),
        "lock timeout": _raise(pymysql.err.OperationalError(1205, "Lock wait timeout exceeded")),
        "changed": _raise(pymysql.err.OperationalError(1020, "Record has changed since last read")),
        "altered": _raise(pymysql.err.OperationalError(1412, "Table definition has changed")),
        "gone": _raise(pymysql.err.OperationalError(2006, "Server has gone away")),
        "lost": _break_socket,
    },
}


class Saboteur:
    """Lets each statement of an engine fail once.

    Attributes:
        struck: the first words of the statements that failed.
    """

    def __init__(self, engine: Engine, fail: Fail, patch: pytest.MonkeyPatch) -> None:
        self.struck: dict[str, int] = {}
        self._fail = fail
        dialect = engine.dialect
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            patch.setattr(dialect, name, self._spoiled(getattr(dialect, name)))

        commit = dialect.do_commit

        def do_commit(connection: Any) -> None:
            self._strike("COMMIT", connection)
            commit(connection)

        patch.setattr(dialect, "do_commit", do_commit)

    def _spoiled(self, execute: Callable[..., None]) -> Callable[..., None]:
        def run(cursor: Any, statement: str, *rest: Any, **more: Any) -> None:
            self._strike(statement, cursor.connection)
            execute(cursor, statement, *rest, **more)

        return run

    def _strike(self, statement: str, connection: Any) -> None:
        if statement == "ROLLBACK" or statement in self.struck:
            return
        self.struck[statement] = len(self.struck)
        self._fail(connection)
