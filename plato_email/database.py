"""The senders' own way into the host's database: private engine, short transactions, its clock.

The host's engine is not used for sending: its pool may be small, its isolation level and events
are the host's business, and its sockets must not be shared over a fork. See
docs/decisions/0002-private-engine.md.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, text
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import DateTime

from . import direct
from .connecting import arguments, begin, is_pooled, prepare_connections

T = TypeVar("T")
log = logging.getLogger("plato_email")

_haste: ContextVar[float | None] = ContextVar("haste", default=None)


@contextmanager
def in_haste(seconds: float = 3.0) -> Iterator[None]:
    """Let this thread wait no longer for the database meanwhile: somebody looks at a blank page."""
    token = _haste.set(seconds)
    try:
        yield
    finally:
        _haste.reset(token)


_VALUES_AT_FAULT = (DataError, IntegrityError)
_BUSY = {5, 6}  # SQLITE_BUSY, SQLITE_LOCKED
_RETRY_MYSQL = {1020, 1053, 1205, 1213, 1412, 1927, 2002, 2003, 2006, 2013, 2055}
_RETRY_SQLSTATE = ("08", "40001", "40P01", "55P03", "57P0", "25P03", "25P04")
_STALE_SQLSTATE = ("26000", "42P05")  # a prepared statement is missing, or there already


class utcnow(FunctionElement[datetime]):
    """The database's own clock, naive UTC, at the moment of the statement."""

    type = DateTime()
    inherit_cache = True


@compiles(utcnow, "postgresql")
def _postgresql_now(*_: Any, **__: Any) -> str:
    return "(clock_timestamp() AT TIME ZONE 'utc')"


@compiles(utcnow, "mysql")
@compiles(utcnow, "mariadb")
def _mariadb_now(*_: Any, **__: Any) -> str:
    return "utc_timestamp(6)"


@compiles(utcnow)
def _sqlite_now(*_: Any, **__: Any) -> str:
    # SQLAlchemy compares text, so the fraction must have its six digits.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


class Clock(Protocol):
    """What tells the time; tests bring their own."""

    def now(self) -> datetime:
        """Return the present as naive UTC."""
        ...


class DatabaseClock:
    """The database's time, carried on by this process's monotonic clock between readings.

    Machines disagree about the hour; they share one database. Reading its clock once a minute
    costs nothing and makes a wrong clock on an application host harmless.
    """

    _FRESH = 60.0

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """Return the present as naive UTC, by the database's clock."""
        if self._database.is_sqlite:
            return datetime.now(UTC).replace(tzinfo=None)
        reading = self._read
        if reading is None or time.monotonic() - reading[1] > self._FRESH:
            reading = self._read = self._ask()
        return reading[0] + timedelta(seconds=time.monotonic() - reading[1])

    def _ask(self) -> tuple[datetime, float]:
        def ask(connection: Connection) -> tuple[datetime, float]:
            before = time.monotonic()
            stamp = connection.scalar(text(f"SELECT {self._expression()}"))
            return datetime.fromisoformat(str(stamp)), (before + time.monotonic()) / 2

        return self._database.read(ask)

    def _expression(self) -> str:
        name = self._database.engine.dialect.name
        return _postgresql_now() if name == "postgresql" else _mariadb_now()


