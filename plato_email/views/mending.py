"""Mend one message: another recipient where one was refused, or the same mail once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import redirect, request, url_for

from ..errors import SecretUnreadable
from ..message import parse_address
from ..outbox import SteeringRefused
from . import audit, message
from .sites import current_site
from .told import say

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


def readdress(id: int) -> ResponseReturnValue:
    """Put another recipient in the place of one that was refused, and queue the message again."""
    old, typed = request.form.get("old", ""), request.form.get("new", "").strip()
    try:
        new = parse_address(typed).addr_spec
        current_site().outbox.readdress(id, old, new)
    except (ValueError, SteeringRefused) as error:
        return message.show(id, 422, old=old, typed=typed, problem=str(error))
    audit.note("message.readdressed", str(id), old=old, new=new)
    current_site().poller.wake()
    say(f"Queued again, to {new} in the place of {old}.")
    return redirect(url_for("plato_email.message", id=id), 303)


def resend(id: int) -> ResponseReturnValue:
    """Queue a finished message once more, as a new one."""
    site = current_site()
    row = site.outbox.message(id)
    if row is None:
        return message.show(id)
    try:
        queued = site.resend(row)
    except (SteeringRefused, SecretUnreadable) as error:
        return message.show(id, 422, refused=str(error))
    audit.note("message.resent", str(queued.id), copy_of=id)
    say(f"Queued as a new message, the same as message {id}.")
    return redirect(url_for("plato_email.message", id=queued.id), 303)
