"""The board: comments, and a mail to everybody a comment mentions."""

from __future__ import annotations

import re

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response

from . import guard, mail
from .mail import plato
from .models import Comment, User, db

blueprint = Blueprint("board", __name__)

LONGEST_COMMENT = 2000
MENTION = re.compile(r"(?<!\w)@([a-z0-9_]+)")


@blueprint.get("/")
def home() -> str:
    """Show the newest comments, and the form to write one."""
    newest = select(Comment).order_by(Comment.id.desc()).limit(50)
    people = select(User).order_by(User.username)
    return render_template(
        "board.html",
        comments=db.session.scalars(newest).all(),
        people=db.session.scalars(people).all(),
        longest=LONGEST_COMMENT,
    )


@blueprint.post("/comments")
def write() -> Response:
    """Store a comment and queue a mail to each person it mentions: all of it, or nothing."""
    refused = guard.require_sign_in()
    if refused is not None:
        return refused
    text = request.form.get("text", "").strip()
    if not 0 < len(text) <= LONGEST_COMMENT:
        flash(f"A comment has 1 to {LONGEST_COMMENT} characters.", "error")
        return redirect(url_for(".home"), code=303)
    comment = Comment(author=current_user._get_current_object(), text=text)
    db.session.add(comment)
    mentioned = _mentioned_in(text)
    for user in mentioned:
        plato.send(mail.mention(user, comment))
    db.session.commit()
    flash(_what_happened(mentioned), "success")
    return redirect(url_for(".home"), code=303)


def _mentioned_in(text: str) -> list[User]:
    names = set(MENTION.findall(text.lower()))
    return list(db.session.scalars(select(User).where(User.username.in_(names))))


def _what_happened(mentioned: list[User]) -> str:
    if not mentioned:
        return "Your comment is on the board."
    names = " and ".join(user.name for user in mentioned)
    return f"Your comment is on the board. A mail to {names} is in the queue."
