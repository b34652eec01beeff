"""Bring the tables of a site without migrations to this version.

What is missing is added: tables, columns, indexes, unique constraints. Nothing is ever changed
or dropped, so that processes of the version before may go on meanwhile. A site with
Flask-Migrate does the same with a migration; see docs/how-to/upgrade.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import UniqueConstraint, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn

from .errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Inspector, Table

    from .database import Database
    from .tables import Tables


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the database lacks.

    Attributes:
        kind: ``table``, ``column``, ``index`` or ``unique``.
        table: the table's name.
        name: its own name; of a unique constraint, its columns.
        make: adds it; ``None`` where only a migration can.
    """

    kind: str
    table: str
    name: str
    make: Callable[[Connection], object] | None = field(repr=False, compare=False)

    def __str__(self) -> str:
        if self.kind == "table":
            return f"table {self.table}"
        return f"{self.kind} {self.name} of {self.table}"


def missing(connection: Connection, tables: Tables) -> list[Change]:
    """Return what the database lacks of our tables, in the order in which it can be added."""
    inspector = inspect(connection)
    changes: list[Change] = []
    for table in tables.all():
        if not inspector.has_table(table.name, schema=table.schema):
            changes.append(Change("table", table.name, table.name, table.create))
            continue
        changes += _columns(inspector, table)
        changes += _uniques(inspector, table)
        changes += _indexes(inspector, table)
    return changes


def upgrade(
    database: Database, tables: Tables, made: Callable[[Change], None] = lambda _: None
) -> list[Change]:
    """Add what is missing, each thing in a transaction of its own; return what was added.

    May run at any time, beside senders and beside itself, and again after it was broken off.

    Args:
        database: where the tables are.
        tables: as they are to be.
        made: called after each change.

    Raises:
        ConfigurationError: something is missing that cannot be added; nothing was done.
        DBAPIError: the database refused a change; those before it are done.
    """
    wanted = database.read(lambda c: missing(c, tables))
    refused = [str(change) for change in wanted if change.make is None]
    if refused:
        raise ConfigurationError(
            f"Cannot be added, for the rows there are would have no value: {', '.join(refused)}. "
            "Is this table one of plato_email? Nothing was done."
        )
    done = []
    for change in wanted:
        if _made_by_us(database, tables, change):
            done.append(change)
            made(change)
    return done


def _made_by_us(database: Database, tables: Tables, change: Change) -> bool:
    """Make a change; false when somebody else did at the same moment."""

    def work(connection: Connection) -> None:
        _bound_waits(connection)
        if change.make is not None:
            change.make(connection)

    try:
        database.write(work)
    except DBAPIError:
        if change in database.read(lambda c: missing(c, tables)):
            raise
        return False
    return True


def _bound_waits(connection: Connection) -> None:
    """Wait for a table only briefly, for all others wait behind; then work as long as it takes."""
    match connection.dialect.name:
        case "mysql" | "mariadb":
            connection.exec_driver_sql("SET SESSION lock_wait_timeout = 5")
        case "postgresql":
            connection.exec_driver_sql(
                "SELECT set_config(name, '0', true) FROM pg_settings "
                "WHERE name IN ('statement_timeout', 'transaction_timeout')"
            )


def _columns(inspector: Inspector, table: Table) -> Iterator[Change]:
    known = {column["name"] for column in inspector.get_columns(table.name, schema=table.schema)}
    for column in table.columns:
        if column.name not in known:
            addable = not column.primary_key and (column.nullable or column.server_default)
            make = partial(_add_column, table, column) if addable else None
            yield Change("column", table.name, column.name, make)


def _uniques(inspector: Inspector, table: Table) -> Iterator[Change]:
    indexes = inspector.get_indexes(table.name, schema=table.schema)
    known = [set(index["column_names"]) for index in indexes if index["unique"]]
    constraints = inspector.get_unique_constraints(table.name, schema=table.schema)
    known += [set(constraint["column_names"]) for constraint in constraints]
    for wanted in table.constraints:
        if not isinstance(wanted, UniqueConstraint):
            continue
        names = [column.name for column in wanted.columns]
        if set(names) not in known:
            make = partial(_add_unique, table, wanted)
            yield Change("unique", table.name, ", ".join(names), make)


def _indexes(inspector: Inspector, table: Table) -> Iterator[Change]:
    known = {index["name"] for index in inspector.get_indexes(table.name, schema=table.schema)}
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if index.name not in known:
            yield Change("index", table.name, str(index.name), index.create)


def _add_column(table: Table, column: Column[object], connection: Connection) -> None:
    name = connection.dialect.identifier_preparer.format_table(table)
    what = CreateColumn(column).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {what}")


def _add_unique(table: Table, constraint: UniqueConstraint, connection: Connection) -> None:
    preparer = connection.dialect.identifier_preparer
    table_name = preparer.format_table(table)
    name = preparer.format_constraint(constraint) if constraint.name else None
    names = [column.name for column in constraint.columns]
    columns = ", ".join(map(preparer.quote, names))
    if connection.dialect.name == "sqlite":  # which cannot add a constraint
        name = name or preparer.quote(f"uq_{table.name}_{'_'.join(names)}")
        connection.exec_driver_sql(f"CREATE UNIQUE INDEX {name} ON {table_name} ({columns})")
        return
    named = f"CONSTRAINT {name} " if name else ""
    connection.exec_driver_sql(f"ALTER TABLE {table_name} ADD {named}UNIQUE ({columns})")
