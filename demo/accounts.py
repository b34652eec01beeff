"""Sign-in, and account recovery by mail."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import LoginManager, login_user, logout_user
from sqlalchemy import delete, select
from werkzeug.security import generate_password_hash
from werkzeug.wrappers import Response

from . import mail
from .guard import is_local
from .mail import plato
from .models import RecoveryToken, User, db, utcnow

blueprint = Blueprint("accounts", __name__)
login_manager = LoginManager()

Page = str | tuple[str, int] | Response
SHORTEST_PASSWORD = 8
_NOBODY = generate_password_hash("nobody has this password")


def _load_user(user_id: str) -> User | None:
    return db.session.get(User, int(user_id)) if user_id.isdecimal() else None


login_manager.user_loader(_load_user)


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Page:
    """Ask for name and password, then go where the visitor wanted to go."""
    wanted = request.args.get("next", "")
    if request.method == "GET":
        return render_template("sign_in.html")
    user = _find_by("username", request.form.get("username", ""))
    # A name that nobody has costs the same time as a wrong password.
    known = user or User(password_hash=_NOBODY)
    if not known.check_password(request.form.get("password", "")) or user is None:
        flash("That name and password do not belong together.", "error")
        return render_template("sign_in.html"), 401
    login_user(user)
    return redirect(wanted if is_local(wanted) else url_for("board.home"), code=303)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """Forget the visitor."""
    logout_user()
    return redirect(url_for("board.home"), code=303)


@blueprint.route("/recover", methods=["GET", "POST"])
def recover() -> Page:
    """Mail a link for a new password; the answer does not tell whether the address is known."""
    if request.method == "GET":
        return render_template("recover.html")
    user = _find_by("email", request.form.get("email", "").strip().lower())
    if user is not None:
        _mail_recovery_link(user)
    flash("If that address has an account, a mail with a link is on its way.", "success")
    return redirect(url_for(".recover"), code=303)


def _mail_recovery_link(user: User) -> None:
    """Store the token and queue the mail: both, or neither."""
    secret, token = RecoveryToken.issue(user)
    db.session.add(token)
    plato.send(mail.recovery(user, secret, token))
    db.session.commit()


@blueprint.route("/reset/<secret>", methods=["GET", "POST"])
def reset(secret: str) -> Page:
    """Set a new password with the link from the mail; the link works once."""
    token = RecoveryToken.find(db.session(), secret)
    if token is None:
        flash("That link was used before, or is too old. Ask for a new one.", "error")
        return redirect(url_for(".recover"), code=303)
    if request.method == "GET":
        return render_template("reset.html", user=token.user)
    password = request.form.get("password", "")
    if len(password) < SHORTEST_PASSWORD:
        flash(f"A password has at least {SHORTEST_PASSWORD} characters.", "error")
        return render_template("reset.html", user=token.user), 422
    token.user.set_password(password)
    db.session.execute(
        delete(RecoveryToken).where(
            (RecoveryToken.user_id == token.user_id) | (RecoveryToken.expires_at < utcnow())
        )
    )
    db.session.commit()
    flash("The password is changed. Sign in with it.", "success")
    return redirect(url_for(".sign_in"), code=303)


def _find_by(column: str, value: str) -> User | None:
    return db.session.scalar(select(User).where(getattr(User, column) == value))
