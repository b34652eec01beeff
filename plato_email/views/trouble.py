"""When the site itself cannot answer: a sentence with the cure, never a stack trace."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import request
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..database import MISSING_TABLES, tables_are_missing
from .pages import render

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from ..errors import KeyRingError

log = logging.getLogger("plato_email")

BUSY = "The database did not answer in time. Nothing was changed. Try again in a moment."


def database_refused(error: SQLAlchemyError) -> ResponseReturnValue:
    """Answer where the database failed: tables that are missing, a lock, a lost connection."""
    log.error("a page could not be shown: %s", type(error).__name__, exc_info=error)
    missing = isinstance(error, DBAPIError) and tables_are_missing(error)
    return _answer(MISSING_TABLES if missing else BUSY)


def keys_unusable(error: KeyRingError) -> ResponseReturnValue:
    """Answer where the encryption keys cannot be used."""
    log.error("a page could not be shown: %s", error)
    return _answer(str(error))


def _answer(words: str) -> ResponseReturnValue:
    if request.endpoint == "plato_email.health":
        return {"error": words}, 503
    return render("trouble.html", 503, words=words)
