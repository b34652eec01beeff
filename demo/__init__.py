"""Grove: a small discussion site that sends its mail with plato_email.

It is what a host site looks like: its own ``db``, its own users and sign-in, its own base
template. The package does not know about it. Read ``create_app`` first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, url_for
from flask_login import current_user
from flask_wtf import CSRFProtect

from . import accounts, admin, board, guard, mailbox
from .mail import plato
from .models import db, prepare_database
from .secrets_on_disk import keep_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Response

csrf = CSRFProtect()


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the site.

    Its data, its keys and the caught mail are kept in the instance folder: ``instance/`` beside
    this package, or the folder named by ``PLATO_DEMO_INSTANCE``.
    """
    folder = os.environ.get("PLATO_DEMO_INSTANCE")
    app = Flask(__name__, instance_path=str(Path(folder).resolve()) if folder else None)
    _configure(app)
    app.config.update(config or {})

    db.init_app(app)
    csrf.init_app(app)
    accounts.login_manager.init_app(app)
    plato.init_app(app, db, authorize=may_manage_email)

    for part in (accounts, admin, board, mailbox):
        app.register_blueprint(part.blueprint)
    guard.init_app(app)
    prepare_database(app)
    return app


def may_manage_email(_action: str) -> bool | Response:
    """Let administrators in, and send whoever is not signed in to the sign-in.

    plato_email asks before each of its pages. A site with finer roles looks at the action.
    """
    if current_user.is_authenticated:
        return bool(current_user.is_admin)
    wanted = guard.wanted(url_for("plato_email.settings"))
    return guard.go_to(url_for("accounts.sign_in", next=wanted))


def _configure(app: Flask) -> None:
    folder = Path(app.instance_path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.config.from_mapping(
        SECRET_KEY=keep_secret(folder / "secret_key", nbytes=32),
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'grove.sqlite3'}",
        # Links in mail are made from the Host header: only names that are ours may appear there.
        TRUSTED_HOSTS=["localhost", "127.0.0.1", "[::1]", *_more_hosts()],
        SESSION_COOKIE_SAMESITE="Lax",
        # A default for the settings page, and what mail is from until somebody opens that.
        MAIL_DEFAULT_SENDER="Grove <grove@grove.example>",
        MAILBOX=folder / "mailbox",
        DEMO_PASSWORD=os.environ.get("PLATO_DEMO_PASSWORD")
        or keep_secret(folder / "demo_password", nbytes=9),
    )


def _more_hosts() -> list[str]:
    return [name for name in os.environ.get("PLATO_DEMO_HOSTS", "").split(",") if name]
