"""One message and what became of it. No body."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..outbox import UNDO
from . import user_name
from .causes import diagnosis_of
from .pages import render
from .sites import current_site
from .told import take_told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue


def show(
    id: int,
    code: int = 200,
    *,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] | None = None,
    refused: str = "",
) -> ResponseReturnValue:
    """Its tries, its recipients, what is known about what went wrong, and what can be done.

    Args:
        id: the number of the message.
        code: of the answer.
        typed: what was typed to mend it, for each recipient.
        problems: what is wrong with that, for each recipient.
        refused: why nothing was done.
    """
    site = current_site()
    message = site.outbox.message(id)
    if message is None:
        at = site.outbox.deleted_at(id)
        until = f"{at + UNDO:%H:%M} UTC" if at else ""
        return render("missing.html", 404, id=id, deleted_at=at, until=until)
    saved = site.load_settings()
    tries, outcomes = site.outbox.attempts(id), site.outbox.outcomes(id)
    names = user_name.of_tries(tries, saved)
    return render(
        "message.html",
        code,
        message=message,
        user_name=names[-1] if names else "",
        tries=list(zip(tries, names, strict=True)),
        outcomes={each.address: each for each in outcomes},
        user_names=user_name.of_recipients(outcomes, tries, names),
        diagnosis=diagnosis_of(message, saved.settings),
        without=site.outbox.without(message),
        stored=site.outbox.content(id) is not None,
        now=site.clock.now(),
        told=take_told(),
        once=secrets.token_hex(8),
        mending={"typed": typed or {}, "problems": problems or {}, "refused": refused},
    )
