"""The mails that the site writes."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from flask import render_template, url_for

from plato_email import Attachment, Message, PlatoEmail

from .models import LINK_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .models import Comment, RecoveryToken, User

plato = PlatoEmail()


def recovery(user: User, secret: str, token: RecoveryToken) -> Message:
    """Write the mail with the link for a new password.

    It goes before all others, is not worth sending once the link is dead, and nobody may read
    it on the pages.
    """
    link = url_for("accounts.reset", secret=secret, _external=True)
    minutes = LINK_LIFETIME.seconds // 60
    return Message(
        subject="Your new password for Grove",
        recipients=[user.email],
        body=render_template("mail/recovery.txt", user=user, link=link, minutes=minutes),
        html=render_template("mail/recovery.html", user=user, link=link, minutes=minutes),
        priority="high",
        expires_at=token.expires_at,
        sensitive=True,
    )


def mention(user: User, comment: Comment) -> Message:
    """Write the mail that tells ``user`` of a comment that names them."""
    link = url_for("board.home", _external=True)
    return Message(
        subject=f"{comment.author.name} mentioned you",
        recipients=[user.email],
        reply_to=comment.author.email,
        body=render_template("mail/mention.txt", user=user, comment=comment, link=link),
        html=render_template("mail/mention.html", user=user, comment=comment, link=link),
    )


def board_copy(to: str, comments: Iterable[Comment]) -> Message:
    """Write the mail that carries the whole board as a table; it can wait for the others."""
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["when", "who", "text"])
    rows.writerows((c.created_at.isoformat(), c.author.username, c.text) for c in comments)
    return Message(
        subject="A copy of the board",
        recipients=[to],
        body="The board as it is now is attached as a table.\n",
        attachments=[Attachment("board.csv", "text/csv", table.getvalue())],
        priority="low",
    )
