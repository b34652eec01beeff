"""Beside a real Postfix: what it takes arrives as it was queued; what it refuses is understood."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from plato_email import Cause
from plato_email.outbox import CONTENT
from plato_email.settings import Settings
from plato_email.smtp import Security, Session, probe_ports
from plato_email.trial import Asked
from tests.support.postfix import REFUSED, SMALL
from tests.support.proxy import Proxy
from tests.support.sites import Host
from tests.support.smtp_client import Envelope

from .conftest import PASSWORD, USER, Mailhub

TLS = {
    "plain": {},
    "starttls": {"use_tls": True, "tls_mode": "starttls"},
    "tls": {"use_tls": True, "tls_mode": "tls"},
}
LOGIN = {**TLS["starttls"], "username": USER, "password": PASSWORD}


class Listener(Proxy):
    """Keeps what the client says, write by write."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self.writes: list[bytes] = []

    def wants(self, data: bytes) -> bool:
        """Remember the bytes on their way."""
        self.writes.append(data)
        return super().wants(data)


def stored(host: Host, number: int) -> bytes:
    """Return the bytes of a queued message."""
    tables = host.site.tables
    query = select(tables.message.c.message_id, tables.content.c.data).join(
        tables.content, tables.content.c.message_id == tables.message.c.id
    )
    row = host.site.database.read(
        lambda c: c.execute(query.where(tables.message.c.id == number)).one()
    )
    return host.site.key_ring().unprotect_bytes(row.data, CONTENT, row.message_id)


def ends(host: Host) -> list[tuple[str, str, int | None, str]]:
    """Return state, stage, code and reply of every message, oldest first."""
    message = host.site.tables.message
    query = select(message.c.state, message.c.stage, message.c.code, message.c.reply)
    return [
        tuple(row)
        for row in host.site.database.read(lambda c: c.execute(query.order_by(message.c.id)).all())
    ]


def without_trace(data: bytes) -> bytes:
    """Cut off the Received field that Postfix adds at the top."""
    return re.sub(rb"\AReceived: [^\r]*\r\n(?:[ \t][^\r]*\r\n)*", b"", data)


@pytest.mark.parametrize("service", TLS)
def test_mail_arrives_byte_by_byte(site: Host, mailhub: Mailhub, service: str) -> None:
    """In the clear, after STARTTLS and over implicit TLS the bytes arrive as they were queued."""
    number = site.send(
        recipients=["Zoë <ann@example.com>"],
        body=".\n..\nGrüße\n" + "x" * 2000 + "\n",
        html="<p>Grüße</p>",
    )
    queued = stored(site, number)
    site.configure(mailhub.postfix.ports[service], **TLS[service])
    site.rounds()
    (caught,) = mailhub.behind.wait_for(1)

    assert {number: "sent"} == site.states()
    assert queued == without_trace(caught.data)
    assert (caught.sender, caught.recipients) == ("site@example.com", ("ann@example.com",))
    if service != "plain":
        assert "TLSv1.3" in mailhub.postfix.log()


def test_a_queue_drains_over_connections_that_are_kept(site: Host, mailhub: Mailhub) -> None:
    """Forty mails go over two connections, each arrives once and unchanged."""
    site.configure(mailhub.postfix.ports["starttls"], **TLS["starttls"])
    queued = [stored(site, site.send(subject=f"Mail {number}")) for number in range(40)]
    site.rounds()
    caught = mailhub.behind.wait_for(40, timeout=20)
    sessions = mailhub.postfix.sessions("starttls", 2)

    assert {"sent"} == set(site.states().values())
    assert sorted(queued) == sorted(without_trace(each.data) for each in caught)
    assert len(sessions) == 2
    assert sum(int(each["data"]) for each in sessions) == 40


