"""A whole form of settings: what its fields say about each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plato_email.settings import Settings, clean_settings

SAVED = Settings(
    default_sender="a@example.com",
    host="smtp.example.com",
    port=587,
    username="bob",
    password="hunter2",
    use_tls=True,
)
AGAIN = "The server changed, so the password must be typed again."


def test_missing_fields_keep_their_values() -> None:
    """Only what is in the form changes."""
    cleaned = clean_settings({"batch_size": "7"}, SAVED)
    assert replace(SAVED, batch_size=7) == cleaned.settings
    assert (cleaned.problems, cleaned.notes, cleaned.keep_password) == ({}, {}, True)


def test_every_problem_is_told_at_once_and_the_rest_is_taken() -> None:
    """A wrong field keeps its value from before, and does not hide the next wrong one."""
    raw = {"host": "a b", "poll_interval": "soon", "batch_size": 0, "send_attempts": "3"}
    cleaned = clean_settings(raw, SAVED)
    assert {"host", "poll_interval", "batch_size"} == set(cleaned.problems)
    assert replace(SAVED, send_attempts=3) == cleaned.settings


@pytest.mark.parametrize(
    ("use_tls", "mode", "port"),
    [
        (False, "automatic", 25),
        (True, "automatic", 587),
        (True, "starttls", 587),
        (True, "tls", 465),
    ],
)
def test_blank_port_is_the_usual_one(use_tls: bool, mode: str, port: int) -> None:
    """A port left empty follows the choice of TLS, and the note names it."""
    raw = {"port": " ", "use_tls": use_tls, "tls_mode": mode}
    cleaned = clean_settings(raw, Settings(host="smtp.example.com"))
    assert port == cleaned.settings.port
    assert f"Left empty, so {port}" in cleaned.notes["port"]
    assert not cleaned.problems


def test_pasted_port_fills_a_port_that_was_not_typed() -> None:
    """The port of a pasted address is taken where the port field is empty or as it was."""
    for port in ("", "25"):
        cleaned = clean_settings({"host": "mx.example.com:2525", "port": port}, Settings())
        assert (cleaned.settings.host, cleaned.settings.port) == ("mx.example.com", 2525)
        assert not cleaned.problems


def test_pasted_port_against_a_typed_one() -> None:
    """Two different ports are a question for the one who typed them, not a guess."""
    cleaned = clean_settings({"host": "mx.example.com:2525", "port": "587"}, Settings())
    assert cleaned.problems == {
        "host": "The server address says port 2525, but the port is 587. "
        "Leave it out of the address."
    }
    same = clean_settings({"host": "mx.example.com:587", "port": "587"}, Settings())
    assert not same.problems


def test_pasted_smtps_switches_tls_on() -> None:
    """An address that asks for TLS gets it, and the note says so."""
    raw = {"host": "smtps://mx.example.com", "port": "", "use_tls": False, "tls_mode": "automatic"}
    cleaned = clean_settings(raw, Settings())
    assert (
        cleaned.settings.use_tls,
        cleaned.settings.tls_mode,
        cleaned.settings.port,
    ) == (True, "tls", 465)
    assert cleaned.notes["use_tls"] == "Switched on: the server address asks for TLS."


@pytest.mark.parametrize(
    ("port", "use_tls", "mode", "note"),
    [
        (465, False, "automatic", "Port 465 usually expects TLS. If the test fails, tick TLS."),
        (
            465,
            True,
            "starttls",
            "Port 465 usually expects TLS at once. If the test fails, choose Automatic.",
        ),
        (
            587,
            True,
            "tls",
            "Port 587 usually expects STARTTLS. If the test fails, choose Automatic.",
        ),
    ],
)
def test_unusual_port_is_mentioned(port: int, use_tls: bool, mode: str, note: str) -> None:
    """An unusual pair of port and TLS is allowed, with a word of warning."""
    cleaned = clean_settings(
        {"port": port, "use_tls": use_tls, "tls_mode": mode}, Settings(host="smtp.example.com")
    )
    assert ({}, {"port": note}) == (cleaned.problems, cleaned.notes)


@pytest.mark.parametrize(
    "change",
    [{"host": "evil.example"}, {"port": "2525"}, {"tls_mode": "tls"}, {"username": "eve"}],
)
def test_another_server_does_not_get_the_stored_password(change: dict[str, str]) -> None:
    """With host, port, TLS or user changed, the password is gone and has to be typed."""
    cleaned = clean_settings({**change, "password": ""}, SAVED)
    assert cleaned.settings.password == ""
    assert cleaned.problems["password"] == AGAIN
    assert not cleaned.keep_password


@pytest.mark.parametrize(
    "password", [{}, {"password": "bad\0"}, {"password": "new", "clear_password": True}]
)
def test_no_way_out_takes_the_password_to_another_server(
    password: dict[str, str | bool],
) -> None:
    """Also a form with problems of its own never pairs the old password with a new server."""
    cleaned = clean_settings({"host": "evil.example", **password}, SAVED)
    assert cleaned.settings.host == "evil.example"
    assert cleaned.settings.password == ""
    assert cleaned.problems


def test_typed_password_goes_with_the_new_server() -> None:
    """A password that was typed belongs to the server that was typed."""
    cleaned = clean_settings({"host": "new.example", "password": "correct horse"}, SAVED)
    assert cleaned.settings.password == "correct horse"
    assert (cleaned.problems, cleaned.keep_password) == ({}, False)


def test_login_is_removed_with_the_user_name() -> None:
    """Without a user name the password has no use and goes too."""
    cleaned = clean_settings({"username": "", "password": ""}, SAVED)
    assert (cleaned.settings.username, cleaned.settings.password) == ("", "")
    assert (cleaned.problems, cleaned.keep_password) == ({}, False)


def test_clearing_the_password() -> None:
    """Cleared with the user name it is gone; cleared alone, or typed anew too, is a question."""
    cleared = {"clear_password": "y"}
    both = clean_settings({"username": "", **cleared}, SAVED)
    assert (both.settings.password, both.problems, both.keep_password) == ("", {}, False)
    alone = clean_settings(cleared, SAVED)
    assert "has no password" in alone.problems["password"]
    twice = clean_settings({"password": "new", **cleared}, SAVED)
    assert "Do one of the two" in twice.problems["password"]
    assert "clear_password" in clean_settings({"clear_password": "maybe"}, SAVED).problems


def test_user_name_and_password_need_each_other() -> None:
    """One without the other is told at the one that is missing."""
    server = Settings(host="smtp.example.com", use_tls=True)
    nobody = clean_settings({"username": "", "password": "hunter2"}, server)
    assert {"username"} == set(nobody.problems)
    nothing = clean_settings({"username": "bob", "password": ""}, server)
    assert {"password"} == set(nothing.problems)


WANTED = {"requires_login": "1", "username": " "}


@pytest.mark.parametrize(
    ("base", "typed", "wrong"),
    [
        (Settings(), {}, {"username", "password"}),
        (Settings(), {"password": "hunter2"}, {"username"}),
        (SAVED, {}, {"username"}),
        (SAVED, {"clear_password": "1"}, set()),
        (SAVED, {"requires_login": "0"}, set()),
    ],
)
def test_login_that_is_asked_for_needs_a_user_name(
    base: Settings, typed: dict[str, str], wrong: set[str]
) -> None:
    """A login switched on is never taken for none: what is missing is told at its field."""
    cleaned = clean_settings({**WANTED, "password": "", **typed}, base)
    assert wrong == set(cleaned.problems)
    assert all("switch Requires authentication off" in each for each in cleaned.problems.values())


def test_login_that_is_asked_for_beside_pins_and_lost_keys() -> None:
    """What the configuration sets, or what is stored and cannot be read, is not asked for."""
    pinned = clean_settings(WANTED, replace(SAVED, username=""), pinned={"password"})
    assert {"username"} == set(pinned.problems)
    assert not clean_settings(WANTED, Settings(), pinned={"username"}).problems
    lost = clean_settings(WANTED, Settings(), unreadable={"username", "password"})
    assert not lost.problems
    typed_for_a_pin = clean_settings(
        {"password": ""}, replace(SAVED, password=""), pinned={"username"}
    )
    assert typed_for_a_pin.problems["password"].endswith("has no password. Type it.")


def test_unreadable_password_does_not_block_the_other_fields() -> None:
    """A password that is there but cannot be read is kept like any other."""
    base = replace(SAVED, password="")
    cleaned = clean_settings({"batch_size": "7", "password": ""}, base, unreadable={"password"})
    assert (cleaned.problems, cleaned.keep_password) == ({}, True)
    lost = replace(SAVED, username="", password="")
    cleaned = clean_settings(
        {"batch_size": "7", "username": "", "password": ""},
        lost,
        unreadable={"username", "password"},
    )
    assert (cleaned.problems, cleaned.keep_password) == ({}, True)


def test_unreadable_password_is_asked_for_when_the_server_changes() -> None:
    """A password nobody can read does not belong to another server either."""
    base = replace(SAVED, password="")
    cleaned = clean_settings({"host": "new.example"}, base, unreadable={"password"})
    assert cleaned.problems == {"password": AGAIN}


def test_pinned_fields_cannot_be_typed_over() -> None:
    """What a form says about a pinned field is ignored; a pinned password stays."""
    pinned = {"host", "password"}
    raw = {"host": "evil.example", "password": "x", "username": "bert"}
    cleaned = clean_settings(raw, SAVED, pinned=pinned)
    assert replace(SAVED, username="bert") == cleaned.settings
    assert (cleaned.problems, cleaned.keep_password) == ({}, True)


def test_pinned_port_against_a_pasted_one() -> None:
    """A pasted port that the configuration contradicts is told, not dropped."""
    raw = {"host": "smtp.example.com:2525", "port": "2525"}
    cleaned = clean_settings(raw, SAVED, pinned={"port"})
    assert "says port 2525, but the port is 587" in cleaned.problems["host"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "mail.localhost"])
def test_login_without_tls_stays_on_this_machine(host: str) -> None:
    """Without TLS a login is allowed where no network is crossed."""
    raw = {"host": host, "port": "2525", "username": "bob", "password": "hunter2"}
    assert not clean_settings(raw, Settings()).problems


@pytest.mark.parametrize("host", ["smtp.example.com", "192.0.2.1", "localhost.example.com"])
def test_login_without_tls_over_a_network_is_refused(host: str) -> None:
    """A password is not sent in the clear, and the cure is named."""
    raw = {"host": host, "username": "bob", "password": "hunter2"}
    assert clean_settings(raw, Settings()).problems == {
        "use_tls": "A password would cross the network unencrypted. "
        "Tick TLS, or switch Requires authentication off."
    }


def test_no_sentence_repeats_a_password() -> None:
    """Whatever is wrong, problems and notes are free of what was typed as password."""
    for password in ("hunter2 ", "hunter2\n", "hunter2"):
        raw = {"host": "x y", "password": password, "clear_password": password == "hunter2"}
        cleaned = clean_settings(raw, SAVED)
        assert "hunter2" not in f"{cleaned!r}"
