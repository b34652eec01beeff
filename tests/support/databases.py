"""Databases for tests: each with a name of its own, gone afterwards."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

POSTGRES = os.environ.get(
    "PLATO_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
)
MARIADB = os.environ.get("PLATO_TEST_MARIADB_URL", "mysql+pymysql://root@127.0.0.1:3306/")

SQLITE, SQLITE_WAL = "sqlite", "sqlite-wal"
KINDS = (
    SQLITE,
    SQLITE_WAL,
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
)


def missing(what: str) -> None:
    """Skip with the reason on a laptop; fail where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI is set")
    pytest.skip(what)


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[URL]:
    """Make an empty database of ``kind`` and drop it afterwards."""
    if kind in (SQLITE, SQLITE_WAL):
        url = make_url(f"sqlite:///{folder / 'site.db'}")
        if kind == SQLITE_WAL:
            engine = create_engine(url)
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            engine.dispose()
        yield url
        return
    server = make_url(POSTGRES if kind == "postgresql" else MARIADB)
    name = f"plato_test_{secrets.token_hex(6)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as error:
        admin.dispose()
        missing(f"no {kind} server answers at {server.host}:{server.port}: {error.orig}")
    try:
        yield server.set(database=name)
    finally:
        with admin.connect() as connection:
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            connection.execute(text(f"DROP DATABASE {name}{force}"))
        admin.dispose()
