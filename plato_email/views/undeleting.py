"""Undo a deletion: bring back all that one press of the button deleted, or a single message."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flask import redirect, request
from itsdangerous import BadData

from . import audit
from .messages import address
from .pages import is_fragment, render
from .sites import current_site
from .steering import BUDGET, read_signed, sentence, signer
from .told import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

DONE = "back as before"


@dataclass(frozen=True)
class Undoing:
    """An undoing, half done: what the next answer needs to know."""

    batch: str
    id: int
    after: int = 0
    done: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    ended: bool = False


def undelete() -> ResponseReturnValue:
    """Go on for as long as one answer may take; then say what is back, or offer to go on."""
    before = _read()
    undoing = _steps(before)
    if undoing.done > before.done:
        number = undoing.done - before.done
        one = str(undoing.id) if undoing.id else f"{number} messages"
        audit.note("message.undeleted", one)
        current_site().poller.wake()
    said, back = _sentence(undoing), address(request.form.get("q", ""))
    if undoing.ended and not is_fragment():
        say(said)
        return redirect(back, 303)
    so_far = signer().dumps({**undoing.__dict__, "left": dict(undoing.left)})
    fields = {"q": request.form.get("q", ""), "so_far": so_far}
    template = "_steps.html" if is_fragment() else "steer.html"
    context = {"fields": fields, "said": said, "back": back, "ended": undoing.ended}
    return render(template, 200, doing="Undo", endpoint="plato_email.undelete", **context)


def _steps(undoing: Undoing) -> Undoing:
    outbox, until = current_site().outbox, time.monotonic() + BUDGET
    while True:
        step = outbox.undelete(batch=undoing.batch, id=undoing.id, after=undoing.after)
        left = Counter(undoing.left) + Counter(step.what.left)
        done, ended = undoing.done + len(step.what.done), step.last is None
        undoing = replace(undoing, after=step.last or 0, done=done, left=left, ended=ended)
        if ended or time.monotonic() > until:
            return undoing


def _read() -> Undoing:
    """What the last answer has written into its form, or a new one.

    It is signed, so that what is told and noted is what was done.
    """
    try:
        return Undoing(**read_signed(request.form.get("so_far", "")))
    except (BadData, TypeError):
        batch, id = request.form.get("batch", ""), request.form.get("id", 0, int)
        batch = batch if batch.isalnum() else ""
        return Undoing(batch, 0 if batch else max(id, 0))


def _sentence(undoing: Undoing) -> str:
    if not undoing.done and not undoing.left:
        return "There is nothing left to bring back."
    return sentence(DONE, undoing.done, undoing.left)
