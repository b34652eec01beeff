"""The rule of each settings field, and the values themselves."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plato_email.settings import RULES, PastedServer, Settings, clean_host, read_server
from plato_email.smtp import Security

NOT_A_SERVER = "Type the name alone, such as smtp.example.com."


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("", ""),
        (" \u00a0", ""),
        ("smtp.example.com", "smtp.example.com"),
        ("SMTP.Example.COM.", "smtp.example.com"),
        ("localhost", "localhost"),
        ("mail_catcher", "mail_catcher"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_host_is_taken_without_a_word(typed: str, host: str) -> None:
    """A host name or an IP address is stored in its one usual spelling."""
    assert (host, None) == clean_host(typed)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (
            "smtp://mail.example.com:587/",
            PastedServer(
                "mail.example.com",
                587,
                None,
                "Taken from 'smtp://mail.example.com:587/': host and port.",
            ),
        ),
        (
            "smtps://mail.example.com",
            PastedServer(
                "mail.example.com",
                None,
                "tls",
                "Taken from 'smtps://mail.example.com': host and TLS.",
            ),
        ),
        (
            "submission://mail.example.com",
            PastedServer(
                "mail.example.com",
                587,
                "starttls",
                "Taken from 'submission://mail.example.com': host, port and TLS.",
            ),
        ),
        (
            "[2001:db8::1]:465",
            PastedServer(
                "2001:db8::1", 465, None, "Taken from '[2001:db8::1]:465': host and port."
            ),
        ),
        (
            " \u201csmtp.example.com\u201d\u200b ",
            PastedServer("smtp.example.com", note="Removed what stood around the host name."),
        ),
        (
            "m\u00fcnchen.example",
            PastedServer(
                "xn--mnchen-3ya.example",
                note="'m\u00fcnchen.example' is written xn--mnchen-3ya.example "
                "in the domain name system.",
            ),
        ),
    ],
)
def test_pasted_address_is_taken_apart(typed: str, expected: PastedServer) -> None:
    """What people paste is understood, and the note says what was made of it."""
    assert expected == read_server(typed)


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("a b", f"'a b' is not a host name. {NOT_A_SERVER}"),
        ("-a.example", f"'-a.example' is not a host name. {NOT_A_SERVER}"),
        ("127.1", f"'127.1' is neither a host name nor an IP address. {NOT_A_SERVER}"),
        ("2130706433", f"'2130706433' is neither a host name nor an IP address. {NOT_A_SERVER}"),
        (
            "http://example.com",
            f"'http://example.com' is not the address of a mail server. {NOT_A_SERVER}",
        ),
        ("example.com:70000", "Port 70000 is out of range. Ports go from 1 to 65535."),
        ("169.254.169.254", f"169.254.169.254 cannot be a mail server's address. {NOT_A_SERVER}"),
        (
            "[::ffff:169.254.169.254]",
            f"169.254.169.254 cannot be a mail server's address. {NOT_A_SERVER}",
        ),
        ("0.0.0.0", f"0.0.0.0 cannot be a mail server's address. {NOT_A_SERVER}"),
        (f"{'a.' * 127}example", "The server address is longer than 253 characters. Shorten it."),
    ],
)
def test_what_is_no_host_is_told(typed: str, problem: str) -> None:
    """What cannot be a mail server's address is refused with the fact and the cure."""
    with pytest.raises(ValueError) as found:
        clean_host(typed)
    assert problem == str(found.value)


def test_credentials_in_a_url_are_not_repeated() -> None:
    """A pasted URL with a password is refused by a sentence without the password."""
    with pytest.raises(ValueError, match="fields of their own") as found:
        clean_host("smtp://bob:hunter2@mail.example.com")
    assert "hunter2" not in str(found.value)


@given(st.text(max_size=80))
def test_host_rule_is_total_and_settles(typed: str) -> None:
    """Any text is either refused with a sentence or becomes a host that the rule leaves alone."""
    try:
        host, _ = clean_host(typed)
    except ValueError:
        return
    assert (host, None) == clean_host(host)
    assert len(host) <= 253


@pytest.mark.parametrize(
    ("typed", "sender"),
    [
        ("", ""),
        (" noreply@example.com ", "noreply@example.com"),
        ("Example Site <noreply@example.com>", "Example Site <noreply@example.com>"),
    ],
)
def test_sender_is_an_address_with_or_without_a_name(typed: str, sender: str) -> None:
    """A sender is kept as typed, without the blanks around it."""
    assert (sender, None) == RULES["default_sender"](typed)


@pytest.mark.parametrize("typed", ["noreply", "a@b@c d", "a@example.com\nBcc: x@example.com"])
def test_wrong_sender_is_told(typed: str) -> None:
    """What is no address is refused with a sentence."""
    with pytest.raises(ValueError, match=r"\w.*\."):
        RULES["default_sender"](typed)


