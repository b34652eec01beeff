"""A test mail to a real Postfix that is set up otherwise than the settings say."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from plato_email.settings import Settings
from plato_email.smtp import Security, Server
from plato_email.trial import TestReport, run_trial
from tests.support.names import leads_to
from tests.support.postfix import REFUSED, SMALL

from .conftest import PASSWORD, USER, Mailhub

NONE, STARTTLS, TLS = Security.NONE, Security.STARTTLS, Security.TLS
ELSEWHERE = "ann@elsewhere.example.net"


@dataclass(frozen=True)
class Try:
    """One way to hand in a mail, and what is to be said of it."""

    code: str
    service: str
    security: Security = NONE
    username: str = ""
    password: str = ""
    sender: str = "site@example.com"
    recipient: str = "ann@example.com"
    seems: int = 0
    """The port of the settings, where it is one that only root may open."""
    trusting: bool = True
    ehlo_name: str | None = None
    origin: str = ""
    deadline: float = 10.0

    def run(self, mailhub: Mailhub) -> TestReport:
        """Send the test mail."""
        real_port = mailhub.postfix.ports[self.service]
        host, port = ("mail.example.com", self.seems) if self.seems else ("127.0.0.1", real_port)
        server = Server(
            host,
            port,
            self.security,
            self.username,
            self.password,
            str(mailhub.ca_file) if self.trusting else None,
            self.ehlo_name,
        )
        settings = Settings(
            self.sender,
            host,
            port,
            self.username,
            self.password,
            use_tls=self.security is not NONE,
            tls_mode="automatic" if self.security is NONE else self.security.value,
        )
        with leads_to(host, port, real_port):
            return run_trial(
                settings, server, self.recipient, origin=self.origin, deadline=self.deadline
            )


TRIES = (
    Try("starttls-missing-locally", "plain", STARTTLS),
    Try("starttls-expected", "starttls", TLS),
    Try("tls-required", "starttls"),
    Try("tls-expected", "tls", seems=465, deadline=1.0),
    Try("greeting-silent", "tls", STARTTLS, deadline=1.0),
    Try("certificate-name", "othername", STARTTLS),
    Try("certificate-untrusted", "starttls", STARTTLS, trusting=False),
    Try("certificate-untrusted", "tls", TLS, trusting=False),
    Try("login-after-tls", "submission", NONE, USER, PASSWORD),
    Try("login-not-offered", "starttls", STARTTLS, USER, PASSWORD),
    Try("password-refused", "submission", STARTTLS, USER, "wrong"),
    Try("password-refused", "submission", STARTTLS, "nobody", PASSWORD),
    Try("relaying-denied-no-login", "submission", STARTTLS),
    Try("relaying-denied-no-login", "plain", recipient=ELSEWHERE),
    Try("recipient-unknown", "plain", recipient=REFUSED),
    Try("message-too-large", "small", origin="x" * SMALL),
    Try("sender-not-owned", "strict", STARTTLS, USER, PASSWORD, sender="else@example.com"),
    Try("own-name-refused", "strict", ehlo_name="box"),
)


@pytest.mark.parametrize("each", TRIES, ids=lambda each: f"{each.code}-{each.service}")
def test_each_refusal_is_understood(mailhub: Mailhub, each: Try) -> None:
    """What Postfix does not take is put down to the field that is wrong."""
    report = each.run(mailhub)
    assert report.diagnosis is not None
    assert (report.outcome, report.diagnosis.code) == ("failed", each.code), report.diagnosis.why
    assert mailhub.behind.mails == []


@pytest.mark.parametrize(
    "each",
    [
        Try("queued", "plain"),
        Try("queued", "starttls", STARTTLS),
        Try("queued", "tls", TLS),
        Try("queued", "submission", STARTTLS, USER, PASSWORD, recipient=ELSEWHERE),
    ],
    ids=lambda each: each.service,
)
def test_the_name_in_the_queue_is_told(mailhub: Mailhub, each: Try) -> None:
    """A mail that was taken is told with the name that stands for it in Postfix's log."""
    report = each.run(mailhub)
    mailhub.behind.wait_for(1)
    assert report.diagnosis is not None
    assert (report.outcome, report.diagnosis.code) == ("sent", "queued")
    name = report.diagnosis.title.rpartition(" ")[2]
    assert f"{name}: message-id={report.message_id}" in mailhub.postfix.log()


def test_the_account_that_is_offered_may_send(mailhub: Mailhub) -> None:
    """The cure for a sender that is not the account's is one that Postfix accepts."""
    refused = Try("", "strict", STARTTLS, USER, PASSWORD, sender="else@example.com").run(mailhub)
    assert refused.diagnosis is not None
    assert refused.diagnosis.fix is not None
    sender = refused.diagnosis.fix.values["default_sender"]
    cured = Try("", "strict", STARTTLS, USER, PASSWORD, sender=sender).run(mailhub)
    assert cured.outcome == "sent"
    assert mailhub.behind.wait_for(1)[0].sender == USER