class Database:
    """One engine per process, made when first used and made anew after a fork.

    Args:
        source: returns the URL and the driver's connect arguments of the host's engine.
        shared: the host's own engine, used where a second one would see nothing
            (SQLite in memory).
    """

    def __init__(
        self,
        source: Callable[[], tuple[URL, Mapping[str, Any]]],
        shared: Callable[[], Engine | None] = lambda: None,
    ) -> None:
        self._source = source
        self._shared = shared
        self._engine: Engine | None = None
        self._parents: list[Engine] = []
        self._begins_itself = False
        self._pid = 0
        self._lock = threading.Lock()

    @property
    def engine(self) -> Engine:
        """The engine of this process."""
        if self._engine is None or self._pid != os.getpid():
            with self._lock:
                if self._engine is None or self._pid != os.getpid():
                    self._leave_to_parent()
                    shared = self._shared()
                    self._engine = shared or _make_engine(*self._source())
                    self._begins_itself = shared is None
                    self._pid = os.getpid()
        return self._engine

    def after_fork(self) -> None:
        """Begin anew in a child: another thread may have held the lock when the parent forked."""
        self._lock = threading.Lock()
        self._leave_to_parent()

    def _leave_to_parent(self) -> None:
        # Closing the parent's connections, which forgetting them does, would say goodbye in its
        # name; SQLite's own advice is not to touch them.
        if self._engine is not None and self._pid != os.getpid():
            self._parents.append(self._engine)
            self._engine = None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, where one writer at a time is the rule."""
        return self.engine.dialect.name == "sqlite"

    @property
    def is_postgresql(self) -> bool:
        """Whether this is PostgreSQL, which can do much in one statement."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def transaction(self, *, lazily: bool = False, alone: bool = False) -> Iterator[Connection]:
        """Open one short write transaction; commit at the end, roll back on any exception.

        Args:
            lazily: see `write`.
            alone: see `write`.
        """
        with self._connected() as connection:
            if not self._begins_itself:
                with connection.begin():
                    yield connection
                return
            if alone and not is_pooled(connection):
                yield connection
                return
            with _unhurried(connection) if lazily else nullcontext():
                self._begin(connection, lazily=lazily)
                # Without the COMMIT all is rolled back as the connection returns to its pool.
                yield connection
                direct.execute(connection, "COMMIT")

    def _begin(self, connection: Connection, *, lazily: bool) -> None:
        # SQLite: a transaction that reads first and writes later fails at once when another
        # has written in between, so the write lock is taken at the beginning.
        sql = "BEGIN IMMEDIATE" if self.is_sqlite else begin(connection)
        if lazily and self.is_postgresql:
            sql += "; SET LOCAL synchronous_commit = off"
        direct.execute(connection, sql)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Open a connection on which each statement is a transaction by itself, where it can be.

        Behind a pooler that would be one without bounds, so there they all are in one.
        """
        with self._connected() as connection:
            if is_pooled(connection):
                self._begin(connection, lazily=False)
            yield connection
            if is_pooled(connection):
                direct.execute(connection, "COMMIT")

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Open a connection; for one in haste, SQLite's driver waits no longer than it may."""
        haste = _haste.get()
        with self.engine.connect() as connection:
            if haste is None or not self.is_sqlite or not self._begins_itself:
                yield connection
                return
            usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(haste * 1000)}")
            try:
                yield connection
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual}")

    def write(
        self,
        work: Callable[[Connection], T],
        *,
        patience: float = 30.0,
        insist: bool = False,
        alone: bool = False,
        lazily: bool = False,
    ) -> T:
        """Run ``work`` in a transaction, again when the database says that it may be run again.

        Args:
            work: gets the connection; must do nothing but statements, for it may run twice.
            patience: seconds after which the last error is raised.
            insist: repeat whatever the values are not at fault for, a full disk, a table that a
                migration moves and a right that was taken away included: what is to be written
                must not be lost.
            alone: ``work`` is one statement, which is a transaction by itself: one turn to the
                server instead of three, where there is no pooler in between.
            lazily: the commit need not wait for the disk, where the database can do so for one
                (PostgreSQL, SQLite with WAL): a later one that waits takes it along.
        """

        def once() -> T:
            with self.transaction(lazily=lazily, alone=alone) as connection:
                return work(connection)

        return self._patiently(once, patience, insist)

    def read(self, work: Callable[[Connection], T], *, patience: float = 5.0) -> T:
        """Run ``work`` that only reads; see `write`."""

        def once() -> T:
            with self._reading() as connection:
                return work(connection)

        return self._patiently(once, patience)

    def _patiently(self, once: Callable[[], T], patience: float, insist: bool = False) -> T:
        until, pause = time.monotonic() + min(patience, _haste.get() or patience), 0.02
        warned = False
        while True:
            try:
                return once()
            except (DBAPIError, PoolTimeout) as error:
                passing = may_be_repeated(error)
                insisted = insist and not isinstance(error, _VALUES_AT_FAULT)
                if not (passing or insisted) or time.monotonic() + pause > until:
                    raise
                log.debug("database statement repeated: %s", type(error).__name__)
                if not (passing or warned):
                    warned = True
                    log.warning(
                        "the database refuses a result, which is kept and offered again for %.0f "
                        "seconds: %s",
                        *(patience, str(getattr(error, "orig", error)).partition("\n")[0]),
                    )
                if _is_stale(error) and self._begins_itself:
                    # In the other connections it may be so, too.
                    self.engine.dispose()
            time.sleep(pause)
            pause = min(pause * 2, 1.0)

    def dispose(self) -> None:
        """Close this process's connections."""
        with self._lock:
            if self._engine is not None and self._pid == os.getpid() and not self._shared():
                self._engine.dispose()
            self._engine = None


