"""Alerts on every database: told once, by one process, and delivered by one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, insert

from plato_email import mail_failing, mail_flowing
from plato_email.outbox.statements import GATE
from plato_email.tables import State
from tests.support.hook import Hook
from tests.support.rows import put
from tests.support.sites import Host, hosted
from tests.support.waiting import until

LONG = timedelta(minutes=20)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Somebody who is told."""
    with Hook() as server:
        yield server


@pytest.fixture
def host(url: URL, tmp_path: Path, hook: Hook) -> Iterator[Host]:
    """A site that tells ``hook``."""
    config = {"PLATO_EMAIL_ALERT_URL": hook.url, "PLATO_EMAIL_ALERT_SECRET": "s3cret"}
    with hosted(url, tmp_path, **config) as site:
        site.configure(25)
        yield site


def fail(host: Host) -> None:
    """Let the gate have been closed for a while."""
    now, gate = host.site.clock.now(), host.site.tables.gate
    values: dict[str, Any] = {"id": GATE, "failures": 3, "failing_since": now - LONG}
    values |= {"retry_at": now + LONG, "verdict": "server", "stage": "connect", "reply": "refused"}
    host.site.database.write(lambda c: c.execute(insert(gate).values(values)))


def test_of_many_processes_one_tells(host: Host, hook: Hook) -> None:
    """Eight look at the same moment: one signal, one delivery; and again when it is over."""
    fail(host)
    told: list[str] = []

    def hear(_: Any, alert: Any) -> None:
        told.append(alert.state)

    def look() -> None:
        watches = [host.site.make_watch() for _ in range(8)]
        ready = threading.Barrier(8)

        def run(each: Any) -> None:
            ready.wait()
            each.look_now()
            each.finish(10)

        threads = [threading.Thread(target=run, args=[each]) for each in watches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with mail_failing.connected_to(hear), mail_flowing.connected_to(hear):
        look()
        assert (told, len(hook.wait_for(1))) == (["failing"], 1)
        host.site.outbox.open_gate()
        look()
        look()
    assert told == ["failing", "flowing"]
    assert len(hook.wait_for(2)) == 2
    last = host.site.alerts.last()
    assert last is not None
    assert last.delivered_at is not None
    assert (last.state, last.attempts, last.next_at, last.error) == ("flowing", 1, None, "")


def test_facts_are_what_the_queue_says(host: Host) -> None:
    """The outage, the oldest that waits, whether any was sent, whether many have failed."""
    alerts, now = host.site.alerts, host.site.clock.now()
    nothing = alerts.facts(LONG)
    assert nothing == (None, None, False, False, "flowing", None, "", None)
    put(host, State.QUEUED, now - LONG, priority=2)
    put(host, State.FAILED, now - LONG / 2, 4)
    put(host, State.SENT, now - 2 * LONG)
    facts = alerts.facts(LONG)
    assert facts.waiting_since is not None
    assert abs(facts.waiting_since - (now - LONG)) < timedelta(seconds=1)
    assert not facts.any_sent
    assert not facts.many_failed
    put(host, State.FAILED, now - LONG / 2)
    put(host, State.SENT, now - LONG / 2)
    assert alerts.facts(LONG)[2:4] == (True, True)


def test_delivery_that_a_process_left_behind_is_taken_over(host: Host, hook: Hook) -> None:
    """It is leased: nobody else takes it at first, and everybody may once it has lapsed."""
    fail(host)
    watch = host.site.make_watch()
    # A process that dies before it delivers.
    watch.deliver = lambda: None  # type: ignore[method-assign]
    watch.look_now()
    alerts = host.site.alerts
    assert alerts.take() is not None
    assert alerts.take() is None
    table = host.site.tables.alert
    lapsed = table.update().values(next_at=host.site.clock.now() - timedelta(seconds=1))
    host.site.database.write(lambda c: c.execute(lapsed))
    other = host.site.make_watch()
    other.look_now()
    hook.wait_for(1)
    until(lambda: (last := alerts.last()) is not None and last.delivered_at is not None, 10)
