"""The cures that a diagnosis offers: sure ones, and none that would be a guess."""

from __future__ import annotations

from typing import Any

import pytest

from plato_email.diagnosis import RULES, diagnose
from plato_email.errors import Cause, Certificate, DeliveryError, Facts, Stage
from plato_email.settings import Settings, clean_settings

MAIL = "mail.example.test"


def error_of(cause: str, **facts: Any) -> DeliveryError:
    """An error of that cause."""
    found = Cause.read(cause)
    assert found is not None
    return DeliveryError(Stage.SENDER, found, "no", facts=Facts(**facts))


def named(*names: str) -> Certificate:
    """A certificate for these names."""
    return Certificate(names)


ANN = "Ann <ann@example.test>"
FIXES: dict[str, tuple[Settings, dict[str, str]]] = {
    "host-malformed": (
        Settings(host="smtps://mail.example.test:4650"),
        {"host": MAIL, "port": "4650", "use_tls": "on", "tls_mode": "tls"},
    ),
    "port-25-blocked": (
        Settings(host=MAIL),
        {"port": "587", "use_tls": "on", "tls_mode": "automatic"},
    ),
    "tls-expected": (
        Settings(host=MAIL, port=465),
        {"use_tls": "on", "tls_mode": "tls"},
    ),
    "starttls-expected": (
        Settings(host=MAIL, port=587, use_tls=True, tls_mode="tls"),
        {"use_tls": "on", "tls_mode": "starttls"},
    ),
    "starttls-missing-locally": (
        Settings(host="localhost", port=1025, use_tls=True),
        {"use_tls": ""},
    ),
    "starttls-missing-at-catcher": (
        Settings(host="mailpit", port=1025, use_tls=True),
        {"use_tls": ""},
    ),
    "certificate-self-signed": (
        Settings(host="127.0.0.1", port=1025, use_tls=True),
        {"use_tls": ""},
    ),
    "certificate-name": (
        Settings(host=MAIL, port=587, use_tls=True),
        {"host": "smtp.example.test"},
    ),
    "login-unencrypted": (
        Settings(host=MAIL),
        {"use_tls": "on", "tls_mode": "automatic"},
    ),
    "login-after-tls": (
        Settings(host=MAIL),
        {"use_tls": "on", "tls_mode": "automatic"},
    ),
    "tls-required": (
        Settings(host=MAIL),
        {"use_tls": "on", "tls_mode": "automatic"},
    ),
    "user-name-fixed": (
        Settings(host="smtp.sendgrid.net", port=587, use_tls=True, username="ann@example.test"),
        {"username": "apikey"},
    ),
    "user-name-incomplete": (
        Settings("ann@gmail.com", "smtp.gmail.com", 587, username="ann", use_tls=True),
        {"username": "ann@gmail.com"},
    ),
    "sender-not-owned": (
        Settings(ANN, MAIL, 587, username="site@example.test", use_tls=True),
        {"default_sender": "Ann <site@example.test>"},
    ),
}
NAMES = named("*.example.test", "mx.elsewhere.test", "smtp.example.test")


@pytest.mark.parametrize("code", FIXES)
def test_a_fix_fills_in_fields_that_there_are(code: str) -> None:
    """A cure that is offered names its values, and the form takes them."""
    settings, values = FIXES[code]
    found = diagnose(error_of(code, certificate=NAMES), settings)
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
    ("cause", "settings"),
    [
        ("host-malformed", Settings(host="smtp example")),
        ("host-malformed", Settings(host="smtp://a:b@c.test")),
        ("certificate-name", Settings(host=MAIL)),
        ("sender-not-owned", Settings(ANN, MAIL, username="ann")),
        ("sender-not-owned", Settings(ANN, MAIL, username="ann@example.test")),
        ("user-name-incomplete", Settings("b@gmail.com", "smtp.gmail.com", username="ann")),
        ("certificate-self-signed", Settings(host=MAIL)),
    ],
)
def test_a_cure_that_would_be_a_guess_is_not_offered(cause: str, settings: Settings) -> None:
    """Where the values are not certain there are steps, and no button."""
    found = diagnose(error_of(cause, certificate=named("mx.elsewhere.test")), settings)
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
    error = error_of("certificate-name", certificate=named(*names.split(", ")))
    found = diagnose(error, Settings(host=host, port=587, use_tls=True))
    assert (found.fix.values.get("host", "") if found.fix else "") == offered
