"""``flask email list``: the page's list and its search, for a shell or a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import said
from ..outbox import PRIORITY_NAMES, read_search
from .common import as_json, command, print_json, site

if TYPE_CHECKING:
    from datetime import datetime

    from ..outbox import MessageRow

NONE = "No message has been queued yet."
_OVER = ("sent", "failed", "expired")
"""Where the reply is what became of the message, and not of its last try alone."""


@command("list")
@click.argument("search", nargs=-1)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, help="Messages at most.")
@as_json
def list_messages(search: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List messages that fit SEARCH, written as on the page: status:failed to:@acme.com.

    The whole queue is searched. Put -- before a SEARCH that begins with a minus.
    """
    found = site().outbox.search(read_search(" ".join(map(_quoted, search))), limit=limit)
    if as_json:
        print_json([_as_json(message) for message in found])
        return
    line = ""
    for line in map(_line, found):
        click.echo(line)
    if not line:
        click.echo(f"No message matches {' '.join(search)}." if search else NONE, err=True)


def _quoted(word: str) -> str:
    """Put back the quotes that the shell has taken off."""
    key, colon, value = word.rpartition(":")
    return f'{key}{colon}"{value}"' if " " in value and '"' not in word else word


def _line(message: MessageRow) -> str:
    to, *others = message.recipients or ("nobody",)
    whom = f"{to} +{len(others)}" if others else to
    subject = "(sensitive)" if message.sensitive else message.subject
    when = "" if message.status in _OVER else "last time: "
    reply = f"  [{when}{said(message.code, message.reply)}]" if message.reply else ""
    return f"{message.id:>8}  {message.status:<9}  {whom}  {subject}{reply}"


def _as_json(message: MessageRow) -> dict[str, Any]:
    waiting = message.status in ("queued", "deferred")
    return {
        "id": message.id,
        "status": message.status,
        "priority": PRIORITY_NAMES[message.priority],
        "message_id": message.message_id,
        "from": message.sender,
        "to": list(message.recipients),
        "subject": None if message.sensitive else message.subject,
        "size": message.size,
        "attachments": message.attachments,
        "attempts": message.attempts,
        "queued_at": _stamp(message.created_at),
        "next_try_at": _stamp(message.available_at if waiting else None),
        "finished_at": _stamp(message.finished_at),
        "stage": message.stage or None,
        "code": message.code,
        "enhanced": message.enhanced or None,
        "reply": message.reply or None,
        "cause": message.cause or None,
        "server": message.server or None,
    }


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else f"{at.isoformat(timespec='seconds')}Z"
