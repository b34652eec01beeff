"""Senders that are asked to end in the middle of a mail."""

from __future__ import annotations

import os
import signal
import time

import pytest

from plato_email.lifecycle import GRACE
from tests.support.databases import SQLITE
from tests.support.nursery import Nursery
from tests.support.pauses import Pause
from tests.support.queue_facts import count_states, rows, wait_for_states
from tests.support.scripted_server import ScriptedServer
from tests.support.servers import APP, program, served
from tests.support.sink import by_message_id, queue
from tests.support.sites import Host


def test_case_04_asked_to_end_in_a_slow_mail(host: Host, senders: Nursery) -> None:
    """SIGTERM: the mail in hand is finished, the others are free when it is gone."""
    dot = Pause("250 2.0.0 Ok")
    with ScriptedServer({".": dot}) as server:
        host.configure(server.port, poll_interval=1)
        ids = queue(host, 10)
        pid = senders.start(PLATO_EMAIL_CONNECTIONS="1")
        dot.wait_until_reached()
        os.kill(pid, signal.SIGTERM)
        dot.end()
        assert senders.wait(pid) == 0
        wait_for_states(host, queued=9, sent=1, timeout=1)
        senders.start()
        wait_for_states(host, sent=10)
        copies = {i: len(each) for i, each in by_message_id(server.mails).items()}
    assert copies == dict.fromkeys(ids, 1)
    assert {(row.state, row.attempts) for row in rows(host).values()} == {("sent", 1)}


@pytest.mark.parametrize("url", [SQLITE], indirect=True)
def test_case_04_web_process_ends_within_its_grace(host: Host) -> None:
    """A server that does not answer holds up the end of a web process for five seconds at most."""
    dot = Pause("250 2.0.0 Ok")
    with ScriptedServer({".": dot}) as server:
        host.configure(server.port)
        queue(host, 10)
        command = (program("flask"), "--app", APP, "run", "--port", "0")
        with served(host, *command, PLATO_EMAIL_CONNECTIONS="1") as web:
            dot.wait_until_reached()
            asked = time.monotonic()
            assert web.end() == -signal.SIGTERM
            assert time.monotonic() - asked < GRACE + 3
    assert count_states(host) == {"queued": 10}
    # The one that may have gone is known to be in doubt; the others were never begun.
    assert sorted((r.attempts, r.unknowns) for r in rows(host).values()) == [(0, 0)] * 9 + [(1, 1)]


@pytest.mark.parametrize("url", [SQLITE], indirect=True)
@pytest.mark.parametrize("stage", ["greeting", "DATA", "."])
def test_case_04_ended_twice_is_ended_at_once(host: Host, senders: Nursery, stage: str) -> None:
    """A second SIGTERM does not wait for the server; the lease frees what is left behind."""
    usual = {"greeting": "220 hi", "DATA": "354 go", ".": "250 Ok"}[stage]
    held = Pause(usual)
    with ScriptedServer({stage: held}) as server:
        host.configure(server.port, poll_interval=1)
        ids = queue(host, 3)
        pid = senders.start(PLATO_EMAIL_CONNECTIONS="1")
        held.wait_until_reached()
        for _ in range(10):
            # Two at the same moment would count as one.
            os.kill(pid, signal.SIGTERM)
            time.sleep(0.1)
        assert senders.wait(pid) == -signal.SIGTERM
        held.end()
        senders.start()
        wait_for_states(host, sent=3)
        copies = by_message_id(server.mails)
    assert sorted(copies) == sorted(ids)
    assert sum(len(each) for each in copies.values()) == 3 + (stage == ".")
