"""The cures that a diagnosis offers: sure ones, and none that would be a guess."""

from __future__ import annotations

import pytest

from plato_email.diagnosis import RULES, diagnose
from plato_email.errors import DeliveryError, Stage, Verdict
from plato_email.settings import Settings, clean_settings
from plato_email.smtp.reply import Reply

MAIL = "mail.example.test"


def error_at(stage: Stage, said: str) -> DeliveryError:
    """The error for a server's reply, or for words of our own where no code stands first."""
    if not said[:3].isdigit():
        return DeliveryError(stage, Verdict.SERVER, said)
    reply = Reply(int(said[:3]), (said[4:],))
    return DeliveryError(stage, Verdict.SETUP, reply.text, code=reply.code, enhanced=reply.enhanced)


NAMES = (
    "The server's certificate was not accepted: it is not for the name mail.example.test; it is "
)
ANN = "Ann <ann@example.test>"
FIXES: dict[str, tuple[Stage, str, Settings, dict[str, str]]] = {
    "host-malformed": (
        Stage.RESOLVE,
        "'smtps://mail.example.test:4650' cannot be the name of a server.",
        Settings(host="smtps://mail.example.test:4650"),
        {"host": MAIL, "port": "4650", "use_tls": "on", "tls_mode": "tls"},
    ),
    "port-25-blocked": (
        Stage.CONNECT,
        "No connection: 192.0.2.1:25: no answer in 5 seconds.",
        Settings(host=MAIL),
        {"port": "587", "use_tls": "on", "tls_mode": "automatic"},
    ),
    "tls-expected": (
        Stage.GREETING,
        "No answer in time; 9 seconds were allowed.",
        Settings(host=MAIL, port=465),
        {"use_tls": "on", "tls_mode": "tls"},
    ),
    "starttls-expected": (
        Stage.TLS,
        "The TLS handshake failed: wrong version number.",
        Settings(host=MAIL, port=587, use_tls=True, tls_mode="tls"),
        {"use_tls": "on", "tls_mode": "starttls"},
    ),
    "starttls-missing-locally": (
        Stage.TLS,
        "The server does not offer STARTTLS, so no TLS can be had this way.",
        Settings(host="localhost", port=1025, use_tls=True),
        {"use_tls": ""},
    ),
    "certificate-name": (
        Stage.TLS,
        NAMES + "for *.example.test, mx.elsewhere.test, smtp.example.test.",
        Settings(host=MAIL, port=587, use_tls=True),
        {"host": "smtp.example.test"},
    ),
    "login-unencrypted": (
        Stage.LOGIN,
        "The password was not sent, because the connection is not encrypted.",
        Settings(host=MAIL),
        {"use_tls": "on", "tls_mode": "automatic"},
    ),
    "login-after-tls": (
        Stage.LOGIN,
        "The server offers no login (no AUTH in its answer to EHLO).",
        Settings(host=MAIL),
        {"use_tls": "on", "tls_mode": "automatic"},
    ),
    "tls-required": (
        Stage.SENDER,
        "530 5.7.0 Must issue a STARTTLS command first",
        Settings(host=MAIL),
        {"use_tls": "on", "tls_mode": "automatic"},
    ),
    "user-name-fixed": (
        Stage.LOGIN,
        "535 Authentication failed: Bad username / password",
        Settings(host="smtp.sendgrid.net", port=587, use_tls=True, username="ann@example.test"),
        {"username": "apikey"},
    ),
    "user-name-incomplete": (
        Stage.LOGIN,
        "535 5.7.8 Username and Password not accepted",
        Settings("ann@gmail.com", "smtp.gmail.com", 587, username="ann", use_tls=True),
        {"username": "ann@gmail.com"},
    ),
    "sender-not-owned": (
        Stage.SENDER,
        "553 5.7.1 Sender address rejected: not owned by user",
        Settings(ANN, MAIL, 587, username="site@example.test", use_tls=True),
        {"default_sender": "Ann <site@example.test>"},
    ),
}


def heard(said: str) -> DeliveryError:
    """An error whose dialogue had STARTTLS in it."""
    error = error_at(Stage.LOGIN, said)
    error.transcript = ("S: 250 STARTTLS",)
    return error


@pytest.mark.parametrize("code", FIXES)
def test_a_fix_fills_in_fields_that_there_are(code: str) -> None:
    """A cure that is offered names its values, and the form takes them."""
    stage, said, settings, values = FIXES[code]
    error = heard(said) if code == "login-after-tls" else error_at(stage, said)
    found = diagnose(error, settings)
    assert found.code == code
    assert found.fix is not None
    assert dict(found.fix.values) == values
    problems = clean_settings(
        {**values, "password": "x"} if settings.username else values, settings
    )
    assert problems.problems == {}


def test_every_fix_is_tried() -> None:
    """No rule offers a cure that is not in the table."""
    assert {rule.code for rule in RULES if rule.fix} == set(FIXES)


@pytest.mark.parametrize(
    ("stage", "said", "settings"),
    [
        (Stage.RESOLVE, "'a b' cannot be the name of a server.", Settings(host="smtp example")),
        (Stage.RESOLVE, "'x' cannot be the name of a server.", Settings(host="smtp://a:b@c.test")),
        (Stage.TLS, NAMES + "for mx.elsewhere.test.", Settings(host=MAIL)),
        (Stage.SENDER, "554 5.2.252 SendAsDenied", Settings(ANN, MAIL, username="ann")),
        (
            Stage.SENDER,
            "554 5.2.252 SendAsDenied",
            Settings(ANN, MAIL, username="ann@example.test"),
        ),
        (Stage.LOGIN, "535 no", Settings("b@gmail.com", "smtp.gmail.com", username="ann")),
    ],
)
def test_a_cure_that_would_be_a_guess_is_not_offered(
    stage: Stage, said: str, settings: Settings
) -> None:
    """Where the values are not certain there are steps, and no button."""
    found = diagnose(error_at(stage, said), settings)
    assert found.fix is None
    assert found.code in FIXES


@pytest.mark.parametrize(
    ("host", "names", "offered"),
    [
        ("mail.example.com", "smtp.example.com", "smtp.example.com"),
        ("mail.example.com", "*.example.com, mx.other.com, mx1.example.com", "mx1.example.com"),
        ("example.com", "mail.example.com", "mail.example.com"),
        ("example.co.uk", "mail.example.co.uk", "mail.example.co.uk"),
        ("mail.example.co.uk", "smtp.example.co.uk", "smtp.example.co.uk"),
        ("mail.example.de", "smtp.example.de", "smtp.example.de"),
        ("mail.example.com", "example.com.evil.com", ""),
        ("mail.example.com", "notexample.com", ""),
        ("mail.example.com", "mail.evil.com", ""),
        ("example.com", "evil.com", ""),
        ("example.co.uk", "evil.co.uk", ""),
        ("example.co.uk", "mail.evil.co.uk", ""),
        ("localhost", "mail.localhost", ""),
        ("192.0.2.1", "mail.example.com", ""),
        ("mail.example.com", "*.example.com", ""),
    ],
)
def test_only_a_name_of_the_same_domain_is_offered(host: str, names: str, offered: str) -> None:
    """A certificate for somebody else's name is no advice: it may be from somebody in between."""
    said = f"The certificate: it is not for the name {host}; it is for {names}."
    error = DeliveryError(Stage.TLS, Verdict.SETUP, said)
    found = diagnose(error, Settings(host=host, port=587, use_tls=True))
    assert found.code == "certificate-name"
    assert (found.fix.values["host"] if found.fix else "") == offered
