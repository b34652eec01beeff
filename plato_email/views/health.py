"""The state in JSON, for monitors: 200 while mail flows, 503 while somebody must act."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .sites import current_site

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


def show() -> ResponseReturnValue:
    """What a monitor needs, without anything secret."""
    status = current_site().status()
    return status.as_json(), 200 if status.healthy else 503
