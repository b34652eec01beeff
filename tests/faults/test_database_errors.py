"""Errors that a database raises and takes back: at every statement, of every kind."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from plato_email import database
from plato_email.worker import Worker
from tests.support.queue_facts import count_states, rows, wait_for_states
from tests.support.saboteur import FAULTS, Saboteur
from tests.support.sink import Sink, queue
from tests.support.sites import Host
from tests.support.waiting import until

EACH_FAULT = [
    pytest.param(kind, fault, id=f"{dialect}-{fault}", marks=marks)
    for dialect, kind, marks in (
        ("sqlite", "sqlite", []),
        ("postgresql", "postgresql", [pytest.mark.postgres]),
        ("mysql", "mariadb", [pytest.mark.mariadb]),
    )
    for fault in FAULTS[dialect]
]
WRITTEN = {
    ("INSERT", "plato_email_gate"),
    ("INSERT", "plato_email_take"),
    ("DELETE", "plato_email_take"),
    ("UPDATE", "plato_email_message"),
    ("INSERT", "plato_email_attempt"),
    ("INSERT", "plato_email_recipient"),
    ("DELETE", "plato_email_content"),
    ("INSERT", "plato_email_process"),
}


@pytest.fixture
def brief_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat a statement sooner than the package does, which fails it forty times here."""

    def sleep(seconds: float) -> None:
        time.sleep(min(seconds, 0.01))

    brief = SimpleNamespace(monotonic=time.monotonic, sleep=sleep)
    monkeypatch.setattr(database, "time", brief)


def written(statements: dict[str, int]) -> set[tuple[str, str]]:
    """The kinds of statements that change something, by verb and table."""
    change = r"\b(INSERT|UPDATE|DELETE)(?: IGNORE)?(?: INTO| FROM)? (plato_email_\w+)"
    return {found for each in statements for found in re.findall(change, each)}


def deliver(worker: Worker, host: Host, **expected: int) -> None:
    """Work until so many messages are in each state; clocks may differ a little."""
    until(lambda: worker.round() >= 0 and count_states(host) == expected)


@pytest.mark.usefixtures("brief_pauses")
@pytest.mark.parametrize(("url", "fault"), EACH_FAULT, indirect=["url"])
def test_case_11_every_statement_fails_once(
    host: Host, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement and each commit of a sender fails once; every mail goes exactly once."""
    refusals = {"late@example.com": "450 4.2.1 later"}
    with Sink(refusals=refusals) as sink:
        host.configure(sink.port, poll_interval=1)
        ids = queue(host, 3)
        host.send(recipients=["fine@example.com", "late@example.com"])
        engine = host.site.database.engine
        saboteur = Saboteur(engine, FAULTS[engine.dialect.name][fault], monkeypatch)
        worker = host.site.make_worker()
        deliver(worker, host, sent=3, queued=1)
        # One that comes alone, over the connection that is open, is claimed and begun at once.
        ids += queue(host, 1)
        deliver(worker, host, sent=4, queued=1)
        worker.finish()
        copies = {i: len(each) for i, each in sink.copies().items()}
    assert WRITTEN - written(saboteur.struck) == set()
    assert "COMMIT" in saboteur.struck
    assert {i: copies[i] for i in ids} == dict.fromkeys(ids, 1)
    assert sorted(copies.values()) == [1, 1, 1, 1, 1]
    assert count_states(host) == {"sent": 4, "queued": 1}
    assert {(row.attempts, row.unknowns) for row in rows(host).values()} == {(1, 0)}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("url", "count"),
    [
        pytest.param("postgresql", 2000, marks=pytest.mark.postgres),
        # Where deadlocks come from.
        pytest.param("mariadb", 10_000, marks=pytest.mark.mariadb),
    ],
    indirect=["url"],
)
def test_case_11_senders_never_fail_the_site(host: Host, sink: Sink, count: int) -> None:
    """A site that queues from two threads while two senders claim never meets an error of ours."""
    host.configure(sink.port, batch_size=100_000, poll_interval=1)
    queue(host, 1)
    host.rounds()
    over = threading.Event()

    def fill() -> None:
        for _ in range(count // 20):
            queue(host, 10)

    def send() -> None:
        worker = host.site.make_worker()
        with host.app.app_context():
            while not over.is_set():
                over.wait(min(worker.round(), 0.02))
            worker.finish()

    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(send) for _ in range(2)]
        try:
            for filling in [pool.submit(fill) for _ in range(2)]:
                filling.result(timeout=200)
            wait_for_states(host, sent=count + 1, timeout=200)
        finally:
            over.set()
        for each in sending:
            each.result(timeout=30)
    assert {len(each) for each in sink.copies().values()} == {1}
