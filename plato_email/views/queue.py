"""The overview of the queue, and the numbers that the settings page shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import request

from ..overview import read_overview
from .chart import HEIGHT, WIDTH, draw
from .pages import is_fragment, render
from .sites import current_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Response
    from flask.typing import ResponseReturnValue

    from ..config import Config


def show() -> ResponseReturnValue:
    """The overview; for htmx the part of it that changes, or the numbers of the settings page."""
    if is_fragment() and request.args.get("part") != "overview":
        return render("_queue_refresh.html", status=current_site().status())
    return _overview("_overview.html" if is_fragment() else "queue.html")


def _overview(template: str) -> Response:
    site = current_site()
    overview = read_overview(site.outbox, site.status())
    return render(
        template,
        overview=overview,
        status=overview.status,
        chart=draw(overview.hours),
        drawing=(WIDTH, HEIGHT),
        alert=site.alerts.last(),
        hook=urlsplit(site.config["ALERT_URL"]).hostname,
        keeps=_keeps(site.config),
    )


def _keeps(config: Config) -> Iterator[tuple[str, int, str]]:
    """What is kept, for how many days, and the key that says so."""
    words = {
        "KEEP_SENT_DAYS": "Sent, cancelled and expired messages, without what was written",
        "KEEP_SENT_BODIES_DAYS": "What was written in sent messages",
        "KEEP_FAILED_DAYS": "Failed messages, also for some recipients, with all that is in them",
        "KEEP_AUDIT_DAYS": "The log of who did what",
    }
    for name, what in words.items():
        yield what, config[name], f"PLATO_EMAIL_{name}"
