"""How the senders connect: what is given up and when, what each session sees, and poolers."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

log = logging.getLogger("plato_email")

IDLE_TRANSACTION = 5.0
"""Seconds after which the database ends the transaction of a process that is frozen or cut off.

Ours have nothing to do between two statements. One that a busy machine has kept from its turn
for so long is run again.
"""
LONGEST_TRANSACTION = 60.0
"""Seconds that a whole transaction may last, where the database can bound it (PostgreSQL 17)."""
LOCK_WAIT = 5
"""Seconds after which a sender that waits for a lock gives up and comes again."""
UNHEARD = 10
"""Seconds after which a connection is given up because the other end acknowledges nothing.

A fail-over or a lost entry in a NAT table swallows packets without a word. It is the kernel of the
other end that answers, so a statement may take as long as it likes.
"""
PROBE_EVERY = 5
"""Seconds of silence after which the other end is asked for a sign of life, and between two."""

_LIBPQ: Mapping[str, Any] = {
    "connect_timeout": UNHEARD,
    "keepalives_idle": PROBE_EVERY,
    "keepalives_interval": PROBE_EVERY,
    "keepalives_count": UNHEARD // PROBE_EVERY,
    "tcp_user_timeout": UNHEARD * 1000,
}
_ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "psycopg": _LIBPQ,
    "pymysql": {"connect_timeout": UNHEARD},
    "pysqlite": {"timeout": 30},
}
_SOCKET = (
    ("TCP_KEEPIDLE", PROBE_EVERY),
    ("TCP_KEEPINTVL", PROBE_EVERY),
    ("TCP_KEEPCNT", UNHEARD // PROBE_EVERY),
    ("TCP_USER_TIMEOUT", UNHEARD * 1000),
)
"""The same for a driver that has no arguments for it."""

_BEGIN = "plato_email_begin"
_FILE = "plato_email_file"


def arguments(url: URL, connect_args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the driver's arguments: the site's own, and ours where it says nothing."""
    ours = _ARGUMENTS.get(url.get_driver_name(), {})
    return {**{k: v for k, v in ours.items() if k not in url.query}, **connect_args}


def prepare_connections(engine: Engine, said: frozenset[str]) -> None:
    """Make each new connection of ``engine`` fit for a sender.

    Args:
        engine: a sender's; its connections commit each statement by itself.
        said: the names of the driver's arguments that the site itself has given.
    """
    match engine.name:
        case "sqlite":
            _File(engine).watch(engine)
        case "postgresql":
            event.listen(engine, "connect", _Poolers(said).prepare)
        case _:
            event.listen(engine, "connect", _prepare_mariadb)


def begin(connection: Connection) -> str:
    """Return the statements that begin a transaction; to be run without values."""
    return str(connection.info.get(_BEGIN, "BEGIN"))


def is_pooled(connection: Connection) -> bool:
    """Whether the server's session is shared with others, so that nothing may be left in it."""
    return _BEGIN in connection.info


class _Poolers:
    """Tells a session of our own from one that a pooler, such as PgBouncer, lends out.

    A pooler that lends a session for one transaction gives it to the site for the next, with
    whatever was set in it. So nothing is set in such a session: each transaction brings its bounds
    along, and they end with it. And what is prepared in one session is missing in the next.
    """

    def __init__(self, said: frozenset[str]) -> None:
        self._said = said
        self._logged = False

    def prepare(self, connection: Any, record: Any) -> None:
        """Bound what a session of ours may wait for and hold.

        A sender that waits for a lock must give up and come again; one that is gone must let go.
        A process that is stopped, or a machine that is cut off, keeps its locks as long as the
        database believes in its connection: hours. No other could claim meanwhile. And whatever
        the site's database prefers, each of our statements sees what is committed.
        """
        _take_any_text(connection)
        connection.cursor_factory = _heard_when_idle(connection.cursor_factory)
        bounds = _bounds(connection.info.server_version)
        with connection.cursor() as cursor:
            if _is_own_session(connection, cursor):
                mine = {"default_transaction_isolation": "read committed", **bounds}
                if connection.info.server_version >= 120000:
                    # A client that takes no more of an answer is not idle to PostgreSQL.
                    mine["tcp_user_timeout"] = f"{IDLE_TRANSACTION * 1000:.0f}"
                cursor.execute("; ".join(f"SET {k} = '{v}'" for k, v in mine.items()))
                return
        bounded = "; ".join(f"SET LOCAL {k} = '{v}'" for k, v in bounds.items())
        record.info[_BEGIN] = f"BEGIN ISOLATION LEVEL READ COMMITTED; {bounded}"
        if "prepare_threshold" not in self._said:
            connection.prepare_threshold = None
        if not self._logged:
            self._logged = True
            log.info(
                "the database is behind a pooler: no setting and no prepared statement is left in "
                "its sessions"
            )