def test_too_long_sender_is_told() -> None:
    """A sender that the table cannot hold is refused."""
    with pytest.raises(ValueError, match="has 416 characters"):
        RULES["default_sender"](f"{'x' * 400} <a@example.com>")


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("port", 1, 65535),
        ("poll_interval", 1, 86400),
        ("batch_size", 1, 10000),
        ("send_attempts", 1, 100),
    ],
)
def test_numbers_have_bounds(field: str, low: int, high: int) -> None:
    """Both bounds are allowed, what is beyond them or no whole number is told."""
    rule = RULES[field]
    assert [(low, None), (high, None)] == [rule(f" {low} "), rule(high)]
    for wrong in (low - 1, high + 1, "9" * 5000, -1):
        with pytest.raises(ValueError, match=f"out of range. Type a number from {low} to {high}."):
            rule(wrong)
    for wrong in ("ten", "1.5", "1e3", True, "1_0"):
        with pytest.raises(ValueError, match=f"not a whole number. Type a number from {low}"):
            rule(wrong)
    with pytest.raises(ValueError, match="is missing"):
        rule(" ")


def test_username_loses_pasted_blanks() -> None:
    """Blanks around a user name are cut, and that is said."""
    assert RULES["username"]("bob@example.com") == ("bob@example.com", None)
    cut = ("bob", "Removed the blanks around the user name.")
    assert cut == RULES["username"]("\u00a0bob ")


def test_password_is_kept_as_typed() -> None:
    """No character of a password is changed; blanks at its ends are mentioned."""
    assert RULES["password"]("abcd efgh ijkl mnop") == ("abcd efgh ijkl mnop", None)
    assert RULES["password"]("pe1.kid.AAAA") == ("pe1.kid.AAAA", None)
    note = "The password begins or ends with a blank; it is kept as typed."
    assert RULES["password"](" secret") == (" secret", note)


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("typed", ["hunter2\0x", "hunter2\rx", "hunter2\nx", "hunter2\ud800x"])
def test_credentials_hold_no_control_characters(field: str, typed: str) -> None:
    """What could break out of the SMTP dialogue is refused without being repeated."""
    with pytest.raises(ValueError, match="another control character") as found:
        RULES[field](typed)
    assert "hunter2" not in str(found.value)


@pytest.mark.parametrize(("field", "longest"), [("username", 500), ("password", 1000)])
def test_credentials_have_a_length(field: str, longest: int) -> None:
    """The longest credential is accepted, a longer one is told."""
    assert RULES[field]("x" * longest)[0] == "x" * longest
    with pytest.raises(ValueError, match=f"has {longest + 1} characters. Shorten it to {longest}"):
        RULES[field]("x" * (longest + 1))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (True, True),
        (False, False),
        ("on", True),
        ("y", True),
        ("False", False),
        ("0", False),
        ("", False),
    ],
)
def test_the_text_false_is_not_true(typed: str | bool, expected: bool) -> None:
    """Tick boxes are understood however they arrive."""
    assert (expected, None) == RULES["use_tls"](typed)


@pytest.mark.parametrize(("field", "typed"), [("use_tls", "maybe"), ("tls_mode", "ssl")])
def test_unknown_choice_is_told(field: str, typed: str) -> None:
    """A value that no page offers is refused with what there is."""
    with pytest.raises(ValueError, match=f"'{typed}' is n.*\\."):
        RULES[field](typed)


@pytest.mark.parametrize(
    ("use_tls", "mode", "port", "security"),
    [
        (False, "tls", 465, Security.NONE),
        (True, "automatic", 465, Security.TLS),
        (True, "automatic", 587, Security.STARTTLS),
        (True, "automatic", 25, Security.STARTTLS),
        (True, "starttls", 465, Security.STARTTLS),
        (True, "tls", 587, Security.TLS),
    ],
)
def test_security(use_tls: bool, mode: str, port: int, security: Security) -> None:
    """One tick box and a mode decide; automatic goes by the port."""
    assert security is Settings(use_tls=use_tls, tls_mode=mode, port=port).security


def test_configured_needs_a_server_and_a_sender() -> None:
    """Mail can be sent when there is somewhere to send it and somebody it is from."""
    both = Settings(default_sender="a@example.com", host="smtp.example.com")
    assert both.configured
    assert not Settings(host="smtp.example.com").configured
    assert not Settings(default_sender="a@example.com").configured


def test_server_and_sender_address() -> None:
    """Settings give what a session is opened with, and the bare address of the sender."""
    settings = Settings("Site <a@EXAMPLE.com>", "smtp.example.com", 465, "bob", "hunter2", True)
    server = settings.server(ca_file="/ca.pem", ehlo_name="web1")
    assert (server.host, server.port, server.security) == ("smtp.example.com", 465, Security.TLS)
    assert (server.username, server.password) == ("bob", "hunter2")
    assert (server.ca_file, server.ehlo_name) == ("/ca.pem", "web1")
    assert settings.sender_address == "a@example.com"
    assert Settings().sender_address == ""


def test_settings_do_not_show_or_carry_their_secrets() -> None:
    """Neither the repr nor a pickle of settings has the password in it."""
    settings = Settings(username="bob", password="hunter2")
    assert "hunter2" not in repr(settings)
    assert "bob" not in repr(settings)
    with pytest.raises(TypeError, match="hold a password"):
        pickle.dumps(settings)
