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
    dialect, raw, cursor = connection.dialect, connection.connection, None
    driver: Any = dialect.loaded_dbapi
    try:
        cursor = raw.cursor()
        if many:
            dialect.do_executemany(cursor, sql, values)
        elif values is None:
            dialect.do_execute_no_params(cursor, sql)
        else:
            dialect.do_execute(cursor, sql, values)
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, driver.Error):
            raise
        # SQLAlchemy's own handler gives up a connection that is lost, with all that the pool holds,
        # and one that was stopped in the midst of an answer. There is no public way to it.
        connection._handle_dbapi_exception(error, sql, None, cursor, None)
    return _Direct(cursor)


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
    told, asked = connection.dispatch, connection.dialect.dispatch
    return bool(
        told.before_cursor_execute
        or told.after_cursor_execute
        or asked.do_execute
        or asked.do_executemany
        or asked.do_execute_no_params
        or asked.handle_error
        or connection.engine.logger.isEnabledFor(logging.INFO)
    )
