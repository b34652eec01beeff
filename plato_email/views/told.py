"""What became of an act, said once on the next page, with the way to undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request, session

from .pages import is_fragment

if TYPE_CHECKING:
    from collections.abc import Mapping

_STEERED = "_plato_email_steered"


def take_told() -> dict[str, object]:
    """Return what was said of the last act, once, and how it can be undone.

    A part of a page, or a look at its headers alone, shows it to nobody.
    """
    if is_fragment() or request.method != "GET":
        return {}
    told: dict[str, object] = session.pop(_STEERED, {}) if _STEERED in session else {}
    return told


def say(text: str, undo: list[int] | None = None, deleted: Mapping[str, str] | None = None) -> None:
    """Say something on the next page, with a button that undoes it.

    Args:
        text: what to say.
        undo: messages that the button restores.
        deleted: the ``batch`` of what was deleted, and ``until`` when it can be brought back.
    """
    session[_STEERED] = {"text": text, "undo": undo or [], **(deleted or {})}
