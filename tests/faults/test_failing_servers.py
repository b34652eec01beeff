"""Mail servers that are away, refuse the login or the mail: who waits, and what it costs whom."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from plato_email.delivery import backoff
from plato_email.smtp import Session
from tests.support.catcher import Catcher
from tests.support.databases import KINDS, SQLITE
from tests.support.hours import Hours
from tests.support.queue_facts import count_states, rows
from tests.support.scripted_server import (
    Conversation,
    Reply,
    Script,
    ScriptedServer,
    drop,
    hang,
    last,
)
from tests.support.sink import by_message_id, message_id, queue
from tests.support.sites import Host, hosted

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def host(url: URL, tmp_path: Path) -> Iterator[Host]:
    """A site that sends over one connection, so that the order of its mails can be told."""
    with hosted(url, tmp_path, PLATO_EMAIL_CONNECTIONS=1) as site:
        yield site


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    """Time that passes when the senders would sleep."""
    return Hours(monkeypatch)


def steps_of_the_pause(first: float, longest: float, hours: float) -> int:
    """How many tries fit into so many hours when each pause is twice the one before."""
    tries, at, pause = 0, 0.0, first
    while at <= hours * HOUR:
        tries, at, pause = tries + 1, at + pause, min(pause * 2, longest)
    return tries


@pytest.mark.parametrize(
    ("url", "trouble"),
    # What ails the server is nothing to the database: one kind of trouble on each is enough.
    [(SQLITE, each) for each in ("refused", "name", "silent", "dropped", "busy")]
    + [pytest.param(kind.values[0], "refused", marks=kind.marks) for kind in KINDS[2:]],
    indirect=["url"],
)
def test_case_14_outage_of_two_hours(
    host: Host, hours: Hours, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four senders try once a step of the pause, together; no mail pays, and all go in the end."""
    look_up, asked = socket.getaddrinfo, 0

    def unknown(name: Any, *rest: Any, **more: Any) -> Any:
        nonlocal asked
        asked += name == "mail.example.test"
        if name == "mail.example.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(name, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    # A sender waits a minute for a server that says nothing.
    monkeypatch.setitem(Session.open.__func__.__kwdefaults__, "deadline", 0.1)  # type: ignore[attr-defined]
    greetings = {"silent": hang, "dropped": drop, "busy": last("421 4.3.2 busy")}
    greeting = greetings.get(trouble, "220 fine")
    with ScriptedServer({"greeting": greeting}) as server:
        host.configure(server.port)
        if trouble == "refused":
            host.configure(1)
        if trouble == "name":
            host.configure(server.port, host="mail.example.test")
        count = 1000 if trouble == "refused" else 100
        ids = queue(host, count)
        workers = [host.site.make_worker() for _ in range(4)]
        hours.run(*workers, until=2 * HOUR)

        gate = host.site.outbox.gate()
        assert gate is not None
        tries = {"refused": gate.failures, "name": asked}.get(trouble, len(server.conversations))
        assert tries == gate.failures == steps_of_the_pause(1, 900, hours=2)
        assert count_states(host) == {"queued": count}
        assert {row.attempts for row in rows(host).values()} == {0}

        server.script["greeting"] = "220 fine"
        if trouble in ("refused", "name"):
            host.configure(server.port, host="127.0.0.1")
        hours.run(*workers, until=3 * HOUR)
        copies = by_message_id(server.mails)
    assert {i: len(each) for i, each in copies.items()} == dict.fromkeys(ids, 1)
    assert {(row.state, row.attempts) for row in rows(host).values()} == {("sent", 1)}


def test_case_15_refused_login(host: Host, hours: Hours) -> None:
    """A wrong password is tried ever more rarely, one mail at a time, until it is corrected."""
    with Catcher(users={"me": "right"}) as server:
        host.configure(server.port, username="me", password="wrong")
        ids = queue(host, 5)
        workers = [host.site.make_worker() for _ in range(3)]
        hours.run(*workers, until=2 * HOUR)
        assert len(server.logins) == steps_of_the_pause(60, 3600, hours=2)
        assert {(row.state, row.attempts) for row in rows(host).values()} == {("queued", 0)}
        gate = host.site.outbox.gate()
        assert gate is not None
        assert (gate.stage, gate.verdict, gate.code) == ("login", "setup", 535)
        host.configure(server.port, username="me", password="right")
        host.rounds()
        assert sorted(message_id(mail.data) for mail in server.mails) == sorted(ids)
    assert host.site.outbox.gate() is None


