"""What became of an act, said once on the next page, with the way to undo it."""

from __future__ import annotations

from flask import session

_STEERED = "_plato_email_steered"


def take_told() -> dict[str, object]:
    """Return what was said of the last act, once, and how it can be undone."""
    told: dict[str, object] = session.pop(_STEERED, {}) if _STEERED in session else {}
    return told


def say(text: str, undo: list[int] | None = None) -> None:
    """Say something on the next page, with a button that restores ``undo``."""
    session[_STEERED] = {"text": text, "undo": undo or []}