def _is_own_session(connection: Any, cursor: Any) -> bool:
    """Whether the key that came with the connection is that of the session behind it.

    A pooler makes keys of its own, by chance: one in four thousand million is the right one.
    """
    cursor.execute("SELECT pg_backend_pid()")
    return bool(cursor.fetchone() == (connection.info.backend_pid,))


def _bounds(version: int) -> dict[str, str]:
    bounds = {
        # Rows are looked up by their keys: a plan that was made while the queue was short must
        # not read the whole table once it is long.
        "enable_seqscan": "off",
        "lock_timeout": f"{LOCK_WAIT}s",
        "idle_in_transaction_session_timeout": f"{IDLE_TRANSACTION * 1000:.0f}",
    }
    if version >= 170000:
        # The one above overlooks a client that falls silent within a pipeline.
        bounds["transaction_timeout"] = f"{LONGEST_TRANSACTION * 1000:.0f}"
    return bounds


class _File:
    """Notices that the file of an SQLite database was replaced, by a backup for instance.

    A connection goes on with the file that it has opened, even when that is deleted: it would read
    an old queue, and what it writes would be lost.
    """

    def __init__(self, engine: Engine) -> None:
        path = str(engine.dialect.create_connect_args(engine.url)[0][0])
        self._path = unquote(urlsplit(path).path) if path.startswith("file:") else path
        self._known: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def watch(self, engine: Engine) -> None:
        """Compare each connection with the file whenever it is wanted."""
        event.listen(engine, "do_connect", self._before)
        event.listen(engine, "connect", self._after)
        event.listen(engine, "checkout", self._compare)

    def _before(self, _dialect: object, record: Any, _args: object, _options: object) -> None:
        # Looked at before it is opened: one that is replaced in between is only opened once more.
        record.info[_FILE] = self._look(must_be_there=self._known is not None)

    def _after(self, _connection: object, record: Any) -> None:
        # It may have been made just now.
        record.info[_FILE] = found = record.info[_FILE] or self._look()
        self._note(found)

    def _compare(self, _connection: object, record: Any, _proxy: object) -> None:
        if (opened := record.info[_FILE]) is None:  # there is no file, only memory
            return
        if (found := self._look(must_be_there=True)) != opened:
            self._note(found)
            raise InvalidatePoolError

    def _look(self, *, must_be_there: bool = False) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - for each use of a connection: no Path
        except OSError as error:
            if must_be_there:
                # It may be on its way. SQLite would make an empty one.
                raise sqlite3.OperationalError(f"no file {self._path}") from error
            return None
        return found.st_dev, found.st_ino

    def _note(self, found: tuple[int, int] | None) -> None:
        with self._lock:
            known, self._known = self._known, found
        if known and found and known != found:
            log.error(
                "another file has taken the place of the database %s: going on with that one",
                self._path,
            )


@cache
def _heard_when_idle(cursor: Any) -> Any:
    """Return a kind of cursor behind which the database sees that the transaction is idle.

    The driver ends a pipeline, which is how it runs a statement with many values, by asking for
    what is left. PostgreSQL takes that for a statement under way and sets no bound to it.
    """

    class Heard(cursor):  # type: ignore[misc]
        def executemany(self, *args: Any, **options: Any) -> None:
            super().executemany(*args, **options)
            self.connection.execute("")

    return Heard


def _prepare_mariadb(connection: Any, _record: object) -> None:
    """As `_Poolers.prepare`; and give up a connection that is dead, as libpq does by itself."""
    _bound_silence(getattr(connection, "_sock", None))
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT}")
        # For a client that takes no more of an answer. It would be a minute, with all locks held.
        cursor.execute(f"SET SESSION net_write_timeout = {IDLE_TRANSACTION:.0f}")
        cursor.execute("SELECT VERSION()")
        # MySQL knows no such bound.
        if "mariadb" in str(cursor.fetchone()).lower():
            cursor.execute(f"SET SESSION idle_transaction_timeout = {IDLE_TRANSACTION:.0f}")


def _bound_silence(connected: socket.socket | None) -> None:
    """Let the kernel give up a connection when the other end has fallen silent.

    PyMySQL's own ``read_timeout`` would cut off a statement that takes long.
    """
    if connected is None or connected.family == getattr(socket, "AF_UNIX", None):
        return
    for name, value in _SOCKET:
        with suppress(AttributeError, OSError):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _take_any_text(connection: Any) -> None:
    """Write what a database not in UTF8 lacks as an escape, ``\\u597d``.

    A server's words, in any language, are stored behind a mail that has gone: they must not keep
    a sender from recording so. What a site queues itself is not altered: that is refused.
    """
    codec = connection.info.encoding
    if codec == "utf-8":
        return
    from psycopg.adapt import Dumper

    def dump(_: Dumper, text: str) -> bytes:
        return text.encode(codec, "backslashreplace")

    for usual in {connection.adapters.get_dumper(str, form) for form in "tb"}:
        traits = {"oid": usual.oid, "format": usual.format, "dump": dump}
        connection.adapters.register_dumper(str, type("AnyText", (Dumper,), traits))