def test_commands_go_out_together(site: Host, mailhub: Mailhub) -> None:
    """MAIL, RCPT and DATA are one write, joined to the final dot of the mail before."""
    with Listener("127.0.0.1", mailhub.postfix.ports["plain"]) as line:
        site.configure(line.port)
        for _ in range(12):
            site.send(recipients=["ann@example.com", "bob@example.com"])
        site.rounds()
        mailhub.behind.wait_for(12, timeout=20)
        group = re.compile(rb"MAIL FROM:[^\r]*\r\n(RCPT TO:[^\r]*\r\n){2}DATA\r\n")
        grouped = [each for each in line.writes if group.search(each)]

    assert {"sent"} == set(site.states().values())
    assert len(grouped) == 12
    assert any(b"\r\n.\r\nMAIL FROM:" in each for each in grouped)


def test_commands_go_out_singly_where_pipelining_is_not_offered(
    site: Host, mailhub: Mailhub
) -> None:
    """Without PIPELINING each command waits for the reply to the one before."""
    with Listener("127.0.0.1", mailhub.postfix.ports["unpipelined"]) as line:
        site.configure(line.port)
        for _ in range(4):
            site.send()
        site.rounds()
        mailhub.behind.wait_for(4)
        commands = [each for each in line.writes if re.match(rb"MAIL|RCPT|DATA|EHLO|QUIT", each)]

    assert {"sent"} == set(site.states().values())
    assert {1} == {each.count(b"\r\n") for each in commands}


def test_login(site: Host, mailhub: Mailhub) -> None:
    """After a login Postfix takes mail for any domain, and there was one AUTH for all mails."""
    site.configure(mailhub.postfix.ports["submission"], **LOGIN)
    for _ in range(3):
        site.send(recipients=["ann@elsewhere.example.net"])
    site.rounds()
    mailhub.behind.wait_for(3)
    sessions = mailhub.postfix.sessions("submission")

    assert {"sent"} == set(site.states().values())
    assert {"1"} == {each["auth"] for each in sessions}
    assert f"sasl_method=PLAIN, sasl_username={USER}" in mailhub.postfix.log()


def test_wrong_password(site: Host, mailhub: Mailhub) -> None:
    """A refused login is tried once, stops all mail, and is charged to no message."""
    site.configure(mailhub.postfix.ports["submission"], **{**LOGIN, "password": "wrong"})
    numbers = [site.send() for _ in range(3)]
    delay = site.rounds()
    sessions = mailhub.postfix.sessions("submission")
    status = site.site.status()

    assert [each.get("auth") for each in sessions] == ["0/1"]
    assert dict.fromkeys(numbers, "queued") == site.states()
    assert delay > 0
    assert status.gate is not None
    assert (status.gate.stage, status.gate.code) == ("login", 535)
    assert "wrong" not in mailhub.postfix.log()