def may_be_repeated(error: DBAPIError | PoolTimeout) -> bool:
    """Whether the statement failed for a passing reason: lock, deadlock, lost connection."""
    if isinstance(error, PoolTimeout) or error.connection_invalidated or _is_stale(error):
        return True
    cause: Any = error.orig
    if (sqlstate := getattr(cause, "sqlstate", None)) is not None:
        return str(sqlstate).startswith(_RETRY_SQLSTATE)
    if (busy := getattr(cause, "sqlite_errorcode", None)) is not None:
        return busy & 0xFF in _BUSY
    if isinstance(error, OperationalError | InterfaceError):
        number = cause.args[0] if getattr(cause, "args", None) else None
        # A psycopg error without a state is a connection that could not be made.
        return number in _RETRY_MYSQL if isinstance(number, int) else True
    return False


def _is_stale(error: DBAPIError | PoolTimeout) -> bool:
    """Whether what a session of PostgreSQL has prepared is wrong, and a new one would do."""
    cause: Any = getattr(error, "orig", None)
    if (sqlstate := getattr(cause, "sqlstate", None)) == "0A000":
        # The type of a column was altered. The words are in the server's language.
        return bool(cause.diag.source_function == "RevalidateCachedQuery")
    return sqlstate in _STALE_SQLSTATE


MISSING_TABLES = (
    "The tables of plato_email are missing, or older than this version. Run your migrations "
    "(flask db migrate, flask db upgrade); a site without migrations: flask email upgrade."
)


def tables_are_missing(error: DBAPIError) -> bool:
    """Whether a statement failed because our tables, or columns of them, are not there yet."""
    cause: Any = error.orig
    said = str(cause).lower()
    if "plato_email_" not in said and "plato_email_" not in (error.statement or ""):
        return False
    if (sqlstate := getattr(cause, "sqlstate", None)) is not None:
        return sqlstate in ("42P01", "42703")
    if isinstance(number := cause.args[0] if getattr(cause, "args", None) else None, int):
        return number in (1146, 1054)
    return any(words in said for words in ("no such table", "no such column", "no column named"))


def insert_once(dialect: str, table: Table) -> Any:
    """Return an INSERT that changes nothing where there is such a row already.

    An ordinary one that fails would void the whole transaction on PostgreSQL.
    """
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return mysql.insert(table).prefix_with("IGNORE")


def _make_engine(url: URL, connect_args: Mapping[str, Any]) -> Engine:
    """Make an engine whose transactions begin where `Database.transaction` says so.

    What only reads then costs one turn to the server, not three.
    """
    sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(
        url,
        # An error names the statement, never its parameters: they are people's addresses.
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        connect_args=arguments(url, connect_args),
        pool_size=2,
        max_overflow=8,
        pool_recycle=-1 if sqlite else 300,
        # The connection used last has its statements prepared and its pages at hand.
        pool_use_lifo=True,
    )
    prepare_connections(engine, frozenset(url.query) | frozenset(connect_args))
    return engine


@contextmanager
def _unhurried(connection: Connection) -> Iterator[None]:
    """Let SQLite's commit not wait for the disk, where that costs no more than the commit.

    With a rollback journal it could cost the whole file.
    """
    if connection.dialect.name != "sqlite" or not _has_wal(connection):
        yield
        return
    direct.execute(connection, "PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        try:
            direct.execute(connection, "PRAGMA synchronous = FULL")
        except SQLAlchemyError:
            # In a transaction that failed it cannot be set, and nobody else may get it so.
            connection.invalidate()


def _has_wal(connection: Connection) -> bool:
    """Whether SQLite writes ahead; nobody can change that while this connection is open."""
    known = connection.info.get("plato_email_wal")
    if known is None:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        known = connection.info["plato_email_wal"] = mode == "wal"
    return bool(known)
