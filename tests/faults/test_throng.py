"""Ten sender processes on one queue: each mail once, and never more than the rate allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.nursery import Nursery, nursery
from tests.support.queue_facts import rows, wait_for_states
from tests.support.sink import Sink, queue
from tests.support.sites import Host

PROCESSES, BATCH, INTERVAL, BATCHES, MAILS = 10, 100, 5, 3, 5000


Taken = Sequence[tuple[datetime, int]]


@pytest.fixture
def senders(host: Host, tmp_path: Path) -> Iterator[Nursery]:
    """Sender processes as they are: nobody dies here, so leases have their usual length."""
    with nursery(host, tmp_path) as started:
        yield started


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_cases_06_and_07_ten_processes(host: Host, sink: Sink, senders: Nursery) -> None:
    """Ten processes keep Batch Size in every sliding Interval; let loose, they send all once."""
    host.configure(sink.port, batch_size=BATCH, poll_interval=INTERVAL)
    queue(host, 1)
    host.rounds()
    for _ in range(PROCESSES):
        senders.start()
    sink.wait_for_all(queue(host, BATCHES * BATCH), timeout=60)
    taken = takes(host)[1:]
    assert sum(count for _, count in taken) == BATCHES * BATCH
    assert busiest(taken) <= BATCH
    least = (BATCHES - 1) * INTERVAL
    span = (begin_of_the_last(taken) - taken[0][0]).total_seconds()
    print(f"{host.site.database.engine.name}: {least / span:.1%} of the rate")
    assert span < least / 0.95

    host.configure(sink.port, batch_size=100_000, poll_interval=INTERVAL)
    # Ten processes on one SQLite file mostly wait for each other.
    mails = MAILS // 5 if host.site.database.is_sqlite else MAILS
    sink.wait_for_all(queue(host, mails), timeout=120)
    wait_for_states(host, sent=1 + BATCHES * BATCH + mails)
    copies = sink.copies()
    assert len(copies) == 1 + BATCHES * BATCH + mails
    assert {len(each) for each in copies.values()} == {1}
    # One try of each: no two claims had a message in common.
    assert {(row.attempts, row.unknowns) for row in rows(host).values()} == {(1, 0)}
    assert "Traceback" not in senders.log
    assert [senders.end(pid) for pid in list(senders.living)] == [0] * PROCESSES


def takes(host: Host) -> Taken:
    """When messages were taken from the queue, and how many."""
    take = host.site.tables.take
    query = select(take.c.at, take.c.count).where(take.c.count > 0).order_by(take.c.at)
    found = host.site.database.read(lambda c: c.execute(query).all())
    return [(row[0], row[1]) for row in found]


def begin_of_the_last(taken: Taken) -> datetime:
    """When the first mail of the last batch was taken: all batches before it had gone by then."""
    before = (BATCHES - 1) * BATCH
    return next(at for n, (at, _) in enumerate(taken) if sum(c for _, c in taken[:n]) >= before)


def busiest(taken: Taken) -> int:
    """The most that were taken in any sliding interval."""
    interval = timedelta(seconds=INTERVAL)
    return max(sum(count for at, count in taken if end - interval < at <= end) for end, _ in taken)
