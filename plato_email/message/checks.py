"""Checks that every argument passes before it can reach a header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from ..errors import MessageError

# Whatever some reader somewhere takes for the end of a line, and what no charset can write:
# C0, DEL, NEL, the Unicode line and paragraph separators, lone surrogates.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")

_SHOWN = 60
_quoting = ContextVar("quoting", default=True)


@contextmanager
def unquoted() -> Iterator[None]:
    """Let no error name a value meanwhile: a log is no place for a sensitive message."""
    token = _quoting.set(False)
    try:
        yield
    finally:
        _quoting.reset(token)


def shortened(value: object) -> str:
    """Return ``value`` as an error may show it: escaped, on one line, short.

    Anything but text is shown by its type alone, for its ``repr`` may hold anything; text of a
    sensitive message is not shown at all.
    """
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    if not _quoting.get():
        return "the value"
    text = str.__str__(value)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def plain_text(field: str, value: object) -> str:
    """Return ``value`` as an exact ``str``.

    Subclasses, such as the ``Markup`` of a rendered template, override the methods that
    the serialiser relies on.

    Raises:
        MessageError: it is no text at all.
    """
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    raise MessageError(field, f"Expected text, got {shortened(value)}. Pass a str.")


def forbidden_character(text: str) -> str | None:
    """Return a sentence on the first character that may stand in no header, or ``None``."""
    if text.isprintable():
        return None
    found = _FORBIDDEN.search(text)
    if found is None:
        return None
    return (
        f"{shortened(text)} contains the control character U+{ord(found[0]):04X} at position "
        f"{found.start()}. Line breaks and control characters cannot stand here: remove it."
    )


def header_text(field: str, value: object) -> str:
    """Return ``value`` as text that may stand in a header.

    Raises:
        MessageError: it is no text, or holds a character that could end the header.
    """
    text = plain_text(field, value)
    problem = forbidden_character(text)
    if problem:
        raise MessageError(field, problem)
    return text


def moment(field: str, value: object) -> datetime:
    """Return ``value`` as an aware UTC time; a naive ``datetime`` is UTC already.

    Raises:
        MessageError: it is no ``datetime``, or its time zone cannot be applied.
    """
    if not isinstance(value, datetime):
        raise MessageError(
            field, f"Expected a datetime, got {shortened(value)}. Pass datetime.now(UTC) or later."
        )
    if value.utcoffset() is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise MessageError(field, f"{value.isoformat()} is out of range. Correct it.") from None
