"""A day of mail, an hour without a server, and a newsletter on its way: for pages to show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from plato_email.tables import State
from tests.support.rows import put

if TYPE_CHECKING:
    from tests.support.sites import Host

DAY_OF_MAIL = (12, 4, 0, 0, 2, 9, 31, 74, 112, 140, 96, 88, 120, 133, 81, 64, 70, 92, 41, 20, 8)


def busy_day(host: Host) -> None:
    """Put the day behind ``host``, as two senders would have."""
    now, outbox = host.site.clock.now(), host.site.outbox
    for hours, count in enumerate(DAY_OF_MAIL, 2):
        put(host, State.SENT, now - timedelta(hours=hours), count)
        put(host, State.FAILED, now - timedelta(hours=hours), 17 if hours == 9 else hours % 3 // 2)
    put(host, State.SENT, now - timedelta(seconds=50), 90)
    put(host, State.QUEUED, now - timedelta(minutes=1), 310)
    put(host, State.QUEUED, now + timedelta(minutes=9), 4)
    outbox.report("a" * 32, now - timedelta(hours=5))
    outbox.report("b" * 32, now - timedelta(hours=5), "OperationalError: the database was away")
