"""The queue in numbers: a part of the settings page that refreshes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .pages import is_fragment, render
from .sites import current_site

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


def show() -> ResponseReturnValue:
    """The numbers and the banner that goes with them; as a page where no script asks."""
    template = "_queue_refresh.html" if is_fragment() else "queue.html"
    return render(template, status=current_site().status())
