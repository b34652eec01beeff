"""The messages of the queue: a list, and one with its tries. No bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from .pages import render
from .sites import current_site

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

PER_PAGE = 50


def index() -> ResponseReturnValue:
    """A page of messages, the newest first, below the one that ``before`` names."""
    before = request.args.get("before", type=int)
    rows = current_site().outbox.messages(before=before, limit=PER_PAGE + 1)
    shown, more = rows[:PER_PAGE], len(rows) > PER_PAGE
    older = shown[-1].id if more else None
    return render("messages.html", messages=shown, before=before, older=older)


def show(id: int) -> ResponseReturnValue:
    """One message and what became of it."""
    outbox = current_site().outbox
    message = outbox.message(id)
    if message is None:
        return render("missing.html", 404, id=id)
    return render(
        "message.html",
        message=message,
        attempts=outbox.attempts(id),
        outcomes=outbox.outcomes(id),
    )
