"""The name of the person who is signed in, for "saved by"."""

from __future__ import annotations

from flask import current_app

NAMES = ("email", "username", "name")
LENGTH = 200


def actor() -> str:
    """Return a name that colleagues know the person by, or "" where nobody can tell.

    Flask-Login is asked where the host uses it; other hosts put the name into
    ``flask.g.plato_email_actor`` in their ``authorize``.
    """
    from flask import g

    name = g.get("plato_email_actor") or _flask_login_name()
    return str(name)[:LENGTH]


def _flask_login_name() -> str:
    if not hasattr(current_app, "login_manager"):
        return ""
    from flask_login import current_user

    found = (getattr(current_user, each, "") for each in NAMES)
    return next((str(name) for name in found if name), str(current_user.get_id() or ""))
