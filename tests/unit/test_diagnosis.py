"""Diagnoses: which cause an error is put down to, and that there always is one."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plato_email.diagnosis import REMARKS, RULES, Rule, diagnose, remark
from plato_email.errors import DeliveryError, RecipientRefusal, Stage, Verdict
from plato_email.settings import Settings
from plato_email.smtp import Receipt, Security, Server
from plato_email.smtp.reply import Reply
from plato_email.smtp.verdict import judge

FIELDS = {"", "default_sender", "host", "port", "username", "password", "use_tls", "tls_mode"}
MAIL = "mail.example.test"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def error_at(stage: Stage, said: str) -> DeliveryError:
    """The error for a server's reply, or for words of our own where no code stands first."""
    if not said[:3].isdigit():
        return DeliveryError(stage, Verdict.SERVER, said)
    reply = Reply(int(said[:3]), (said[4:],))
    return DeliveryError(
        stage, judge(stage, reply), reply.text, code=reply.code, enhanced=reply.enhanced
    )


def code_of(
    stage: Stage,
    said: str,
    host: str = MAIL,
    port: int = 587,
    security: Security = Security.STARTTLS,
    username: str = "site",
) -> str:
    """The name of the diagnosis."""
    server = Server(host, port, security, username)
    return diagnose(error_at(stage, said), server).code


@pytest.mark.parametrize(
    ("code", "stage", "said"),
    [
        ("host-missing", Stage.RESOLVE, "No server is named."),
        ("host-malformed", Stage.RESOLVE, "'smtp. x' cannot be the name of a server."),
        ("host-not-found", Stage.RESOLVE, "The name x was not found (Name or service not known)."),
        ("name-lookup-failed", Stage.RESOLVE, "The name x was not found (Temporary failure in n)."),
        ("name-lookup-slow", Stage.RESOLVE, "The name x could not be looked up in 5 seconds."),
        ("connection-refused", Stage.CONNECT, "No connection: 1.2.3.4:587: Connection refused."),
        ("connection-timed-out", Stage.CONNECT, "No connection: 1.2.3.4:587: no answer in 9 s."),
        ("network-unreachable", Stage.CONNECT, "No connection: 1.2.3.4:5: Network is unreachable."),
        ("network-unreachable", Stage.CONNECT, "No connection: 1.2.3.4:587: No route to host."),
        ("connection-failed", Stage.CONNECT, "No connection: 1.2.3.4:587: Protocol error."),
        ("greeting-silent", Stage.GREETING, "No answer in time; 9 seconds were allowed."),
        ("not-a-mail-server", Stage.GREETING, "This is not an SMTP reply: 'SSH-2.0-OpenSSH'."),
        ("greeting-busy", Stage.GREETING, "421 4.3.2 busy"),
        ("greeting-refused", Stage.GREETING, "554 5.7.1 no"),
        ("greeting-lost", Stage.GREETING, "The server closed the connection."),
        ("own-name-refused", Stage.EHLO, "504 5.5.2 <box>: Helo command rejected: need more"),
        ("own-name-refused", Stage.RECIPIENT, "504 5.5.2 <b>: Helo command rejected: need more"),
        ("introduction-failed", Stage.EHLO, "554 5.7.1 no"),
        ("starttls-missing", Stage.TLS, "The server does not offer STARTTLS, so no TLS."),
        ("starttls-refused", Stage.TLS, "454 4.7.0 TLS not available"),
        ("certificate-self-signed", Stage.TLS, "not accepted: it is self-signed, so nobody."),
        ("certificate-expired", Stage.TLS, "not accepted: it has expired."),
        ("certificate-not-yet-valid", Stage.TLS, "not accepted: it is not valid yet, or clock."),
        ("certificate-name", Stage.TLS, "it is not for the name x; it is for a.test, b.test."),
        ("certificate-name", Stage.TLS, "not accepted: it is not for the name mail.example.test."),
        ("certificate-untrusted", Stage.TLS, "issued by an authority that is not trusted here."),
        ("tls-too-old", Stage.TLS, "The TLS handshake failed: tlsv1 alert protocol version."),
        ("tls-failed", Stage.TLS, "The TLS handshake failed: who knows."),
        ("login-not-offered", Stage.LOGIN, "The server offers no login (no AUTH in its answer)."),
        ("login-unencrypted", Stage.LOGIN, "The password was not sent, because."),
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
        ("connection-lost", Stage.DATA, "The server closed the connection."),
    ],
)
def test_causes(code: str, stage: Stage, said: str) -> None:
    """The usual errors are put down to their causes."""
    assert code_of(stage, said) == code


