"""A statement made ready once: its text, and its values in the order that the driver wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import ARRAY

from .. import direct

if TYPE_CHECKING:
    from sqlalchemy import Connection, Dialect, Executable

    from ..direct import Answer

Row = Mapping[str, Any]
_Value = Callable[[Row], Any]


class Ready:
    """Runs a statement that is never put together anew.

    SQLAlchemy keeps compiled statements, but finding one again and arranging its values takes
    longer than a database nearby takes to run it. What comes back are the driver's own values.

    Args:
        statement: an INSERT, UPDATE, DELETE or SELECT without lists that grow (``IN``). Its
            parameters are named ``b_`` and the name of a value: SQLAlchemy wants the names of
            columns for itself.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement: Any = statement
        self._texts: WeakKeyDictionary[Dialect, _Text] = WeakKeyDictionary()

    def run(self, connection: Connection, rows: Row | Sequence[Row]) -> Answer:
        """Run it with one row of values, or once for each of several."""
        text = self._text(connection.dialect)
        if "schema_translate_map" in connection.get_execution_options():
            # A site with a schema for each of its customers: another text for each.
            return connection.execute(self._statement, text.named(rows))
        if isinstance(rows, Mapping):
            return direct.execute(connection, text.sql, text.values(rows))
        if len(rows) == 1:
            return direct.execute(connection, text.sql, text.values(rows[0]))
        values = [text.values(row) for row in rows]
        return direct.execute(connection, text.sql, values, many=True)

    def text(self, dialect: Dialect, row: Row) -> tuple[str, Any]:
        """Return the text and the values that the driver gets."""
        text = self._text(dialect)
        return text.sql, text.values(row)

    def _text(self, dialect: Dialect) -> _Text:
        text = self._texts.get(dialect)
        if text is None:
            text = self._texts[dialect] = _Text(self._statement, dialect)
        return text


class _Text:
    """A statement in the words of one dialect."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._positional = bool(compiled.positional)
        names = compiled.positiontup if self._positional else compiled.binds
        self._names = [name for name in compiled.binds if name.startswith("b_")]
        self._values = [(name, _value(compiled.binds[name], dialect)) for name in names]

    def values(self, row: Row) -> Any:
        """Return the values of ``row`` as the driver takes them."""
        if self._positional:
            return tuple([value(row) for _, value in self._values])
        return {name: value(row) for name, value in self._values}

    def named(self, rows: Row | Sequence[Row]) -> Any:
        """Return the values as SQLAlchemy takes them."""
        if isinstance(rows, Mapping):
            return {name: rows[name.removeprefix("b_")] for name in self._names}
        return [self.named(row) for row in rows]


def _value(bind: Any, dialect: Dialect) -> _Value:
    """How one value is found: given by name, or standing in the statement itself."""
    is_list = isinstance(bind.type, ARRAY)
    convert = _in_braces if is_list else bind.type.dialect_impl(dialect).bind_processor(dialect)
    key = bind.key.removeprefix("b_")
    if not bind.required:
        fixed = convert(bind.effective_value) if convert else bind.effective_value
        return lambda _: fixed
    if convert is None:
        return lambda row: row[key]
    return lambda row: convert(row[key])


def _in_braces(values: Sequence[Any]) -> str:
    """A list as PostgreSQL writes one. The driver looks through each for the type of its items."""
    return "{" + ",".join([_item(value) for value in values]) + "}"


def _item(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f'"{value}"'
