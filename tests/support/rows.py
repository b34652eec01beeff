"""Rows of the queue as a long life would have left them, without sending anything."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import insert

from plato_email.tables import State
from tests.support.sites import Host

NUMBERS = count(1)


def put(host: Host, state: State, at: datetime, times: int = 1, priority: int = 1) -> None:
    """Store messages that are due, or became final, at that time."""
    final = state in (State.SENT, State.FAILED)
    row: dict[str, Any] = {
        "state": state.value,
        "priority": priority,
        "available_at": at,
        "size": 1,
        "sender": "a@example.com",
        "recipients": '["b@example.com"]',
        "subject": "x",
        "attachments": 0,
        "sensitive": False,
        "created_at": at,
        "finished_at": at if final else None,
        "lease_until": at if state in (State.CLAIMED, State.SENDING) else None,
    }
    if times == 0:
        return
    rows = [row | {"message_id": f"<{next(NUMBERS)}@rows.example>"} for _ in range(times)]
    with host.site.database.transaction() as connection:
        connection.execute(insert(host.site.tables.message), rows)
