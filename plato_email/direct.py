"""Statements straight to the driver, for what runs once a mail or more often.

SQLAlchemy makes a context, a result and its metadata for each statement, which takes longer than
a database nearby takes to run it. Its connections are used here, and its exceptions are raised;
where somebody listens to its statements, it runs them itself.
"""

from __future__ import annotations

import logging
from collections import namedtuple
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Answer(Protocol):
    """What a statement brought."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed, in all of its runs together."""
        ...

    @property
    def lastrowid(self) -> int:
        """The id of the row that it inserted."""
        ...

    def all(self) -> Sequence[Any]:
        """Return the rows; a column is an attribute of a row."""
        ...

    def first(self) -> Any:
        """Return the first row, if there is one."""
        ...


def execute(connection: Connection, sql: str, values: Any = None, *, many: bool = False) -> Answer:
    """Run a statement in the words and with the values of the driver.

    Args:
        connection: begun, if it has not been, so that its commit and its rollback count.
        sql: the statement.
        values: its values; none where it has no place for any.
        many: ``values`` is a list, and the statement is run once for each.

    Raises:
        DBAPIError: as SQLAlchemy raises it, without the values.
    """
    if not connection.in_transaction():
        connection.begin()
    if _is_watched(connection):
        options = {"no_parameters": values is None}
        return connection.exec_driver_sql(sql, values, execution_options=options)
    dialect = connection.dialect
    driver: Any = dialect.loaded_dbapi
    raw: Any = connection.connection.dbapi_connection
    try:
        cursor = raw.cursor()
        if many:
            dialect.do_executemany(cursor, sql, values)
        elif values is None:
            dialect.do_execute_no_params(cursor, sql)
        else:
            dialect.do_execute(cursor, sql, values)
    except driver.Error as error:
        raise _told(connection, sql, error) from error
    return _Direct(cursor)


def together(connection: Connection, *statements: tuple[str, Any]) -> Answer:
    """Run statements in one turn to the server and one transaction (PostgreSQL, psycopg).

    Each sees what was committed when its own turn has come, as in any transaction there.

    Args:
        connection: in autocommit.
        statements: each with its values.

    Returns:
        What the last one brought.

    Raises:
        DBAPIError: one of them failed; none has changed anything.
    """
    if _is_watched(connection):
        execute(connection, "BEGIN")
        *_, answer = [execute(connection, *each) for each in statements]
        execute(connection, "COMMIT")
        return answer
    driver: Any = connection.dialect.loaded_dbapi
    raw: Any = connection.connection.dbapi_connection
    try:
        with raw.pipeline():
            cursors = [raw.cursor() for _ in statements]
            for cursor, (sql, values) in zip(cursors, statements, strict=True):
                connection.dialect.do_execute(cursor, sql, values)
    except driver.Error as error:
        raise _told(connection, statements[-1][0], error) from error
    return _Direct(cursors[-1])


class _Direct:
    """An `Answer` of the driver itself."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return int(self._cursor.rowcount)

    @property
    def lastrowid(self) -> int:
        return int(self._cursor.lastrowid)

    def all(self) -> Sequence[Any]:
        rows = self._cursor.fetchall()
        if not rows:
            return []
        row = _row(tuple(column[0] for column in self._cursor.description))
        return [row(*each) for each in rows]

    def first(self) -> Any:
        rows = self.all()
        return rows[0] if rows else None


@cache
def _row(names: tuple[str, ...]) -> Any:
    return namedtuple("_row", names, rename=True)


def _is_watched(connection: Connection) -> bool:
    """Whether somebody wants to see SQLAlchemy run statements: a tracer, a log, a test."""
    heard = connection.dispatch
    return bool(
        heard.before_cursor_execute
        or heard.after_cursor_execute
        or connection.dialect.dispatch.handle_error
        or connection.engine.logger.isEnabledFor(logging.INFO)
    )


def _told(connection: Connection, sql: str, error: Any) -> BaseException:
    """Return the exception that SQLAlchemy would raise; a connection that is lost is given up."""
    driver: Any = connection.dialect.loaded_dbapi
    raw: Any = connection.connection.dbapi_connection
    lost = connection.dialect.is_disconnect(error, raw, None)
    if lost:
        connection.invalidate(error)
    told: BaseException = DBAPIError.instance(
        *(sql, None, error, driver.Error),
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=connection.dialect,
    )
    return told
