"""The tables as each database is asked to make them."""

from __future__ import annotations

from sqlalchemy import MetaData, Table
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

from plato_email.tables import join_metadata


def test_every_table_holds_every_letter_on_mysql() -> None:
    """A database that prefers latin1 still gets tables that hold names and emoji."""
    made = [str(CreateTable(table).compile(dialect=mysql.dialect())) for table in tables()]
    assert len(made) >= 8
    assert [sql for sql in made if "CHARSET=utf8mb4" not in sql] == []


def tables() -> tuple[Table, ...]:
    return join_metadata(MetaData()).all()
