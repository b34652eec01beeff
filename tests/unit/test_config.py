"""Every configuration key: read from app.config or the environment, checked, told when wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plato_email.config import OPTIONS, read_config
from plato_email.errors import ConfigurationError
from tests.support.databases import fresh_database
from tests.support.sites import hosted

GOOD: dict[str, Any] = {"PLATO_EMAIL_PORT": 2525, "PLATO_EMAIL_USE_TLS": "false"}


def test_defaults_pin_nothing() -> None:
    """With nothing set every option has its default and no field is pinned."""
    config = read_config({}, {})
    assert (config.pins, config.defaults) == ({}, {})
    assert {o.name: config[o.name] for o in OPTIONS} == {o.name: o.default for o in OPTIONS}


def test_app_config_wins_over_the_environment() -> None:
    """A key in app.config is taken before the environment's; both pin the field."""
    environ = {"PLATO_EMAIL_HOST": "env.example.com", "PLATO_EMAIL_PORT": "587"}
    config = read_config({"PLATO_EMAIL_HOST": "app.example.com"}, environ)
    assert config.pins["host"] == ("PLATO_EMAIL_HOST", "app.example.com")
    assert config.pins["port"] == ("PLATO_EMAIL_PORT", 587)


@pytest.mark.parametrize("word", ["False", "false", "0", "no", "off"])
def test_the_text_false_is_false(word: str) -> None:
    """An environment variable is text; "False" must not be true."""
    assert read_config({}, {"PLATO_EMAIL_USE_TLS": word}).pins["use_tls"][1] is False


def test_flask_mail_keys_are_defaults() -> None:
    """MAIL_* keys stand in while ours are not set, and pin nothing."""
    mail = {
        "MAIL_SERVER": "mail.example.com",
        "MAIL_PORT": 465,
        "MAIL_USE_SSL": True,
        "MAIL_DEFAULT_SENDER": ("Site", "site@example.com"),
    }
    config = read_config(mail, {})
    assert config.pins == {}
    assert config.defaults == {
        "host": "mail.example.com",
        "port": 465,
        "use_tls": True,
        "tls_mode": "tls",
        "default_sender": '"Site" <site@example.com>',
    }


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("PORT", 70000, "not between 1 and 65535"),
        ("PORT", "http", "not a whole number"),
        ("USE_TLS", "perhaps", "neither true nor false"),
        ("TLS_MODE", "ssl", "none of automatic"),
        ("URL_PREFIX", "admin", "is not a path such as"),
        ("ON_UNKNOWN", "drop", "none of retry"),
        ("HOST", 25, "is not a text"),
        ("POLLER", "sometimes", "neither true nor false"),
        ("RESOLVER", "dns.example.com", "not the IP address of a DNS server"),
        ("RESOLVER", "192.0.2.53:99999", "not the IP address of a DNS server"),
        ("DKIM_SELECTOR", "no selector", "not a DKIM selector"),
        ("ALLOWED_SERVERS", 25, "neither a list nor a text"),
        ("ALLOWED_SERVERS", " , ", "names nothing"),
    ],
)
def test_a_wrong_value_names_the_key_the_value_and_the_cure(
    key: str, value: object, said: str
) -> None:
    """The error says which key, what it was, and what it may be."""
    with pytest.raises(ConfigurationError) as caught:
        read_config({f"PLATO_EMAIL_{key}": value}, {})
    assert f"PLATO_EMAIL_{key}" in str(caught.value)
    assert repr(value) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", ["a.test:25, 10.0.0.0/8", ["a.test:25", " 10.0.0.0/8 "]])
def test_list_of_servers(value: object) -> None:
    """A list is written as one, or as a text with commas."""
    config = read_config({"PLATO_EMAIL_ALLOWED_SERVERS": value}, {})
    assert config["ALLOWED_SERVERS"] == ("a.test:25", "10.0.0.0/8")


