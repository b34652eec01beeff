"""Mend one message: another recipient where one was refused, or the same mail once more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import redirect, request, url_for

from ..errors import SecretUnreadable
from ..message import parse_address
from ..outbox import SteeringRefused
from ..resending import AddressesRefused
from ..resending import resend as send_again
from . import audit, message
from .gate import denied, log_refusal
from .pages import Words
from .sites import current_site
from .told import say

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from ..outbox import QueuedMessage

ONCE = 16
"""Letters of the word that tells two presses of a form apart from two forms."""
NAMED = 3
"""Recipients that a sentence names."""


def readdress(id: int) -> ResponseReturnValue:
    """Put another recipient in the place of one that was refused, and queue the message again."""
    old, typed = request.form.get("old", ""), request.form.get("new", "").strip()
    try:
        new = parse_address(typed).addr_spec
        current_site().outbox.check_readdress(id, old, new)
        # Nobody gets a text unseen by the log.
        audit.note_first("message.readdressed", str(id), old=old, new=new)
        current_site().outbox.readdress(id, old, new)
    except (ValueError, SteeringRefused) as error:
        return message.show(id, 422, typed={old: typed}, problems={old: str(error)})
    current_site().poller.wake()
    say(f"Queued again, to {new} in the place of {old}.")
    return redirect(url_for("plato_email.message", id=id), 303)


def resend(id: int) -> ResponseReturnValue:
    """Queue a finished message once more, as a new one.

    The form of a message that only some have names the others, each with an address that can be
    changed or left empty. Where text reaches somebody else by that, it takes who may read it.
    """
    site = current_site()
    row = site.outbox.message(id)
    if row is None:
        return message.show(id)
    typed = _typed()
    if any(old != new for old, new in typed.items() if new) and not Words.may("view_body"):
        log_refusal("view_body")
        return denied()
    try:
        changed = _read(typed) if typed else None
        queued = send_again(site, row, changed, once=_once(), first=partial(_tell, id, changed))
    except AddressesRefused as error:
        return message.show(id, 422, typed=typed, problems=error.problems)
    except (SteeringRefused, SecretUnreadable) as error:
        return message.show(id, 422, typed=typed, refused=str(error))
    if queued.duplicate:
        say(f"This was queued already, the same as message {id}.")
    else:
        _note(id, changed or {}, queued)
    return redirect(url_for("plato_email.message", id=queued.id), 303)


def _once() -> str:
    """The word that the page gave its form: a second press queues nothing more."""
    word = request.form.get("once", "")
    return word if len(word) == ONCE and word.isalnum() else ""


def _typed() -> dict[str, str]:
    """What stands beside each recipient that did not get it."""
    new = [each.strip() for each in request.form.getlist("new")]
    return dict(zip(request.form.getlist("old"), new, strict=False))


def _read(typed: dict[str, str]) -> dict[str, str]:
    """The address for each recipient, but for those whose field was emptied."""
    changed, problems = {}, {}
    for old, new in typed.items():
        try:
            if new:
                changed[old] = old if new == old else parse_address(new).addr_spec
        except ValueError as error:
            problems[old] = str(error)
    if problems:
        raise AddressesRefused(problems)
    return changed


def _tell(id: int, changed: dict[str, str] | None) -> None:
    """Note first to whom else a text goes, or it does not go."""
    pairs = (changed or {}).items()
    if others := [f"{new} in the place of {old}" for old, new in pairs if old != new]:
        audit.note_first("message.redirected", str(id), to=others)


def _note(id: int, changed: dict[str, str], queued: QueuedMessage) -> None:
    audit.note("message.resent", str(queued.id), copy_of=id)
    say(f"Queued as a new message, the same as message {id}{_to(queued) if changed else ''}.")


def _to(queued: QueuedMessage) -> str:
    """To whom it goes, in a few words: they travel in a cookie."""
    named, more = queued.recipients[:NAMED], len(queued.recipients) - NAMED
    return f", to {', '.join(named)}" + (f" and {more} more" if more > 0 else "")
