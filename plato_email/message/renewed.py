"""A stored message as a new one: the same words under a new Message-ID and Date."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime

from .draft import new_message_id

_OLD = re.compile(
    rb"^(?:Message-ID|X-Plato-Message|Date):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*",
    re.IGNORECASE | re.MULTILINE,
)


def renewed(data: bytes, sender: str, now: datetime) -> tuple[str, bytes]:
    """Return a new Message-ID, below the domain of ``sender``, and the bytes that carry it.

    Args:
        data: a message as it was stored, with CRLF line ends.
        sender: the envelope sender; may be the empty address.
        now: the new Date; aware.
    """
    message_id = new_message_id(sender.rpartition("@")[2] or "localhost")
    head, blank, body = data.partition(b"\r\n\r\n")
    kept = _OLD.sub(b"", head + b"\r\n")
    lines = (
        f"Date: {format_datetime(now)}",
        f"Message-ID: {message_id}",
        f"X-Plato-Message: {message_id}",
    )
    return message_id, kept + "\r\n".join(lines).encode() + blank + body
