"""A database that goes away and comes back, with a sender at work or idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL

from plato_email import status
from plato_email.delivery import TICK
from tests.support.databases import KINDS
from tests.support.nursery import Nursery, nursery
from tests.support.proxy import Proxy
from tests.support.queue_facts import rows, wait_for_states
from tests.support.scripted_server import Conversation, ScriptedServer
from tests.support.sink import Sink, by_message_id, queue
from tests.support.sites import Host
from tests.support.waiting import until

LEASE = 2.0
pytestmark = pytest.mark.parametrize("url", KINDS[2:], indirect=True)


@pytest.fixture
def network(url: URL) -> Iterator[Proxy]:
    """What lies between the senders and their database."""
    assert url.host is not None
    assert url.port is not None
    with Proxy(url.host, url.port) as proxy:
        yield proxy


@pytest.fixture
def far_url(url: URL, network: Proxy) -> URL:
    """The same database, seen through ``network``."""
    far = url.set(host="127.0.0.1", port=network.port)
    # Or PostgreSQL would encrypt, and the proxy could not read what it forwards.
    return far.set(query={"sslmode": "disable"}) if far.drivername.startswith("postgres") else far


@pytest.fixture
def senders(host: Host, far_url: URL, tmp_path: Path) -> Iterator[Nursery]:
    """Sender processes that reach their database through ``network``."""
    with nursery(
        host,
        tmp_path,
        PLATO_TEST_DATABASE=far_url.render_as_string(hide_password=False),
        PLATO_TEST_LEASE=str(LEASE),
        PLATO_TEST_UNKNOWN_RETRY="5",
    ) as started:
        yield started


def test_case_08_outage_between_answer_and_record(
    host: Host, network: Proxy, senders: Nursery
) -> None:
    """What was accepted before an outage of two leases is recorded after it, and not resent."""
    lost = threading.Event()

    def cut_and_accept(conversation: Conversation) -> None:
        if len(server.mails) == 6 and not lost.is_set():
            network.cut()
            lost.set()
        conversation.send("250 2.0.0 Ok")

    with ScriptedServer({".": cut_and_accept}) as server:
        host.configure(server.port, poll_interval=1)
        ids = queue(host, 20)
        pids = [senders.start(), senders.start()]
        assert lost.wait(30)
        time.sleep(2 * LEASE)
        network.restore()
        wait_for_states(host, sent=20)
        copies = {i: len(each) for i, each in by_message_id(server.mails).items()}
    assert copies == dict.fromkeys(ids, 1)
    # Another sender may have doubted it meanwhile; the truth came in time.
    assert {row.attempts for row in rows(host).values()} == {1}
    assert [senders.end(pid) for pid in pids] == [0, 0]


def test_case_08_outage_before_the_first_byte(
    host: Host, network: Proxy, senders: Nursery, sink: Sink
) -> None:
    """Senders that find no database do not end; they begin when there is one."""
    host.configure(sink.port, poll_interval=1)
    network.cut()
    pids = [senders.start(), senders.start()]
    until(lambda: senders.log.count("the mail poller failed") >= 2)
    ids = queue(host, 5)
    network.restore()
    restored = time.monotonic()
    sink.wait_for_all(ids)
    assert time.monotonic() - restored < TICK
    wait_for_states(host, sent=5)
    assert [senders.end(pid) for pid in pids] == [0, 0]


def test_case_09_connections_lost_while_idle(
    host: Host, network: Proxy, senders: Nursery, sink: Sink
) -> None:
    """A database that was restarted costs an idle sender nothing that anybody could see."""
    host.configure(sink.port, poll_interval=1)
    (first,) = queue(host, 1)
    pid = senders.start()
    sink.wait_for_all([first])
    wait_for_states(host, sent=1)
    network.cut_connections()
    (second,) = queue(host, 1)
    sink.wait_for_all([second], timeout=15)
    wait_for_states(host, sent=2)
    assert "Traceback" not in senders.log
    assert senders.end(pid) == 0


def test_case_09_health_shows_the_gap_and_its_end(
    host: Host, network: Proxy, senders: Nursery, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A monitor and the page are told while a sender has no database, and what it had met."""
    monkeypatch.setattr(status, "SILENT", timedelta(seconds=3))
    client = host.app.test_client()

    def health() -> tuple[int, str, list[str]]:
        answer = client.get("/admin/email/health")
        found = answer.get_json()
        errors = [each["last_error"] or "" for each in found["senders"]]
        return answer.status_code, found["state"], errors

    host.configure(sink.port, poll_interval=1)
    senders.start(PLATO_TEST_REPORT_EVERY="0.5")
    until(lambda: health() == (200, "unverified", [""]))
    network.cut()
    (waiting,) = queue(host, 1)
    until(lambda: health() == (503, "poller-silent", []))
    assert "No sender is running" in client.get("/admin/email/settings").text
    until(lambda: "the mail poller failed" in senders.log)
    network.restore()
    sink.wait_for_all([waiting])
    until(lambda: health()[:2] == (200, "unverified"))
    until(lambda: "OperationalError" in "".join(health()[2]))


def test_case_11_lost_answer_to_a_commit(host: Host, network: Proxy, senders: Nursery) -> None:
    """A commit that was done though its answer was lost is not done twice, nor forgotten."""
    with ScriptedServer() as server:
        host.configure(server.port, poll_interval=1)
        for turn in range(1, 9):
            network.swallow_answer_to(b"COMMIT", turn=turn)
            queue(host, 1)
            pid = senders.start(PLATO_EMAIL_CONNECTIONS="1")
            wait_for_states(host, sent=turn)
            assert senders.end(pid) == 0
        copies = by_message_id(server.mails)
    assert [len(each) for each in copies.values()] == [1] * 8
    assert {(row.attempts, row.unknowns) for row in rows(host).values()} == {(1, 0)}
    assert network.swallowed >= 4
