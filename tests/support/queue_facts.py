"""What the database says of the queue."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from sqlalchemy import func, select

from tests.support.sites import Host
from tests.support.waiting import until


class Facts(NamedTuple):
    """What matters of one message."""

    state: str
    attempts: int
    unknowns: int


def rows(host: Host) -> dict[str, Facts]:
    """Return every message by its Message-ID."""
    message = host.site.tables.message
    columns = (message.c.message_id, message.c.state, message.c.attempts, message.c.unknowns)
    found: Any = host.site.database.read(lambda c: c.execute(select(*columns)).all())
    return {row[0]: Facts(*row[1:]) for row in found}


def count_states(host: Host) -> Counter[str]:
    """Return how many messages are in each state."""
    message = host.site.tables.message
    query = select(message.c.state, func.count()).group_by(message.c.state)
    found: Any = host.site.database.read(lambda c: c.execute(query).all())
    return Counter({row[0]: row[1] for row in found})


def wait_for_states(host: Host, *, timeout: float = 60.0, **expected: int) -> None:
    """Wait until exactly so many messages are in each state."""
    until(
        lambda: count_states(host) == expected, timeout, what=lambda: f"{dict(count_states(host))}"
    )
