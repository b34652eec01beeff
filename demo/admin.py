"""The administrators' home."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response

from . import guard, mail
from .mail import plato
from .models import Comment, db

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
blueprint.before_request(guard.require_admin)


@blueprint.get("/")
def home() -> str:
    """Show how the mail is doing, and where everything is."""
    return render_template("admin.html", catcher=current_app.config.get("CATCHER"))


@blueprint.post("/board-copies")
def send_copy() -> Response:
    """Mail the board to the administrator who asks, as an attachment."""
    comments = db.session.scalars(select(Comment).order_by(Comment.id))
    plato.send(mail.board_copy(current_user, comments))
    db.session.commit()
    flash("A mail with the board attached is in the queue.", "success")
    return redirect(url_for(".home"), code=303)
