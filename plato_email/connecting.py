"""What each new connection of the senders is told: how long to wait, what to see, how to write."""

from __future__ import annotations

from typing import Any

IDLE_TRANSACTION = 60.0
"""Seconds after which the database ends a transaction whose process is frozen or cut off."""


def prepare(connection: Any, _record: object) -> None:
    """A sender that waits for a lock must give up and come again; one that is gone must let go.

    A process that is stopped, or a machine that is cut off, keeps its locks as long as the
    database believes in its connection: hours. Nobody else could claim meanwhile. And whatever
    the site's database prefers, each of our statements sees what is committed.
    """
    cursor = connection.cursor()
    if type(connection).__module__.startswith("psycopg"):
        _take_any_text(connection)
        cursor.execute("SET default_transaction_isolation = 'read committed'")
        # Rows are looked up by their keys: a plan that was made while the queue was short must
        # not read the whole table once it is long.
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET lock_timeout = '5s'")
        idle = int(IDLE_TRANSACTION * 1000)
        cursor.execute(f"SET idle_in_transaction_session_timeout = {idle}")
        # From version 17 on; the one before overlooks a client that is silent after a pipeline.
        cursor.execute(
            f"SELECT set_config(name, '{idle}', false) FROM pg_settings"  # noqa: S608 - a number
            " WHERE name = 'transaction_timeout'"
        )
    else:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 5")
        cursor.execute("SELECT VERSION()")
        # MySQL knows no such bound.
        if "mariadb" in str(cursor.fetchone()).lower():
            cursor.execute(f"SET SESSION idle_transaction_timeout = {int(IDLE_TRANSACTION)}")
    cursor.close()


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
