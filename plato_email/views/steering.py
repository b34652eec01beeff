"""Retry, cancel, restore, delete: one message, those that are ticked, or all that match a search.

Everything is a POST that says in a sentence what became of it. All that match are done in steps,
each an answer of its own that says how far it is and carries what the next one needs, so that any
process can go on and nobody waits.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flask import current_app, redirect, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from ..outbox import UNDO, Act, Place, SearchError, Steered, read_search
from . import audit
from .causes import common_cause
from .messages import address
from .pages import is_fragment, render
from .sites import current_site
from .told import say
from .words import number as written

if TYPE_CHECKING:
    from flask import Response
    from flask.typing import ResponseReturnValue

MOST_IDS = 500
LONGEST_PAUSE = 600
"""Seconds between two steps of a long act."""
BUDGET = 0.03
"""Seconds of work in one answer."""
STEP = 200
NOTED: Mapping[Act, str] = {
    Act.RETRY: "message.retried",
    Act.CANCEL: "message.cancelled",
    Act.RESTORE: "message.restored",
    Act.DELETE: "message.deleted",
}
DONE: Mapping[Act, str] = {
    Act.RETRY: "queued again",
    Act.CANCEL: "cancelled",
    Act.RESTORE: "back in the queue",
    Act.DELETE: "deleted",
}
REASONS: Mapping[str, tuple[str, str]] = {
    "sending": ("was already being sent", "were already being sent"),
    "queued": ("was waiting already", "were waiting already"),
    "sent": ("was sent already", "were sent already"),
    "failed": ("had failed already", "had failed already"),
    "cancelled": ("was cancelled already", "were cancelled already"),
    "expired": ("had expired", "had expired"),
    "gone": ("was gone", "were gone"),
    "over": ("was deleted too long ago", "were deleted too long ago"),
    "taken": ("has a newer one with its key", "have newer ones with their keys"),
    "no content": ("had no content any more", "had no content any more"),
    "outdated": ("was past its time", "were past their time"),
}


@dataclass(frozen=True)
class Run:
    """All that match, half done: what the next step needs to know."""

    act: Act
    typed: str
    through: int
    """The newest id there was when it began: what comes later is left alone."""
    batch: str = ""
    """What all that it deletes can be brought back by, and `until` when."""
    until: str = ""
    after: Place | None = None
    done: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    ended: bool = False


def steer() -> ResponseReturnValue:
    """Do what a button of the list or of a message says."""
    act = _act()
    if act is None:
        return redirect(_way_back(), 303)
    if request.form.get("scope") == "all":
        return _all(act)
    ids, run = _ids(), _new_run(act, "", 0)
    what = current_site().outbox.steer(act, ids, batch=run.batch)
    if what.done:
        subject = str(ids[0]) if len(ids) == 1 else f"{len(what.done)} messages"
        audit.note(NOTED[act], subject, **({} if len(ids) == 1 else {"ids": list(what.done)}))
        current_site().poller.wake()
    _tell(run, what)
    return redirect(_way_back(gone=act is Act.DELETE), 303)


def sentence(verb: str, done: int, left: Mapping[str, int]) -> str:
    """What became of it: ``12 of 14 messages queued again; 2 were already being sent.``"""
    total = done + sum(left.values())
    if not total:
        return "Nothing was selected."
    noun = "message" if total == 1 else "messages"
    whole = written(done) if done == total else f"{written(done)} of {written(total)}"
    why = "".join(f"; {written(n)} {REASONS[each][n != 1]}" for each, n in sorted(left.items()))
    return f"{whole} {noun} {verb}{why}."


def _tell(run: Run, what: Steered) -> None:
    said = sentence(DONE[run.act], len(what.done), what.left)
    if run.act is Act.DELETE and what.done:
        say(said, deleted={"batch": run.batch, "until": run.until})
    else:
        say(said, list(what.done) if run.act is Act.CANCEL else None)


def _all(act: Act) -> Response:
    typed = _typed()
    try:
        search = read_search(typed)
    except SearchError as error:
        return render("steer.html", 422, problem=str(error), typed=typed, doing=act.value.title())
    fields = {"act": act.value, "scope": "all", "sure": "1", "q": typed}
    context: dict[str, object] = {"doing": act.value.title(), "typed": typed}
    context |= {"endpoint": "plato_email.steer", "fields": fields}
    if "sure" not in request.form:
        fields["through"] = str(current_site().outbox.newest())
        context["cause"] = common_cause(current_site(), search)
        return render("steer.html", 200, back=_way_back(), asks=act.value, **context)
    before = _read_run(act, search.text)
    run = _steps(before)
    _note_run(before, run)
    said = sentence(DONE[act], run.done, run.left)
    fields |= {"through": str(run.through), "so_far": signer().dumps(_so_far(run))}
    told = _undo(run, said)
    template = "_steps.html" if is_fragment() else "steer.html"
    # Those of one cause are dealt with: back to where the others are.
    back = address(search.without("fault"))
    context |= {"said": said, "back": back, "ended": run.ended, "told": told}
    return render(template, 200, **context)


def _undo(run: Run, said: str) -> dict[str, str]:
    """How what was deleted so far is brought back: told at the end, and to who stops half-way."""
    if run.act is not Act.DELETE or not run.done:
        return {}
    undo = {"batch": run.batch, "until": run.until}
    if not run.ended:
        say(f"So far: {said}", deleted=undo)
    return undo


def _new_run(act: Act, typed: str, through: int) -> Run:
    until = f"{current_site().clock.now() + UNDO:%H:%M} UTC"
    return Run(act, typed, through, secrets.token_hex(16), until)


def _note_run(before: Run, run: Run) -> None:
    """Note how many it was done to; where it takes several answers, that it has begun, too.

    Whoever begins may stop half-way.
    """
    search = run.typed or "everything"
    if run.ended and run.done:
        audit.note(NOTED[run.act], f"{written(run.done)} messages", search=search)
        current_site().poller.wake()
    elif not run.ended and before.after is None:
        audit.note(NOTED[run.act], "all that match", search=search, up_to=run.through)


def _steps(run: Run) -> Run:
    """Go on for as long as one answer may take, and for one step at least."""
    outbox, until = current_site().outbox, time.monotonic() + BUDGET
    search = read_search(run.typed)
    while True:
        patience = max(0.0, until - time.monotonic())
        page = outbox.page(search, after=run.after, limit=STEP, patience=patience)
        ids = [each.id for each in page.messages if each.id <= run.through]
        what = outbox.steer(run.act, ids, batch=run.batch)
        whole = Steered((), run.left) + Steered((), what.left)
        done = run.done + len(what.done)
        run = replace(run, after=page.older, done=done, left=whole.left, ended=page.older is None)
        if run.ended or time.monotonic() > until:
            return run


def _read_run(act: Act, typed: str) -> Run:
    """What the last step has written into its form, if it is the same run; or else a new one.

    It is signed: who made it up could go on where nothing began, and the log would not know.
    """
    new = _new_run(act, typed, request.form.get("through", 0, int))
    try:
        said = read_signed(request.form.get("so_far", ""))
        undo = (said["batch"], said["until"])
        run = Run(act, typed, said["through"], *undo, Place.read(said["after"]), said["done"])
        run = replace(run, left=said["left"])
    except (BadData, KeyError, AttributeError):
        return new
    return run if _so_far(run) == said else new


def _so_far(run: Run) -> dict[str, object]:
    same = {"act": run.act.value, "q": run.typed, "through": run.through}
    same |= {"batch": run.batch, "until": run.until}
    return {**same, "after": str(run.after), "done": run.done, "left": dict(run.left)}


def signer() -> URLSafeTimedSerializer:
    """Return what signs how far a long act is."""
    # Never "" here: the form's token was checked, and that takes a session.
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="plato_email.steering")


def read_signed(text: str) -> Any:
    """Return how far a long act is.

    Raises:
        BadData: it is not ours, or too old: who keeps it could go on later, unseen by the log.
    """
    return signer().loads(text, max_age=LONGEST_PAUSE)


def _ids() -> list[int]:
    """The messages that are ticked; what is no number is none."""
    typed = request.form.getlist("ids")[:MOST_IDS]
    return [int(each) for each in typed if each.isascii() and each.isdigit() and len(each) < 20]


def _act() -> Act | None:
    try:
        return Act(request.form.get("act", ""))
    except ValueError:
        return None


def _typed() -> str:
    return request.form.get("q", "")


def _way_back(*, gone: bool = False) -> str:
    """The page that the button was on; the list, where that page is gone with its message."""
    message = request.form.get("message", type=int)
    if message is not None and not gone:
        return url_for("plato_email.message", id=message)
    places = {name: Place.read(request.form.get(name, "")) for name in ("after", "before")}
    return address(_typed(), **places)