def test_case_16_poison_harms_only_itself(host: Host, hours: Hours) -> None:
    """Of 100 mails four are poison, each in its way; 96 arrive, in order, and four have failed."""
    harm: dict[str, Reply] = {"drop": drop, "rubbish": b"rubbish\r\n", "refused": "550 5.1.1 who?"}

    def answer(conversation: Conversation) -> None:
        who = conversation.commands[-1].partition("<")[2].partition("@")[0]
        conversation.act(harm.get(who, "250 2.1.5 Ok"))

    with ScriptedServer({"RCPT": answer}) as server:
        host.configure(server.port, send_attempts=2)
        fine = queue(host, 50)
        poison = {each: host.send(recipients=[f"{each}@example.com"]) for each in harm}
        poison["lost"] = host.send()
        host.site.database.write(
            lambda c: c.execute(
                host.site.tables.content.delete().where(
                    host.site.tables.content.c.message_id == poison["lost"]
                )
            )
        )
        fine += queue(host, 46)
        hours.run(host.site.make_worker(), until=DAY)
        arrived = [message_id(mail) for mail in server.mails]
    found = {each: host.site.outbox.message(number) for each, number in poison.items()}
    assert arrived == fine
    assert count_states(host) == {"sent": 96, "failed": 4}
    assert {each: row.attempts for each, row in found.items() if row} == {
        "drop": 2,
        "rubbish": 2,
        "refused": 1,
        "lost": 1,
    }
    assert all(row is not None and row.reply for row in found.values())
    assert host.site.outbox.gate() is None


def test_case_17_attempts_and_their_spacing(host: Host, hours: Hours) -> None:
    """Against a lasting 450 there are exactly N tries, spaced as documented; it can go again."""
    with ScriptedServer({"RCPT": "450 4.2.1 later"}) as server:
        host.configure(server.port, send_attempts=5)
        number = host.send()
        hours.run(host.site.make_worker(), until=2 * DAY)
        assert sum(line.startswith("RCPT") for line in server.commands) == 5
        tries = [each.at for each in host.site.outbox.attempts(number)]
        waits = [(b - a).total_seconds() for a, b in pairwise(tries)]
        expected = [backoff(n, 30, spread=1) for n in range(1, 5)]
        assert all(0.9 * e - 1 <= w <= 1.1 * e + 1 for w, e in zip(waits, expected, strict=True))
        row = host.site.outbox.message(number)
        assert row is not None
        assert (row.state, row.attempts, row.code) == ("failed", 5, 450)

        server.script["RCPT"] = "250 2.1.5 Ok"
        assert host.site.outbox.retry(number)
        host.rounds()
        assert len(server.mails) == 1
    assert host.states() == {number: "sent"}


def test_case_18_each_recipient_has_an_end_of_its_own(host: Host, hours: Hours) -> None:
    """250, 450 and 550: the first is never mailed again, the second alone, the third recorded."""
    refusals = {"b@example.com": "450 4.2.1 later", "c@example.com": "550 5.1.1 unknown"}
    with Catcher(refusals=refusals) as server:
        host.configure(server.port)
        number = host.send(recipients=["a@example.com", "b@example.com", "c@example.com"])
        hours.run(host.site.make_worker(), until=10)
        row = host.site.outbox.message(number)
        assert row is not None
        assert (row.state, row.deferred, row.attempts) == ("queued", True, 1)
        del refusals["b@example.com"]
        hours.run(host.site.make_worker(), until=HOUR)
        assert [mail.recipients for mail in server.mails] == [
            ("a@example.com",),
            ("b@example.com",),
        ]
    assert host.states() == {number: "sent"}
    assert [each.outcome for each in host.site.outbox.attempts(number)] == ["partly", "partly"]
    found = {o.address: (o.outcome, o.code) for o in host.site.outbox.outcomes(number)}
    assert found == {
        "a@example.com": ("accepted", 250),
        "b@example.com": ("accepted", 250),
        "c@example.com": ("refused", 550),
    }


@pytest.mark.parametrize("stage", ["greeting", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("goes", [True, False], ids=["and-closes", "and-stays"])
def test_case_19_421_costs_nobody_an_attempt(
    host: Host, hours: Hours, stage: str, goes: bool
) -> None:
    """421 at any stage: another connection is made, the mail goes once, and pays one attempt."""
    words = "421 4.3.2 come back"
    said = 0

    def leave_once(conversation: Conversation) -> None:
        nonlocal said
        said += 1
        if said > 1:
            conversation.act({"greeting": "220 hi", "DATA": "354 go"}.get(stage, "250 Ok"))
        elif goes:
            last(words)(conversation)
        else:
            conversation.send(words)

    with ScriptedServer({stage: leave_once}) as server:
        host.configure(server.port)
        ids = queue(host, 3)
        hours.run(host.site.make_worker(), until=HOUR)
        arrived = by_message_id(mail for each in server.conversations[1:] for mail in each.mails)
    assert {i: len(each) for i, each in arrived.items()} == dict.fromkeys(ids, 1)
    assert {(row.state, row.attempts) for row in rows(host).values()} == {("sent", 1)}


def test_case_19_connection_is_renewed_before_it_is_worn_out(host: Host) -> None:
    """A server that takes 100 mails a connection and no more never has to say so."""
    script: Script = {"MAIL": [*["250 Ok"] * 100, last("421 4.7.0 enough")]}
    with ScriptedServer(script) as server:
        host.configure(server.port, batch_size=1000)
        queue(host, 250)
        host.rounds()
        assert [len(each.mails) for each in server.conversations] == [100, 100, 50]
    assert count_states(host) == {"sent": 250}
