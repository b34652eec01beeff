"""Diagnoses: which cause an error is put down to, and that there always is one."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plato_email.diagnosis import RULES, Rule, diagnose, remark
from plato_email.diagnosis.rule import Case
from plato_email.errors import Cause, DeliveryError, RecipientRefusal, Stage, Verdict
from plato_email.settings import Settings
from plato_email.smtp import Receipt, Security, Server
from plato_email.smtp.classify import classify_lost
from plato_email.smtp.faults import Dropped, Malformed, OutOfStep, TimedOut, WireError
from tests.support.replies import cause_of, refused

FIELDS = {"", "default_sender", "host", "port", "username", "password", "use_tls", "tls_mode"}
MAIL = "mail.example.test"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@pytest.mark.parametrize(
    ("code", "stage", "said"),
    [
        ("greeting-busy", Stage.GREETING, "421 4.3.2 busy"),
        ("greeting-refused", Stage.GREETING, "554 5.7.1 no"),
        ("own-name-refused", Stage.EHLO, "504 5.5.2 <box>: Helo command rejected: need more"),
        ("own-name-refused", Stage.RECIPIENT, "504 5.5.2 <b>: Helo command rejected: need more"),
        ("introduction-failed", Stage.EHLO, "554 5.7.1 no"),
        ("starttls-unavailable", Stage.TLS, "454 4.7.0 TLS not available"),
        ("password-refused", Stage.LOGIN, "535 5.7.8 authentication failed"),
        ("app-password", Stage.LOGIN, "534 5.7.9 Application-specific password required"),
        ("microsoft-login-off", Stage.LOGIN, "535 5.7.139 SmtpClientAuthentication is disabled"),
        ("microsoft-passwords-gone", Stage.LOGIN, "550 5.7.30 Basic authentication is not"),
        ("login-too-often", Stage.LOGIN, "454 4.7.0 Too many login attempts"),
        ("tls-required", Stage.LOGIN, "530 5.7.0 Must issue a STARTTLS command first"),
        ("tls-required", Stage.SENDER, "530 5.7.0 Must issue a STARTTLS command first"),
        ("login-failed", Stage.LOGIN, "501 5.5.2 cannot decode"),
        ("login-required", Stage.SENDER, "530 5.7.0 Authentication required"),
        ("login-required", Stage.SENDER, "550 Unauthenticated senders not allowed"),
        ("login-required", Stage.SENDER, "530 5.7.57 Client not authenticated to send mail"),
        ("sender-not-owned", Stage.SENDER, "553 5.7.1 Sender address rejected: not owned by user"),
        ("sender-not-owned", Stage.ACCEPTED, "554 5.2.252 SendAsDenied; not allowed"),
        (
            "sender-not-verified",
            Stage.ACCEPTED,
            "554 Message rejected: Email address is not verified.",
        ),
        ("sender-refused", Stage.SENDER, "550 5.1.0 no"),
        ("relaying-denied", Stage.RECIPIENT, "554 5.7.1 <a@b>: Relay access denied"),
        ("recipient-unknown", Stage.RECIPIENT, "550 5.1.1 <a@b>: User unknown"),
        ("recipient-unknown", Stage.RECIPIENT, "550 No such user here"),
        ("mailbox-full", Stage.RECIPIENT, "552 5.2.2 Mailbox full"),
        ("recipient-refused", Stage.RECIPIENT, "550 5.7.0 no"),
        ("greylisted", Stage.RECIPIENT, "450 4.7.1 Greylisted, come back in 300 seconds"),
        ("put-off", Stage.ACCEPTED, "451 4.3.0 later"),
        ("quota-reached", Stage.ACCEPTED, "550 5.4.5 Daily user sending limit exceeded"),
        ("message-too-large", Stage.SENDER, "552 5.3.4 Message size exceeds fixed limit"),
        ("sender-not-authenticated", Stage.ACCEPTED, "550 5.7.26 fails DMARC"),
        ("message-refused", Stage.ACCEPTED, "554 5.6.0 no"),
        ("server-closing", Stage.DATA, "421 4.3.0 closing"),
    ],
)
def test_causes(code: str, stage: Stage, said: str) -> None:
    """The usual errors are put down to their causes."""
    assert cause_of(stage, said) == code


@pytest.mark.parametrize("said", ["535 5.7.8 Username and Password not accepted", "534 5.7.9 no"])
def test_google_wants_an_app_password(said: str) -> None:
    """At Google a refused password means that an app password is wanted."""
    ann = {"username": "ann@gmail.com"}
    assert cause_of(Stage.LOGIN, said, "smtp.gmail.com", **ann) == "google-app-password"
    assert cause_of(Stage.LOGIN, said, "notgmail.com", **ann) != "google-app-password"
    relayed = cause_of(Stage.LOGIN, said + " x12sm34 - gsmtp", "mail.example.test", **ann)
    assert relayed == "google-app-password"


def test_a_wrong_app_password_is_not_taken_for_a_missing_one() -> None:
    """What has the form of an app password is one, and wrong; 534 asks for one all the same."""
    for password in ("abcdefghijklmnop", "abcd efgh ijkl mnop"):
        ann = {"username": "ann@gmail.com", "password": password}
        said = "535 5.7.8 Username and Password not accepted"
        assert cause_of(Stage.LOGIN, said, "smtp.gmail.com", **ann) == "google-password-refused"
        said = "534 5.7.9 Application-specific password required"
        assert cause_of(Stage.LOGIN, said, "smtp.gmail.com", **ann) == "google-app-password"


def test_microsoft_mailbox() -> None:
    """At Microsoft a refused password may be a mailbox that must not log in by SMTP."""
    said = "535 5.7.3 Authentication unsuccessful"
    assert cause_of(Stage.LOGIN, said, "smtp.office365.com") == "microsoft-password-refused"


def test_relaying_without_a_login_asks_for_one() -> None:
    """Relaying denied means something else to a site that does not log in."""
    said = "554 5.7.1 <a@b>: Relay access denied"
    assert cause_of(Stage.RECIPIENT, said, username="") == "relaying-denied-no-login"


NO_ANSWER = TimedOut("no answer in time")
DROPPED = Dropped("the server closed the connection")


@pytest.mark.parametrize(
    ("cause", "stage", "fault", "port", "security"),
    [
        ("tls-expected", Stage.GREETING, NO_ANSWER, 465, Security.NONE),
        ("tls-expected", Stage.GREETING, NO_ANSWER, 465, Security.STARTTLS),
        ("greeting-lost", Stage.GREETING, NO_ANSWER, 465, Security.TLS),
        ("greeting-silent", Stage.GREETING, NO_ANSWER, 587, Security.STARTTLS),
        ("web-server", Stage.GREETING, NO_ANSWER, 443, Security.NONE),
        ("web-server", Stage.GREETING, Malformed("no reply", "web"), 587, Security.NONE),
        ("mailbox-server", Stage.GREETING, NO_ANSWER, 993, Security.NONE),
        ("mailbox-server", Stage.GREETING, Malformed("no reply", "mailbox"), 587, Security.NONE),
        ("not-a-mail-server", Stage.GREETING, Malformed("no reply"), 587, Security.NONE),
        ("greeting-lost", Stage.GREETING, DROPPED, 587, Security.STARTTLS),
        ("introduction-failed", Stage.EHLO, DROPPED, 587, Security.STARTTLS),
        ("tls-silent", Stage.TLS, NO_ANSWER, 587, Security.STARTTLS),
        ("tls-dropped", Stage.TLS, DROPPED, 587, Security.STARTTLS),
        ("login-lost", Stage.LOGIN, DROPPED, 587, Security.STARTTLS),
        ("connection-lost", Stage.DATA, DROPPED, 587, Security.STARTTLS),
        ("answers-out-of-step", Stage.SENDER, OutOfStep("too many"), 587, Security.STARTTLS),
        ("outcome-unknown", Stage.ACCEPTED, DROPPED, 587, Security.STARTTLS),
        ("outcome-unknown", Stage.ACCEPTED, OutOfStep("too many"), 587, Security.STARTTLS),
    ],
)
def test_causes_without_a_reply(
    cause: str, stage: Stage, fault: WireError, port: int, security: Security
) -> None:
    """Where no reply came, the stage, the fault, the port and TLS tell the cause."""
    assert classify_lost(stage, fault, Server(MAIL, port, security).facts()) == cause


def test_sentences_quote_what_was_said() -> None:
    """Host, port, reply and the names in a certificate are filled in."""
    said = "The certificate was not accepted: it is not for the name a.test; it is for {b}.test."
    error = DeliveryError(Stage.TLS, Cause.CERTIFICATE_NAME, said)
    named = diagnose(error, Settings(host="a.test", port=587, use_tls=True))
    refusal = refused(Stage.LOGIN, "535 5.7.8 no {way}", MAIL)

    assert named.title == "The certificate is for another name than a.test"
    assert named.why.endswith(said)
    assert diagnose(refusal, Settings()).why.endswith("The server said: 535 5.7.8 no {way}")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rules_are_well_formed(rule: Rule) -> None:
    """Every rule points at a field there is, advises something, and quotes only what is known."""
    assert rule.field in FIELDS
    assert rule.steps
    assert not rule.title.endswith(".")
    assert all(step.endswith(".") for step in rule.steps)
    texts = (rule.title, rule.why, *rule.steps)
    quoted = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    assert quoted <= Case(DeliveryError(Stage.DATA, rule.cause, ""), Settings()).words.keys()


OURS = {
    *(Cause.MAIL_HELD, Cause.NOT_ON_ALLOW_LIST, Cause.CANCELLED_BY_SITE, Cause.KEY_MISSING),
    *(Cause.CONTENT_GONE, Cause.INTERNAL_ERROR, Cause.SENDER_DIED),
}
"""Causes whose stored words say it all."""


def test_every_cause_has_its_rule() -> None:
    """One that holds anywhere, and before it those that hold somewhere."""
    assert {rule.cause for rule in RULES} == set(Cause) - OURS
    for cause in set(Cause) - OURS:
        *special, general = [rule for rule in RULES if rule.cause is cause]
        assert general.when is None
        assert all(rule.when for rule in special)


def test_page_and_queue_agree() -> None:
    """For every cause and every kind of reply the page says what the queue does, and no more."""
    sentences = set()
    for cause in Cause:
        for code in (None, 421, 450, 550):
            found = diagnose(DeliveryError(Stage.ACCEPTED, cause, "no", code=code), Settings())
            assert found.fate is cause.verdict(code)
            sentences.add(found.queue)
    assert len(sentences) == len(Verdict)
    promises = re.compile(r"queue|tried again|tries again|by itself|nothing is lost", re.IGNORECASE)
    for rule in RULES:
        assert not promises.search(" ".join((rule.title, rule.why, *rule.steps))), rule.code


REPLIES = st.text() | st.sampled_from(
    ["535 5.7.8 no", "relay denied", "certificate required", "it is for a.test, b.test.", "gsmtp"]
).flatmap(lambda words: st.text(max_size=20).map(lambda more: words + more))
SECRET = "correct horse battery"


@given(
    stage=st.sampled_from(Stage),
    cause=st.sampled_from(Cause),
    code=st.none() | st.integers(200, 599),
    enhanced=st.sampled_from(["", "5.7.139", "5.7.30", "5.2.252", "4.7.12", "5.1.1"]),
    reply=REPLIES,
    around=st.tuples(st.text(max_size=5), st.text(max_size=5)),
    host=st.sampled_from([MAIL, "smtp.gmail.com", "localhost", "smtp://x", "a\r\nb", "::1", ""]),
    port=st.sampled_from([25, 80, 110, 465, 587, 2525]),
    security=st.sampled_from(Security),
    username=st.sampled_from(["", "site", "ann@example.test", "Zo\u00eb"]),
)
def test_there_always_is_a_diagnosis(
    stage: Stage,
    cause: Cause,
    code: int | None,
    enhanced: str,
    reply: str,
    around: tuple[str, str],
    host: str,
    port: int,
    security: Security,
    username: str,
) -> None:
    """Any error whatever has a diagnosis, on lines of its own and without the password."""
    said = reply + SECRET.join(around)
    error = DeliveryError(stage, cause, said, code=code, enhanced=enhanced)
    found = diagnose(error, Server(host, port, security, username, SECRET))
    texts = (found.title, found.why, *found.steps)
    assert all(texts)
    assert found.steps
    assert not any(SECRET in text or _CONTROL.search(text) for text in texts)


def receipt(reply: str, refused: dict[str, RecipientRefusal] | None = None) -> Receipt:
    """What a session returns."""
    return Receipt(("ann@example.test",), refused or {}, 250, "2.0.0", reply)


@pytest.mark.parametrize(
    "greeting",
    ["220 box Mailpit ESMTP Service ready", "220 smtp-sink ESMTP", "220 box Python SMTP 1.4.6"],
)
def test_a_catcher_is_told(greeting: str) -> None:
    """A mail that only a catcher has is not called delivered."""
    said = remark(
        receipt("Ok: queued as 1A2B3C"), Server(MAIL, 25, Security.NONE), ["S: " + greeting]
    )
    assert said is not None
    assert said.code == "catcher"


def test_the_name_of_a_queued_mail_is_told() -> None:
    """The queue's name for the mail is what the operator wants to hear."""
    said = remark(receipt("2.0.0 Ok: queued as 4XyZ1A"), Server(MAIL, 25, Security.NONE))
    assert said is not None
    assert (said.code, "4XyZ1A" in said.title) == ("queued", True)
    assert remark(receipt("2.0.0 Ok"), Server(MAIL, 25, Security.NONE)) is None


def test_refused_recipients_are_told() -> None:
    """A mail that some were refused says who, and why."""
    refused = {
        "bob@example.test": RecipientRefusal(550, "", "No such user", Cause.RECIPIENT_UNKNOWN)
    }
    said = remark(receipt("Ok", refused), Server(MAIL, 25, Security.NONE))
    assert said is not None
    assert (said.code, "bob@example.test: 550 No such user" in said.why) == ("partly-refused", True)
