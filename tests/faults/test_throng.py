"""Ten sender processes on one queue: each mail once, and never more than the rate allows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support.nursery import Nursery
from tests.support.queue_facts import wait_for_states
from tests.support.sink import Sink, queue
from tests.support.sites import Host

PROCESSES, BATCH, INTERVAL, MAILS = 10, 50, 1, 1000


Taken = Sequence[tuple[datetime, int]]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_cases_06_and_07_ten_processes(host: Host, sink: Sink, senders: Nursery) -> None:
    """Ten processes keep Batch Size in every sliding Interval; let loose, they send all once."""
    host.configure(sink.port, batch_size=BATCH, poll_interval=INTERVAL)
    queue(host, 1)
    host.rounds()
    for _ in range(PROCESSES):
        senders.start()
    sink.wait_for_all(queue(host, 6 * BATCH), timeout=60)
    taken = takes(host)[1:]
    assert sum(count for _, count in taken) == 6 * BATCH
    assert busiest(taken) <= BATCH
    # Six batches are five intervals apart; 95 % of that rate on a machine that is not busy.
    span = (taken[-1][0] - taken[0][0]).total_seconds()
    print(f"{host.site.database.engine.name}: {5 * INTERVAL / span:.1%} of the rate")
    assert span < 5 * INTERVAL / 0.9

    host.configure(sink.port, batch_size=100_000, poll_interval=INTERVAL)
    sink.wait_for_all(queue(host, MAILS), timeout=120)
    wait_for_states(host, sent=1 + 6 * BATCH + MAILS)
    copies = sink.copies()
    assert len(copies) == 1 + 6 * BATCH + MAILS
    assert {len(each) for each in copies.values()} == {1}
    assert "Traceback" not in senders.log
    assert [senders.end(pid) for pid in list(senders.living)] == [0] * PROCESSES


def takes(host: Host) -> Taken:
    """When messages were taken from the queue, and how many."""
    take = host.site.tables.take
    query = select(take.c.at, take.c.count).where(take.c.count > 0).order_by(take.c.at)
    found = host.site.database.read(lambda c: c.execute(query).all())
    return [(row[0], row[1]) for row in found]


def busiest(taken: Taken) -> int:
    """The most that were taken in any sliding interval."""
    interval = timedelta(seconds=INTERVAL)
    return max(sum(count for at, count in taken if end - interval < at <= end) for end, _ in taken)
