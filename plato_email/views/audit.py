"""The log: what people did on these pages, and how a view adds to it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import request
from sqlalchemy.exc import SQLAlchemyError

from ..audit import ACTIONS
from .actor import actor
from .log_words import told
from .pages import render
from .sites import current_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

log = logging.getLogger("plato_email")

PER_PAGE = 50


def note(action: str, subject: str = "", **detail: object) -> None:
    """Write down what the person of this request has just done.

    It is done, so a log that cannot be written is told to the site's log and no more. What must
    not happen unseen calls `note_first` before it is done.
    """
    note_later()(action, subject, **detail)


def note_later() -> Callable[..., None]:
    """Return a `note` in the name of this request's person that can be called when it is over."""
    write, by = current_site().audit.note, actor()
    origin = request.remote_addr or ""

    def note(action: str, subject: str = "", **detail: object) -> None:
        try:
            write(action, by=by, origin=origin, subject=subject, detail=detail)
        except SQLAlchemyError:
            log.exception("%s by %r could not be written to the audit log", action, by)

    return note


def note_first(action: str, subject: str = "", **detail: object) -> None:
    """Write down what the person of this request is about to do.

    Raises:
        SQLAlchemyError: it could not be written, so it must not be done; answered with 503.
    """
    origin = request.remote_addr or ""
    current_site().audit.note(action, by=actor(), origin=origin, subject=subject, detail=detail)


def _asked(name: str) -> str:
    """What the address asks for; PostgreSQL takes no NUL, not even to look for it."""
    return request.args.get(name, "").replace("\0", "").strip()


def index() -> ResponseReturnValue:
    """A page of the log, the newest first, below the entry that ``before`` names."""
    before = request.args.get("before", type=int)
    action, by = _asked("action"), _asked("by")
    rows = current_site().audit.page(before=before, limit=PER_PAGE + 1, action=action, by=by)
    entries = rows[:PER_PAGE]
    older = entries[-1].id if len(rows) > PER_PAGE else None
    return render(
        "audit.html",
        entries=[(each, told(each)) for each in entries],
        older=older,
        before=before,
        action=action,
        by=by,
        actions=ACTIONS,
        days=current_site().config["KEEP_AUDIT_DAYS"],
    )
