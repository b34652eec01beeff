"""Senders that are killed: nothing is lost, and no more is sent twice than has to be."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pymysql.cursors import SSCursor
from sqlalchemy import insert, select

from tests.support.databases import KINDS
from tests.support.nursery import Nursery
from tests.support.pauses import Pause
from tests.support.queue_facts import count_states, rows, wait_for_states
from tests.support.scripted_server import ScriptedServer
from tests.support.sink import Sink, by_message_id, queue
from tests.support.sites import Host
from tests.support.waiting import until

LEASE = 2.0
MAILS, KILLS, SENDERS, CONNECTIONS = 2500, 25, 4, 2
STATEMENTS = 40
# A frozen process keeps the lock of an SQLite file; nobody can take it away.
SERVERS = KINDS[2:]
CLAIMING = "INSERT INTO plato_email_take"
NOTING = "INSERT INTO plato_email_recipient"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_case_01_killed_senders_lose_nothing(host: Host, sink: Sink, senders: Nursery) -> None:
    """Of 2,500 mails under 25 kills none is lost; at most one a connection and kill comes twice."""
    ids = queue(host, MAILS)
    host.configure(sink.port, batch_size=100_000)
    chance = Random(11)
    for _ in range(SENDERS):
        senders.start(PLATO_EMAIL_CONNECTIONS=str(CONNECTIONS))
    for kill in range(1, KILLS + 1):
        # As a mail arrives: somebody is now between the answer and its record.
        sink.wait_for(kill * 80 + chance.randrange(20), timeout=60)
        senders.kill(chance.choice(senders.living))
        senders.start(PLATO_EMAIL_CONNECTIONS=str(CONNECTIONS))
    sink.wait_for_all(ids, timeout=120)
    wait_for_states(host, sent=MAILS)

    copies, stored = sink.copies(), rows(host)
    doubled = {i: len(each) for i, each in copies.items() if len(each) > 1}
    print(f"{host.site.database.engine.name}: {len(doubled)} duplicates of {KILLS} kills")
    assert set(copies) == set(ids)
    assert len(doubled) <= KILLS * CONNECTIONS
    assert sum(row.unknowns for row in stored.values()) <= KILLS * CONNECTIONS
    assert max(doubled.values(), default=1) <= 2
    assert [i for i in doubled if len(set(copies[i])) > 1] == []
    # Every second copy is explained by a sender that was killed over the first.
    assert [i for i in doubled if stored[i].unknowns == 0] == []


def test_case_02_killed_between_claim_and_mail(host: Host, senders: Nursery) -> None:
    """What a dead sender held but had not begun is free after the lease, uncharged."""
    greeting = Pause("220 scripted.test ESMTP")
    with ScriptedServer({"greeting": greeting}) as server:
        host.configure(server.port, poll_interval=1)
        ids = queue(host, 3)
        victim = senders.start()
        greeting.wait_until_reached()
        assert set(count_states(host)) == {"claimed"}
        senders.kill(victim)
        assert {row.attempts for row in rows(host).values()} == {0}
        greeting.end()
        senders.start()
        wait_for_states(host, sent=3)
        assert len(server.mails) == 3
    assert {(r.attempts, r.unknowns) for r in rows(host).values()} == {(1, 0)}
    assert set(rows(host)) == set(ids)


def test_case_03_killed_between_dot_and_answer(host: Host, senders: Nursery) -> None:
    """A sender that dies before the answer leaves its mail in doubt; it goes once more."""
    dot = Pause("250 2.0.0 Ok")
    with ScriptedServer({".": dot}) as server:
        host.configure(server.port, poll_interval=1)
        (number,) = queue(host, 1)
        victim = senders.start()
        dot.wait_until_reached()
        senders.kill(victim)
        dot.end()
        senders.start()
        wait_for_states(host, sent=1)
        first, second = server.mails
    row = rows(host)[number]
    assert first == second
    assert (row.attempts, row.unknowns) == (2, 1)
    (shown,) = host.states()
    page = host.app.test_client().get(f"/admin/email/messages/{shown}").text
    assert "it may have gone out" in page


def test_case_03_parked_where_asked_to(host: Host, senders: Nursery, tmp_path: Path) -> None:
    """With ON_UNKNOWN=park the mail in doubt is failed, never sent again, and the page says why."""
    dot, park = Pause("250 2.0.0 Ok"), {"PLATO_EMAIL_ON_UNKNOWN": "park"}
    with ScriptedServer({".": dot}) as server:
        host.configure(server.port, poll_interval=1)
        number = host.send(subject="In doubt")
        victim = senders.start(**park)
        dot.wait_until_reached()
        senders.kill(victim)
        dot.end()
        senders.start(**park)
        wait_for_states(host, failed=1)
        host.send()
        wait_for_states(host, failed=1, sent=1)
        assert len(server.mails) == 2
    page = host.app.test_client().get(f"/admin/email/messages/{number}").text
    assert "it may have gone out" in page


@pytest.mark.slow
def test_case_02_killed_behind_every_statement(host: Host, sink: Sink, senders: Nursery) -> None:
    """Wherever a sender dies between two statements, its mails are neither lost nor stuck."""
    ids = queue(host, 400)
    host.configure(sink.port, batch_size=100_000, poll_interval=1)
    for statement in range(1, STATEMENTS + 1):
        victim = senders.start(PLATO_TEST_DIE_AT=str(statement), PLATO_EMAIL_CONNECTIONS="1")
        assert senders.wait(victim) == -signal.SIGKILL
    senders.start()
    wait_for_states(host, sent=400)
    copies, stored = sink.copies(), rows(host)
    doubled = {i for i, each in copies.items() if len(each) > 1}
    assert sorted(copies) == sorted(ids)
    assert doubled <= {i for i, row in stored.items() if row.unknowns}
    assert sum(row.unknowns for row in stored.values()) <= STATEMENTS


@pytest.mark.parametrize("stage", ["DATA", "."])
def test_case_05_frozen_sender_does_no_harm(host: Host, senders: Nursery, stage: str) -> None:
    """Frozen for three leases, a sender loses its mails to others and overwrites nothing."""
    held = Pause({"DATA": "354 Go ahead", ".": "250 2.0.0 Ok"}[stage])
    with ScriptedServer({stage: held}) as server:
        host.configure(server.port, poll_interval=1)
        ids = queue(host, 6)
        zombie = senders.start(PLATO_EMAIL_CONNECTIONS="1")
        held.wait_until_reached()
        senders.freeze_beside(zombie, host)
        frozen = time.monotonic()
        held.end()
        senders.start()
        wait_for_states(host, sent=6)
        time.sleep(max(0.0, frozen + 3 * LEASE - time.monotonic()))
        others = rows(host)
        senders.thaw(zombie)
        assert senders.end(zombie) == 0
        copies = by_message_id(server.mails)
    assert sorted(copies) == sorted(ids)
    # The mail that it had in hand goes twice if, and only if, its last byte had left.
    again = 1 if stage == "." else 0
    assert sorted(len(each) for each in copies.values()) == [1] * (6 - again) + [2] * again
    assert rows(host) == others


def test_case_05_frozen_with_a_mail_begun_with_its_claim(host: Host, senders: Nursery) -> None:
    """Alone on an open connection, begun with its claim, a mail is not sent once it is lost."""
    held = Pause("250 2.1.0 Ok")
    with ScriptedServer({"MAIL": ["250 2.1.0 Ok", held]}) as server:
        host.configure(server.port, poll_interval=1)
        (first,) = queue(host, 1)
        zombie = senders.start(PLATO_EMAIL_CONNECTIONS="1")
        wait_for_states(host, sent=1)
        (second,) = queue(host, 1)
        held.wait_until_reached()
        senders.freeze_beside(zombie, host)
        senders.start()
        wait_for_states(host, sent=2)
        held.end()
        senders.thaw(zombie)
        assert senders.end(zombie) == 0
        copies = {i: len(each) for i, each in by_message_id(server.mails).items()}
    assert copies == {first: 1, second: 1}


@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_case_05_frozen_while_it_claims(host: Host, senders: Nursery) -> None:
    """A sender frozen with the lock of all claims in its hands does not hold up the others."""
    with Sink() as sink:
        host.configure(sink.port, poll_interval=1)
        ids = queue(host, 6)
        zombie = senders.start(PLATO_TEST_FREEZE_AT=CLAIMING, PLATO_TEST_IDLE_TRANSACTION="1")
        senders.wait_until_frozen(zombie)
        senders.start()
        wait_for_states(host, sent=6)
        senders.thaw(zombie)
        assert senders.end(zombie) == 0
        assert dict.fromkeys(ids, 1) == {i: len(each) for i, each in sink.copies().items()}


@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_case_r4_frozen_with_the_gate(host: Host, senders: Nursery) -> None:
    """With the bound that ships, a sender that is frozen as it claims stops the others for 5 s."""
    with Sink() as sink:
        host.configure(sink.port, poll_interval=1)
        ids = queue(host, 6)
        zombie = senders.start(PLATO_TEST_FREEZE_AT=CLAIMING)
        senders.wait_until_frozen(zombie)
        senders.start()
        wait_for_states(host, sent=6, timeout=25)
        senders.thaw(zombie)
        assert senders.end(zombie) == 0
        assert dict.fromkeys(ids, 1) == {i: len(each) for i, each in sink.copies().items()}


@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_case_r4_frozen_while_it_gets_an_answer(host: Host) -> None:
    """Nor does a sender that takes no more of an answer hold the gate for longer."""
    database, gate = host.site.database, host.site.tables.gate
    locked = select(gate.c.id).with_for_update(skip_locked=True)
    database.write(lambda c: c.execute(insert(gate).values(id=1, failures=0)))

    def is_free() -> bool:
        return database.write(lambda c: c.execute(locked).first()) is not None

    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        connection.exec_driver_sql("BEGIN")
        assert connection.execute(locked).first()
        if connection.dialect.name == "postgresql":
            driver.pgconn.send_query(b"SELECT repeat('x', 200000000)")
        else:
            driver.cursor(SSCursor).execute("SELECT repeat('x', 1000000) FROM seq_1_to_200")
        assert not is_free()
        until(is_free, timeout=25)
        connection.invalidate()


@pytest.mark.slow
@pytest.mark.parametrize("url", SERVERS, indirect=True)
def test_case_r4_kept_from_its_turn_while_it_records(host: Host, senders: Nursery) -> None:
    """A result that a busy machine holds up for longer than the bound is recorded all the same."""
    with Sink(refusals={"r0@example.com": "450 4.2.1 later"}) as sink:
        host.configure(sink.port, poll_interval=1)
        # Recorded in several statements, as what only some recipients have always is.
        host.send(recipients=["r0@example.com", "fine@example.com"])
        sender = senders.start(PLATO_TEST_FREEZE_AT=NOTING, PLATO_TEST_IDLE_TRANSACTION="1")
        senders.wait_until_frozen(sender)
        until(lambda: not _is_locked(host))
        senders.thaw(sender)
        wait_for_states(host, queued=1)
        assert senders.end(sender) == 0
        assert len(sink.copies()) == 1
        assert {(row.attempts, row.unknowns) for row in rows(host).values()} == {(1, 0)}


def _is_locked(host: Host) -> bool:
    """Whether somebody holds the lock of the message's row."""
    message = host.site.tables.message
    query = select(message.c.id).with_for_update(skip_locked=True)
    with host.site.database.transaction() as connection:
        return connection.execute(query).first() is None
