"""The state of outbound mail in one line, for our pages and for any page of the host."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import render_template, url_for
from markupsafe import Markup

from ..database import in_haste
from ..status import Condition
from .security import ask
from .sites import current_site

if TYPE_CHECKING:
    from ..status import Status

logger = logging.getLogger("plato_email")

TONES = {
    Condition.VERIFIED: "good",
    Condition.UNVERIFIED: "info",
    Condition.NOT_CONFIGURED: "warn",
    Condition.POLLING_OFF: "warn",
    Condition.HELD: "warn",
    Condition.FAILING: "bad",
    Condition.POLLER_SILENT: "bad",
    Condition.UNREADABLE_SECRET: "bad",
}


def tone(status: Status) -> str:
    """Return good, info, warn or bad: how loud the banner is."""
    return TONES[status.state]


def way_to_mode() -> str:
    """Return where the mode is changed, or "" for who may not."""
    if ask(current_site(), "edit_settings") is not True:
        return ""
    return url_for("plato_email.settings", _anchor="pe-who")


@in_haste()
def banner_for_host() -> Markup:
    """Return the banner for a page of the host; nothing for who may not see the pages.

    It never raises: a page of the host must not fall over its mail.
    """
    try:
        if ask(current_site(), "view") is not True:
            return Markup()
        text = render_template(
            "plato_email/_banner_for_host.html",
            status=current_site().status(),
            tone=tone,
            link=url_for("plato_email.settings"),
            way=way_to_mode(),
        )
    except Exception:
        logger.exception("the state of the mail could not be read for a banner")
        return Markup()
    # Rendered by Jinja with autoescape on.
    return Markup(text)  # noqa: S704
