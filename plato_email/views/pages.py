"""What every page needs: the renderer, and a few words for templates under the name ``pe``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import Response, make_response, render_template, request, session
from flask_wtf.csrf import generate_csrf

from ..durations import span
from ..filling import carried
from ..message import parse_address
from ..smtp.reply import with_user_name
from . import words
from .assets import HTMX, asset
from .banner import tone, way_to_mode
from .security import ask, csrf_field
from .sites import current_site

if TYPE_CHECKING:
    from ..settings import Settings

REFRESH = 10
"""Seconds between two looks at the queue while a page is open and visible."""
WATCH = 5
"""The same where the queue is what the page is about."""
_NOTICE = "_plato_email_notice"
_RECIPIENT = "_plato_email_recipient"
UNSAID: Mapping[str, object] = {
    **dict.fromkeys(("conflict", "trial", "stages", "too_many", "section", "status"), None),
    **dict.fromkeys(("filled", "offer", "presets", "report"), None),
    **dict.fromkeys(("told", "fields", "message", "mending", "deleted_at"), None),
    **dict.fromkeys(("is_test", "is_begun", "is_expired", "is_forgotten", "is_page"), False),
    **dict.fromkeys(("ended",), False),
    **dict.fromkeys(("notice", "aloud", "headline", "problem", "asks", "typed", "cause"), ""),
    "user_name": "",
}
"""What a view leaves out; a host's context processor must not fill it in."""


def is_fragment() -> bool:
    """Tell whether htmx asks, which wants a part of a page."""
    return request.headers.get("HX-Request") == "true"


def render(template: str, code: int = 200, **context: object) -> Response:
    """Render one of our templates; ``pe`` in it is this page's `Words`."""
    text = render_template(f"plato_email/{template}", pe=Words(), **{**UNSAID, **context})
    return make_response(text, code)


def notify(text: str, notes: Mapping[str, str]) -> None:
    """Say ``text``, and the notes next to their fields, once: on the next page that is opened.

    Not ``flash``: reading our own category would also take the host's messages away, and a host
    that shows every category would say ours twice.
    """
    session[_NOTICE] = [text, dict(notes)]


def remember_recipient(typed: str, usual: str) -> None:
    """Keep the recipient of test mails for this session; the usual one follows the settings."""
    if typed != usual and _is_address(typed):
        session[_RECIPIENT] = typed
    else:
        session.pop(_RECIPIENT, None)


def _is_address(typed: str) -> bool:
    try:
        parse_address(typed)
    except ValueError:
        return False
    return True


def remembered_recipient() -> str:
    """Return the recipient that was typed last in this session, or ""."""
    typed: str = session.get(_RECIPIENT, "")
    return typed


def take_notice() -> tuple[str, dict[str, str]]:
    """Return what `notify` was given, once."""
    text, notes = session.pop(_NOTICE) if _NOTICE in session else ("", {})
    return text, notes


class Words:
    """What our templates can ask for, under one name, so that no name of the host's is taken."""

    htmx = HTMX
    refresh = REFRESH
    watch = WATCH

    stamp = staticmethod(words.stamp)
    clock = staticmethod(words.clock)
    iso = staticmethod(stamp)
    span = staticmethod(span)
    days = staticmethod(words.days)
    precisely = staticmethod(words.precisely)
    speed = staticmethod(words.speed)
    number = staticmethod(words.number)
    hour = staticmethod(words.hour)
    ago = staticmethod(words.ago)
    ahead = staticmethod(words.ahead)
    size = staticmethod(words.size)
    tries = staticmethod(words.tries)
    tone = staticmethod(tone)
    way_to_mode = staticmethod(way_to_mode)
    asset = staticmethod(asset)
    csrf_field = staticmethod(csrf_field)
    carried = staticmethod(carried)
    with_user_name = staticmethod(with_user_name)

    @staticmethod
    def settings() -> Settings:
        """The settings in force, for the strip that names the mode."""
        return current_site().load_settings().settings

    @staticmethod
    def may(action: str) -> bool:
        """Whether the person may do ``action``."""
        return ask(current_site(), action) is True

    @staticmethod
    def csrf_token() -> str:
        """A token for this session."""
        return str(generate_csrf())
