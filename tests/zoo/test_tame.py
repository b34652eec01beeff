"""Servers that take the mail, and what is to be said of it nevertheless."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext

import pytest

from plato_email.diagnosis import REMARKS, remark
from plato_email.message import Message, compose
from plato_email.smtp import Security, Server, Session
from tests.support.catcher import Catcher
from tests.support.postfix import SmtpSink, free_port

from .keeper import Animal, Meeting, meet

QUEUED = "250 2.0.0 Ok: queued as 4XyZ1A"


def says(code: str, greeting: str, accepted: str = QUEUED, known_as: str = "") -> Animal:
    """A server with that greeting, and that answer to the final dot."""
    return Animal(code, {"greeting": greeting, ".": accepted}, known_as=known_as)


def at(port: int) -> Animal:
    """A server that runs already."""
    return Animal("catcher", cage=lambda _: nullcontext(port))


def taken(animal: Animal) -> Meeting:
    """Meet it, and see that it took the mail."""
    met = meet(animal)
    assert met.outcome == "sent"
    return met


@pytest.mark.parametrize(
    "animal",
    [
        says("catcher", "220 box Mailpit ESMTP Service ready"),
        says("catcher", "220 mailhog.example ESMTP MailHog"),
        says("catcher", "220 EventMachine SMTP Server", "250 Message accepted"),
        says("catcher", "220 box smtp4dev ready"),
        says("catcher", "220 ready", known_as="sandbox.smtp.mailtrap.io"),
        says("queued", "220 ready", known_as="live.smtp.mailtrap.io"),
        says("queued", "220 mail.example.com ESMTP Postfix"),
        says("sent", "220 mail.example.com ESMTP", "250 2.0.0 OK 1700000000 x1 - gsmtp"),
    ],
    ids=lambda animal: f"{animal.code}, {animal.known_as or animal.script['greeting']}",
)
def test_what_is_said_of_mail_that_was_taken(animal: Animal) -> None:
    """A catcher is told by its name, other servers by the name that they gave the mail."""
    assert taken(animal).code == animal.code


def test_real_catchers() -> None:
    """aiosmtpd and smtp-sink are told to be catchers."""
    with ExitStack() as stack:
        sink = free_port()
        stack.enter_context(SmtpSink(sink))
        caught = stack.enter_context(Catcher())
        assert taken(at(sink)).code == taken(at(caught.port)).code == "catcher"


def test_some_are_refused() -> None:
    """A mail that a real server takes for one and not for the other names the other."""
    refusals = {"bob@example.com": "550 5.1.1 No such user"}
    mail = compose(
        Message("Hi", ["ann@example.com", "bob@example.com"], "text", sender="site@example.com")
    )
    with Catcher(refusals=refusals) as catcher:
        server = Server(catcher.host, catcher.port, Security.NONE)
        with Session.open(server, deadline=5) as session:
            receipt = session.send(mail.envelope, mail.data, deadline=5)
            said = remark(receipt, server, session.transcript)
    assert said is not None
    assert said.code == "partly-refused"
    assert "bob@example.com: 550 5.1.1 No such user" in said.why
    assert {each.code for each in REMARKS} == {"partly-refused", "catcher", "queued"}
