"""One message and what became of it. No body."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ..outbox import UNDO
from .causes import diagnosis_of
from .pages import render
from .security import ask
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
    settings = site.load_settings().settings
    editor = ask(site, "edit_settings") is True and message.server == settings.address
    return render(
        "message.html",
        code,
        message=message,
        user_name=settings.username if editor else "",
        attempts=site.outbox.attempts(id),
        outcomes={each.address: each for each in site.outbox.outcomes(id)},
        diagnosis=diagnosis_of(message, settings),
        without=site.outbox.without(message),
        stored=site.outbox.content(id) is not None,
        now=site.clock.now(),
        told=take_told(),
        once=secrets.token_hex(8),
        mending={"typed": typed or {}, "problems": problems or {}, "refused": refused},
    )