@pytest.mark.parametrize("where", ["app.config", "environment"])
def test_a_misspelt_key_is_refused(where: str) -> None:
    """A key that does nothing would be a setting silently not applied."""
    keys = {"PLATO_EMAIL_USE_TSL": "true"}
    with pytest.raises(ConfigurationError, match=r"USE_TSL is not a key.* PLATO_EMAIL_USE_TLS\?"):
        read_config(*((keys, {}) if where == "app.config" else ({}, keys)))
    with pytest.raises(ConfigurationError, match=r"not a key of plato_email\. docs"):
        read_config({"PLATO_EMAIL_X": "x"}, {})


def test_no_secret_in_repr_or_error() -> None:
    """Neither repr nor a refusal shows a password or a key."""
    config = read_config({"PLATO_EMAIL_PASSWORD": "hunter2", "PLATO_EMAIL_KEYS": "a:b"}, {})
    assert "hunter2" not in repr(config)
    assert "a:b" not in repr(config)
    with pytest.raises(ConfigurationError) as caught:
        read_config({"PLATO_EMAIL_USERNAME": 12345}, {})
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        *("PLATO_EMAIL_HOST", "MAIL_SERVER", "PLATO_EMAIL_DEFAULT_SENDER", "MAIL_DEFAULT_SENDER"),
        *("PLATO_EMAIL_PORT", "MAIL_PORT", "PLATO_EMAIL_USE_TLS", "PLATO_EMAIL_TLS_MODE"),
        *("PLATO_EMAIL_USERNAME", "MAIL_USERNAME", "PLATO_EMAIL_REDIRECT_TO"),
        *("PLATO_EMAIL_ALLOWED_RECIPIENTS", "PLATO_EMAIL_ALLOWED_SERVERS", "PLATO_EMAIL_RESOLVER"),
    ],
)
def test_password_in_the_wrong_key_is_not_repeated(tmp_path: Path, key: str) -> None:
    """A URL with a login is refused by key; the error, which ends in logs, is free of it."""
    with (
        fresh_database("sqlite", tmp_path) as url,
        pytest.raises(ConfigurationError, match=key) as found,
        hosted(url, tmp_path, **{key: "smtps://me:S3CRETQ@smtp.example.com:587"}),
    ):
        pass
    assert "S3CRETQ" not in str(found.value)
    assert found.value.__suppress_context__


def test_pins_are_read_as_the_page_reads_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was pasted into the configuration is understood, and the log names the key."""
    pins = {
        "PLATO_EMAIL_HOST": "smtp.shop.example/",
        "PLATO_EMAIL_USERNAME": "me\u200b@shop.example",
        "PLATO_EMAIL_PASSWORD": "abcd\u00a0efgh",
        "PLATO_EMAIL_PORT": "\uff15\uff18\uff17",
    }
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path, **pins) as host:
        settings = host.site.load_settings().settings
    assert (settings.host, settings.port) == ("smtp.shop.example", 587)
    assert (settings.username, settings.password) == ("me@shop.example", "abcd\u00a0efgh")
    for key, fact in (("HOST", "shop"), ("USERNAME", "U+200B"), ("PASSWORD", "U+00A0")):
        assert any(f"PLATO_EMAIL_{key}" in each and fact in each for each in caplog.messages)
    assert "efgh" not in caplog.text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PLATO_EMAIL_HOST", "not a host"),
        ("PLATO_EMAIL_DEFAULT_SENDER", "nobody"),
        ("PLATO_EMAIL_ALLOWED_SERVERS", "smtp.example.com, http://example.com"),
    ],
)
def test_pinned_values_follow_the_rules_of_the_page(tmp_path: Path, key: str, value: str) -> None:
    """A host or a sender that the page would refuse is refused at start, by key."""
    with (
        fresh_database("sqlite", tmp_path) as url,
        pytest.raises(ConfigurationError, match=key),
        hosted(url, tmp_path, **{key: value}),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
    ],
)
def test_a_resolver_is_an_address_and_perhaps_a_port(text: str, address: tuple[str, int]) -> None:
    """IPv6 addresses stand in brackets where a port follows."""
    assert read_config({"PLATO_EMAIL_RESOLVER": text}, {})["RESOLVER"] == address


def test_selectors_are_several() -> None:
    """A site that rotates its DKIM keys names both."""
    assert read_config({}, {"PLATO_EMAIL_DKIM_SELECTOR": "s1, S2"})["DKIM_SELECTOR"] == ("s1", "s2")