def test_a_mail_too_large_is_refused_and_the_next_one_goes(site: Host, mailhub: Mailhub) -> None:
    """A mail over the SIZE that Postfix announced fails at once; the one behind it is sent."""
    site.configure(mailhub.postfix.ports["small"])
    site.send(body="x" * 70 + "\n" + ("y" * 70 + "\n") * (SMALL // 70))
    site.send()
    site.rounds()
    mailhub.behind.wait_for(1)
    (large, small) = ends(site)

    assert [large[0], small[0]] == ["failed", "sent"]
    assert str(SMALL) in large[3]
    assert mailhub.postfix.sessions("small")[0]["data"] == "1"


def test_a_refused_recipient_keeps_nobody_else_from_the_mail(site: Host, mailhub: Mailhub) -> None:
    """The recipients that Postfix takes get the mail; the page names the one it refused."""
    site.configure(mailhub.postfix.ports["plain"])
    number = site.send(recipients=["ann@example.com", REFUSED], cc=["bob@example.com"])
    site.rounds()
    (caught,) = mailhub.behind.wait_for(1)
    recipient = site.site.tables.recipient
    rows = site.site.database.read(
        lambda c: c.execute(
            select(recipient.c.address, recipient.c.outcome, recipient.c.code).where(
                recipient.c.message_id == number
            )
        ).all()
    )

    assert {"ann@example.com", "bob@example.com"} == set(caught.recipients)
    assert {number: "sent"} == site.states()
    assert (REFUSED, "refused", 550) in [tuple(row) for row in rows]


def test_a_mail_for_nobody_fails(site: Host, mailhub: Mailhub) -> None:
    """A mail whose only recipient is refused has failed, in Postfix's own words."""
    site.configure(mailhub.postfix.ports["plain"])
    site.send(recipients=[REFUSED])
    site.rounds()
    ((state, stage, code, reply),) = ends(site)

    assert (state, stage, code) == ("failed", "recipient", 550)
    assert "No such person here" in reply
    assert mailhub.behind.mails == []


def test_a_relay_that_wants_a_login_costs_no_mail(site: Host, mailhub: Mailhub) -> None:
    """Postfix's answer to all mail from a stranger is about the settings: what meets it waits."""
    site.configure(mailhub.postfix.ports["plain"])
    number = site.send(recipients=["ann@elsewhere.example.net"])
    site.rounds()
    status = site.site.status()

    assert {number: "queued"} == site.states()
    assert status.gate is not None
    assert status.gate.cause == Cause.RELAYING_DENIED_NO_LOGIN.value
    assert mailhub.behind.mails == []


@pytest.mark.parametrize(
    ("service", "changes", "words"),
    [
        ("othername", {}, "mail.other.test"),
        ("starttls", {"tls_mode": "tls"}, ""),
        ("starttls", {"use_tls": False}, "STARTTLS"),
    ],
)
def test_tls_that_is_wrong_stops_all_mail(
    site: Host, mailhub: Mailhub, service: str, changes: dict[str, Any], words: str
) -> None:
    """A certificate for another name and the wrong way into TLS are charged to no message."""
    site.configure(mailhub.postfix.ports[service], **{**TLS["starttls"], **changes})
    number = site.send()
    site.rounds()
    status = site.site.status()

    assert {number: "queued"} == site.states()
    assert status.gate is not None
    assert words in status.gate.reply
    assert mailhub.behind.mails == []


def test_the_test_button(site: Host, mailhub: Mailhub) -> None:
    """The test mail goes through Postfix too, and shows each stage as done."""
    site.configure(mailhub.postfix.ports["submission"], **LOGIN)
    settings = site.site.load_settings().settings
    report = site.site.trials.test(Asked(settings, "ann@example.com"))
    mailhub.behind.wait_for(1)

    assert report.outcome == "sent"
    assert all(step.ok for step in report.steps)
    assert [each["auth"] for each in mailhub.postfix.sessions("submission")] == ["1"]


def test_check_leaves_no_mail(site: Host, mailhub: Mailhub) -> None:
    """A check goes up to the 354, and a Postfix that is left there has nothing to hand on."""
    site.configure(mailhub.postfix.ports["submission"], **LOGIN)
    server = site.site.server(site.site.load_settings().settings)
    with Session.open(server) as session:
        receipt = session.check(Envelope("site@example.com", ("ann@example.com",)))
    # Whatever was before it in the queue of this Postfix would arrive first.
    site.send()
    site.rounds()
    caught = mailhub.behind.wait_for(1)

    assert (receipt.code, receipt.accepted) == (354, ("ann@example.com",))
    assert [each.recipients for each in caught] == [("to@example.com",)]


def test_ports_are_found(site: Host, mailhub: Mailhub) -> None:
    """Each service is known by what it offers, the best first, without a login."""
    ports = mailhub.postfix.ports
    names = ("plain", "othername", "tls", "submission")
    settings = Settings(host="127.0.0.1", username=USER, password=PASSWORD)
    found = probe_ports(site.site.server(settings), [ports[name] for name in names])
    by_port = {each.port: each for each in found}

    assert [each.port for each in found if each.usable] == [ports["submission"]]
    assert (found[0].port, found[0].security) == (ports["submission"], Security.STARTTLS)
    assert by_port[ports["tls"]].security is Security.TLS
    assert by_port[ports["plain"]].security is Security.NONE
    assert "not for the name 127.0.0.1" in by_port[ports["othername"]].detail
    assert "sasl_username" not in mailhub.postfix.log()