@pytest.mark.parametrize("said", ["535 5.7.8 Username and Password not accepted", "534 5.7.9 no"])
def test_google_wants_an_app_password(said: str) -> None:
    """At Google a refused password means that an app password is wanted."""
    ann = "ann@gmail.com"
    assert code_of(Stage.LOGIN, said, "smtp.gmail.com", username=ann) == "google-app-password"
    assert code_of(Stage.LOGIN, said, "notgmail.com", username=ann) != "google-app-password"
    relayed = code_of(Stage.LOGIN, said + " x12sm34 - gsmtp", "mail.example.test", username=ann)
    assert relayed == "google-app-password"


def test_microsoft_mailbox() -> None:
    """At Microsoft a refused password may be a mailbox that must not log in by SMTP."""
    said = "535 5.7.3 Authentication unsuccessful"
    found = code_of(Stage.LOGIN, said, "smtp.office365.com", username="ann@example.test")
    assert found == "microsoft-password-refused"


@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS])
def test_port_465_spoken_to_in_plain_text(security: Security) -> None:
    """Silence on port 465 is TLS that was not begun, not a firewall."""
    said = "No answer in time; 9 seconds were allowed."
    assert code_of(Stage.GREETING, said, port=465, security=security) == "tls-expected"
    assert code_of(Stage.GREETING, said, port=465, security=Security.TLS) == "greeting-lost"


def test_tls_spoken_to_a_starttls_port() -> None:
    """OpenSSL's wrong version number is a server that greeted in plain text."""
    said = "The TLS handshake failed: wrong version number."
    assert code_of(Stage.TLS, said, security=Security.TLS) == "starttls-expected"


def test_silent_port_25_is_blocked() -> None:
    """No answer on port 25 is the hosting provider's doing more often than not."""
    said = "No connection: 192.0.2.1:25: no answer in 15 seconds."
    assert code_of(Stage.CONNECT, said, port=25) == "port-25-blocked"


def test_relaying_without_a_login_asks_for_one() -> None:
    """Relaying denied means something else to a site that does not log in."""
    said = "554 5.7.1 <a@b>: Relay access denied"
    assert code_of(Stage.RECIPIENT, said, username="") == "relaying-denied-no-login"


def test_lost_answer() -> None:
    """A lost answer after the dot is not reported as a failure."""
    error = DeliveryError(Stage.ACCEPTED, Verdict.UNKNOWN, "The server closed the connection.")
    found = diagnose(error, Server(MAIL, 25, Security.NONE))
    assert (found.code, found.field) == ("outcome-unknown", "")


def test_sentences_quote_what_was_said() -> None:
    """Host, port, reply and the names in a certificate are filled in."""
    said = "The certificate was not accepted: it is not for the name a.test; it is for {b}.test."
    named = diagnose(error_at(Stage.TLS, said), Settings(host="a.test", port=587, use_tls=True))
    refused = diagnose(error_at(Stage.LOGIN, "535 5.7.8 no {way}"), Server(MAIL, 25, Security.NONE))

    assert named.title == "The certificate is for another name than a.test"
    assert named.why.endswith(said)
    assert refused.why.endswith("The server said: 535 5.7.8 no {way}")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rules_are_well_formed(rule: Rule) -> None:
    """Every rule points at a field there is, advises something, and quotes only what is known."""
    assert rule.field in FIELDS
    assert rule.steps
    assert not rule.title.endswith(".")
    assert all(step.endswith(".") for step in rule.steps)
    texts = (rule.title, rule.why, *rule.steps)
    quoted = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    assert quoted <= {"host", "port", "provider", "user_name", "credential", "link"}


def test_every_cause_has_one_rule() -> None:
    """A code is a heading in the documentation, so no two rules share one."""
    codes = [rule.code for rule in RULES] + [said.code for said in REMARKS]
    assert len(set(codes)) == len(codes) > 45


REPLIES = st.text() | st.sampled_from(
    ["535 5.7.8 no", "relay denied", "certificate required", "it is for a.test, b.test.", "gsmtp"]
).flatmap(lambda words: st.text(max_size=20).map(lambda more: words + more))
SECRET = "correct horse battery"


@given(
    stage=st.sampled_from(Stage),
    verdict=st.sampled_from(Verdict),
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
    verdict: Verdict,
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
    error = DeliveryError(stage, verdict, said, code=code, enhanced=enhanced)
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
    refused = {"bob@example.test": RecipientRefusal(550, "", "No such user", Verdict.PERMANENT)}
    said = remark(receipt("Ok", refused), Server(MAIL, 25, Security.NONE))
    assert said is not None
    assert (said.code, "bob@example.test: 550 No such user" in said.why) == ("partly-refused", True)
