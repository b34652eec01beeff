"""What stands before every view.

The order of the checks matters: nothing is told, not even that a form has expired, to somebody
who may not see the page.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import g, request
from werkzeug.wrappers import Response

from . import pages, settings
from .actor import actor
from .security import SAFE_METHODS, STATIC_ENDPOINT, ask, is_foreign, is_forged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

    from ..site import Site

logger = logging.getLogger("plato_email")


class Gate:
    """The gate of one app; ``actions`` says what each endpoint needs to be allowed."""

    def __init__(self, site: Site, actions: Mapping[str, tuple[str, ...]]) -> None:
        self._site = site
        self._actions = actions

    def refusal(self) -> ResponseReturnValue | None:
        """Return the answer to a request that must not reach its view, or ``None``."""
        if request.endpoint == STATIC_ENDPOINT:
            return None
        # An endpoint that nobody knows needs what nobody has.
        for action in self._actions.get(request.endpoint or "", ("",)):
            answer = ask(self._site, action) if action else False
            if isinstance(answer, Response):
                g.plato_email_host_answers = True
                return answer
            if not answer:
                log_refusal(action)
                return denied()
        if request.method in SAFE_METHODS:
            return None
        if is_foreign():
            log_refusal("a request from another site")
            return denied()
        return settings.expired() if is_forged() else None

    def refused_by_host(self, _error: Exception) -> ResponseReturnValue:
        """Answer where the host's own CSRFProtect refused first: our checks, then our form."""
        return self.refusal() or settings.expired()


def log_refusal(why: str) -> None:
    """Leave a trace, in the log alone: a row for each would let anybody fill the database."""
    logger.warning(
        "refused: %s %.200r by %r from %s (%s)",
        *(request.method, request.path, actor(), request.remote_addr, why),
    )


def denied() -> ResponseReturnValue:
    """Answer 403, in the language of the asker."""
    if request.endpoint == "plato_email.health":
        return {"error": "forbidden"}, 403
    return pages.render("denied.html", 403)
