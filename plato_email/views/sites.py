"""Which site a request is for: two apps in one process do not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from ..site import Site


def current_site() -> Site:
    """Return the state that ``init_app`` left on the current app."""
    return cast("Site", current_app.extensions["plato_email"])
