"""A check of a server without a mail, and servers that are never reached."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plato_email.errors import Stage, Verdict
from plato_email.smtp import Security, Server, Session, Step
from tests.support.databases import fresh_database
from tests.support.sites import hosted
from tests.support.smtp_client import MAIL, RECIPIENT, Envelope, failure_of, opened, server_at
from tests.support.smtp_servers import Catcher, ScriptedServer

BOTH_WAYS = pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["lock-step", "pipelined"])


@BOTH_WAYS
def test_check_goes_up_to_354_and_sends_nothing(offers: tuple[str, ...]) -> None:
    """A check tells who would be accepted, and cuts the connection before a message."""
    steps: list[Step] = []
    people = Envelope(recipients=(RECIPIENT, "gone@example.test"))
    script: dict[str, Any] = {"RCPT": ["250 Ok", "550 5.1.1 gone"]}
    with ScriptedServer(script, offers=offers) as server:
        with opened(server) as session:
            receipt = session.check(people, observe=steps.append)
        server.wait_until_left()

    assert ((RECIPIENT,), {"gone@example.test"}, 354) == (
        receipt.accepted,
        set(receipt.refused),
        receipt.code,
    )
    assert [step.stage for step in steps] == [
        *(Stage.SENDER, Stage.RECIPIENT, Stage.RECIPIENT, Stage.DATA),
    ]
    assert (session.usable, session.sent, server.mails) == (False, 0, [])
    assert server.received.endswith(b"\r\nDATA\r\n")


def test_check_leaves_no_mail() -> None:
    """A real server has nothing after a check."""
    with Catcher() as catcher:
        with opened(catcher) as session:
            session.check(Envelope())
        with opened(catcher) as session:
            session.send(Envelope(), MAIL)
        caught = catcher.wait_for(1)

    assert [each.data for each in caught] == [MAIL]


@BOTH_WAYS
@pytest.mark.parametrize(
    ("verb", "reply", "stage", "verdict"),
    [
        ("MAIL", "553 5.7.1 not yours", Stage.SENDER, Verdict.SETUP),
        ("RCPT", "550 5.7.1 relaying denied", Stage.RECIPIENT, Verdict.SETUP),
        ("RCPT", "450 4.2.0 greylisted", Stage.RECIPIENT, Verdict.TEMPORARY),
        ("DATA", "451 4.3.0 later", Stage.DATA, Verdict.TEMPORARY),
        ("DATA", "421 4.3.0 closing", Stage.DATA, Verdict.SERVER),
    ],
)
def test_check_fails_as_a_mail_does(
    verb: str, reply: str, stage: Stage, verdict: Verdict, offers: tuple[str, ...]
) -> None:
    """What is refused is refused with the same stage, verdict and words."""
    with ScriptedServer({verb: reply}, offers=offers) as server, opened(server) as session:
        error = failure_of(session.check, Envelope())

    assert (stage, verdict, reply) == (error.stage, error.verdict, f"{error.code} {error.reply}")
    assert any(line == f"S: {reply}" for line in error.transcript)


def lead_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Make every name have these addresses; return the names that are looked up."""
    asked: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in addresses]
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port))
            for family, address in zip(families, addresses, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def refuse_to_connect(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note every address that a connection is tried to, and refuse it."""
    tried: list[Any] = []

    def refuse(_: socket.socket, where: Any) -> None:
        tried.append(where)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tried


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "0xa9fea9fe", "2852039166", "::ffff:169.254.169.254", "0.0.0.0"]
)
def test_metadata_service_is_never_reached(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However its address is written, no connection to it is tried."""
    tried = refuse_to_connect(monkeypatch)
    error = failure_of(Session.open, Server(host, 80, Security.NONE), deadline=2)

    assert (error.stage, error.verdict, error.code) == (Stage.RESOLVE, Verdict.SETUP, None)
    assert error.reply == f"{host} leads to an address that mail is never sent to."
    assert tried == []


def test_name_that_leads_to_a_refused_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in somebody's own DNS is judged by where it leads, which is not told."""
    steps: list[Step] = []
    lead_to(monkeypatch, "fd00:ec2::254", "100.100.100.200")
    server = Server("mail.evil.test", 25, Security.NONE)
    error = failure_of(Session.open, server, deadline=2, observe=steps.append)

    assert error.verdict is Verdict.SETUP
    assert not any("100." in f"{step.detail} {error}" for step in steps)


def test_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was judged is the one connected to: a second answer is never asked for."""
    tried = refuse_to_connect(monkeypatch)
    asked = lead_to(monkeypatch, "203.0.113.7", "169.254.169.254", "203.0.113.8")
    steps: list[Step] = []
    server = Server("mail.evil.test", 25, Security.NONE)
    error = failure_of(Session.open, server, deadline=2, observe=steps.append)

    assert (error.stage, asked) == (Stage.CONNECT, ["mail.evil.test"])
    assert tried == [("203.0.113.7", 25), ("203.0.113.8", 25)]
    assert "169.254" not in f"{error} {steps}"


def test_server_that_is_not_on_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host or port outside the list is refused before its name is looked up."""
    asked = lead_to(monkeypatch, "127.0.0.1")
    server = Server("mail.test", 25, Security.NONE, allowed=("mail.test:587", "*.example.org"))
    error = failure_of(Session.open, server, deadline=2)

    assert (error.stage, error.verdict, asked) == (Stage.RESOLVE, Verdict.SETUP, [])
    assert error.reply == "mail.test, port 25, is not on the site's list of allowed mail servers."


def test_name_outside_the_allowed_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is allowed by a network only where it leads into it."""
    lead_to(monkeypatch, "192.168.7.7")
    server = Server("mail.test", 25, Security.NONE, allowed=("10.0.0.0/8",))
    error = failure_of(Session.open, server, deadline=2)

    assert "not on the site's list" in error.reply
    assert "192.168" not in error.reply


def test_site_reaches_no_server_outside_its_list(tmp_path: Path) -> None:
    """Settings from before the list: the queue waits with a reason and nobody is connected to."""
    with Catcher() as listed, Catcher() as other, fresh_database("sqlite", tmp_path) as url:
        with hosted(url, tmp_path) as host:
            host.configure(other.port)
        allowed = f"127.0.0.1:{listed.port}"
        with hosted(url, tmp_path, PLATO_EMAIL_ALLOWED_SERVERS=allowed) as host:
            number = host.send()
            host.rounds()
            gate, states = host.site.outbox.gate(), host.states()
            host.configure(listed.port)
            host.rounds()

        assert gate is not None
        assert (gate.stage, gate.verdict, states) == ("resolve", "setup", {number: "queued"})
        assert "not on the site's list of allowed mail servers" in gate.reply
        assert (other.connections, len(listed.mails)) == (0, 1)


def test_allowed_server_is_reached() -> None:
    """A server on the list carries mail; of the same host no other port is reached."""
    with Catcher() as catcher:
        allowed = (f"127.0.0.0/8:{catcher.port}",)
        with opened(catcher, allowed=allowed) as session:
            session.send(Envelope(), MAIL)
        error = failure_of(
            Session.open, replace(server_at(catcher, allowed=allowed), port=catcher.port - 1)
        )
        assert len(catcher.wait_for(1)) == 1

    assert error.verdict is Verdict.SETUP
