"""The administrators' home."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from plato_email import MessageError

from . import guard, mail
from .mail import plato
from .models import Comment, db

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
blueprint.before_request(guard.require_admin)


@blueprint.get("/")
def home() -> str:
    """Show how the mail is doing, and where everything is."""
    return _page()


@blueprint.post("/board-copies")
def send_copy() -> tuple[str, int] | Response:
    """Mail the board to whom the administrator names, as an attachment."""
    comments = db.session.scalars(select(Comment).order_by(Comment.id))
    to = request.form.get("to", "")
    try:
        plato.send(mail.board_copy(to, comments))
    except MessageError as error:
        db.session.rollback()
        flash(error.problem, "error")
        return _page(to), 422
    db.session.commit()
    flash("A mail with the board attached is in the queue.", "success")
    return redirect(url_for(".home"), code=303)


def _page(to: str = "") -> str:
    return render_template("admin.html", catcher=current_app.config.get("CATCHER"), to=to)
