"""Clocks that are wrong, or jump: leases and rates go by the database's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.support.databases import KINDS
from tests.support.nursery import Nursery
from tests.support.pauses import Pause
from tests.support.queue_facts import rows, wait_for_states
from tests.support.scripted_server import ScriptedServer
from tests.support.sink import by_message_id, queue
from tests.support.sites import Host

HOUR = "3600"


@pytest.mark.parametrize("url", KINDS[2:], indirect=True)
def test_case_24_machines_that_disagree_by_hours(host: Host, senders: Nursery) -> None:
    """One machine an hour fast, one slow, one right: nobody takes another's lease for lapsed.

    On SQLite all senders are on one machine and have one clock.
    """
    dot = Pause("250 2.0.0 Ok")
    with ScriptedServer({".": dot}) as server:
        host.configure(server.port, poll_interval=1)
        (slow,) = queue(host, 1)
        for offset in (f"-{HOUR}", HOUR, "0"):
            senders.start(PLATO_TEST_CLOCK_OFFSET=offset)
        dot.wait_until_reached()
        others = queue(host, 20)
        wait_for_states(host, sent=20, sending=1)
        dot.end()
        wait_for_states(host, sent=21)
        copies = {i: len(each) for i, each in by_message_id(server.mails).items()}
    assert copies == dict.fromkeys([slow, *others], 1)
    assert {(row.attempts, row.unknowns) for row in rows(host).values()} == {(1, 0)}


def test_case_24_clock_of_the_database_jumps(host: Host, senders: Nursery) -> None:
    """When the database's clock jumps an hour ahead, at most what is in flight goes twice."""
    dot = Pause("250 2.0.0 Ok")
    with ScriptedServer({".": dot}) as server:
        host.configure(server.port, poll_interval=1)
        in_flight, *others = queue(host, 20)
        first = senders.start(PLATO_EMAIL_CONNECTIONS="1")
        dot.wait_until_reached()
        # Or it might renew its leases in the very moment of the jump, and nothing would happen.
        senders.freeze_beside(first, host)
        put_back_an_hour(host)
        senders.start()
        wait_for_states(host, sent=20)
        senders.thaw(first)
        dot.end()
        senders.end(first)
        copies = {i: len(each) for i, each in by_message_id(server.mails).items()}
    assert copies == dict.fromkeys(others, 1) | {in_flight: 2}
    assert {row.state for row in rows(host).values()} == {"sent"}


def put_back_an_hour(host: Host) -> None:
    """Make every stored time an hour older, which is the same as a clock that jumps ahead."""
    tables = host.site.tables
    columns = [tables.message.c.available_at, tables.message.c.lease_until, tables.take.c.at]
    with host.site.database.transaction() as connection:
        for column in columns:
            key = column.table.c.id
            for row in connection.execute(select(key, column).where(column.is_not(None))).all():
                earlier = {column.name: row[1] - timedelta(seconds=int(HOUR))}
                connection.execute(update(column.table).where(key == row[0]).values(earlier))
