"""What people paste into the settings: understood, noted, or refused with the cure."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plato_email.settings import RULES, Settings, clean_settings
from plato_email.settings.pasted import holds_login, without_login


class Case(NamedTuple):
    """What is typed into the form, and what is to come of it."""

    typed: dict[str, Any]
    values: dict[str, Any] = {}
    note: tuple[str, str] | None = None
    """A field, and the key fact that its note contains."""
    wrong: tuple[str, str] | None = None
    """A field, and the key fact that its problem contains."""


APP_PASSWORD = "abcd\u00a0efgh\u00a0ijkl\u00a0mnop"
HOST = {"host": "smtp.shop.example"}
FIRM_TLS = {"use_tls": True, "tls_mode": "tls", "port": 465}
OPEN = {"port": "", "use_tls": False, "tls_mode": "automatic"}
ME = {"username": "me@shop.example"}

# The ids without a number are those of the public reports that the values come from.
CASES: dict[str, Case] = {
    "pw-nbsp-inside": Case(
        {"password": APP_PASSWORD}, {"password": APP_PASSWORD}, ("password", "U+00A0")
    ),
    "pw-curly": Case(
        {"password": "\u201cabcdefgh\u201d"},
        {"password": "\u201cabcdefgh\u201d"},
        ("password", "quotation mark (U+201C)"),
    ),
    "user-zwsp-inside": Case({"username": "me\u200b@shop.example"}, ME, ("username", "U+200B")),
    "user-name-addr": Case({"username": "Me <me@shop.example>"}, ME, ("username", "address")),
    "host-ssl-scheme": Case(
        {**OPEN, "host": "ssl://smtp.shop.example:465"}, {**HOST, **FIRM_TLS}, ("host", "TLS")
    ),
    "host-port-blank": Case(
        {**OPEN, "host": "smtp.shop.example: 587"}, {**HOST, "port": 587}, ("host", "port")
    ),
    "host-slash": Case({"host": "smtp.shop.example/"}, HOST, ("host", "smtp.shop.example")),
    "port-fullwidth": Case({"port": "\uff15\uff18\uff17"}, {"port": 587}, ("port", "587")),
    "sender-localhost": Case(
        {"default_sender": "noreply@localhost"},
        {"default_sender": "noreply@localhost"},
        ("default_sender", "localhost"),
    ),
    "sender-two-blank": Case(
        {"default_sender": "a@shop.example b@shop.example"},
        wrong=("default_sender", "more than one address"),
    ),
    "host-wekan": Case(
        {**OPEN, "host": "smtps://ME:s3cret@smtp-relay.shop.example:587"}, wrong=("host", "no @")
    ),
}


def _case_of(field: str, typed: str, value: Any, fact: str) -> Case:
    return Case({field: typed}, {field: value}, (field, fact))


for _code in (0x00A0, 0x2007, 0x202F, 0x200B, 0x200D, 0x200E, 0x2060, 0xFEFF, 0xAD, 0x3000, 0x180E):
    _strange = f"abcd{chr(_code)}efgh"
    CASES[f"pw-strange-{_code:04x}"] = _case_of("password", _strange, _strange, f"U+{_code:04X}")
    CASES[f"user-strange-{_code:04x}"] = Case(
        {"username": f"me{chr(_code)}@shop.example"}, ME, ("username", f"U+{_code:04X}")
    )
for _number, (_typed, _fact) in enumerate(
    (
        ("pass\u2013word", "en dash (U+2013)"),
        ("pass\u2019word", "U+2019"),
        ('"abcdefgh"', "quotation marks"),
        ("p\u00e4ssword", "outside ASCII"),
        ("\uff41\uff42\uff43\uff44", "outside ASCII"),
        ("\u00a0abcdefgh", "U+00A0"),
    )
):
    CASES[f"pw-note-{_number}"] = _case_of("password", _typed, _typed, _fact)
for _number, _typed in enumerate(
    (
        "mailto:me@shop.example",
        '"me@shop.example"',
        "\u201cme@shop.example\u201d",
        "<me@shop.example>",
        "me\uff20shop.example",
        "me @ shop.example",
        "Username: me@shop.example",
        "me@shop.example,",
        "me@shop.example (Me)",
        "mailto://me@shop.example",
        "\u2022 me@shop.example",
        "me%40shop.example",
        '"Me, Myself" <me@shop.example>',
    )
):
    CASES[f"user-{_number}"] = Case({"username": _typed}, ME, ("username", ""))
for _number, (_typed, _port, _tls_mode) in enumerate(
    (
        ("ssl://smtp.shop.example", 465, "tls"),
        ("sslv3://smtp.shop.example:465", 465, "tls"),
        ("tls://smtp.shop.example", 587, "automatic"),
        ("tls://smtp.shop.example:587", 587, "automatic"),
        ("tls://smtp.shop.example:465", 465, "automatic"),
        ("tlsv1.2://smtp.shop.example:587", 587, "automatic"),
        ("smtp.starttls://smtp.shop.example", 587, "starttls"),
        ("starttls://smtp.shop.example:25", 25, "starttls"),
        ("smtp+tls://smtp.shop.example", 587, "automatic"),
        ("smtps://smtp.shop.example:587", 587, "automatic"),
        ("smtps://smtp.shop.example:2465", 2465, "tls"),
        ("submissions://smtp.shop.example", 465, "tls"),
        ("smtp.shop.example (SSL)", 465, "tls"),
        ("smtp.shop.example:465 (SSL/TLS)", 465, "tls"),
        ("smtp.shop.example (STARTTLS)", 587, "starttls"),
        ("smtp.shop.example:465/ssl", 465, "tls"),
        ("{smtp.shop.example:465/ssl}", 465, "tls"),
        ("smtp.shop.example:587 TLS", 587, "automatic"),
        ("smtp.shop.example SSL 465", 465, "tls"),
        ("smtp.shop.example (Port 465, SSL)", 465, "tls"),
        ("smtp.shop.example, port 587, STARTTLS", 587, "starttls"),
    )
):
    CASES[f"host-tls-{_number}"] = Case(
        {**OPEN, "host": _typed},
        {**HOST, "port": _port, "use_tls": True, "tls_mode": _tls_mode},
        ("host", "TLS"),
    )
for _number, _typed in enumerate(
    (
        "smtp.shop.example:587 ",
        "smtp.shop.example 587",
        "smtp.shop.example,587",
        "smtp.shop.example, 587",
        "smtp.shop.example;587",
        "smtp.shop.example|587",
        "smtp.shop.example : 587",
        "smtp.shop.example port 587",
        "smtp.shop.example (port: 587)",
        "smtp.shop.example:587/",
        "smtp.shop.example/587",
        "smtp.shop.example - 587",
        '"smtp.shop.example":587',
        "smtp.shop.example:587/path?x=1",
        "smtp.shop.example:587/tcp",
        "[smtp.shop.example]:587",
        "smtp:[smtp.shop.example]:587",
        "SMTP server: smtp.shop.example Port: 587",
        "https://smtp.shop.example:587",
        "smtp%3A%2F%2Fsmtp.shop.example%3A587",
        "\uff53\uff4d\uff54\uff50.shop.example\uff1a\uff15\uff18\uff17",
        "\u2022 smtp.shop.example:587",
        "smtp.shop.example:\u0665\u0668\u0667",
    )
):
    CASES[f"host-port-{_number}"] = Case(
        {**OPEN, "host": _typed}, {**HOST, "port": 587, "use_tls": False}, ("host", "port")
    )
for _number, _typed in enumerate(
    (
        "smtp.shop.example/mail",
        "smtp.shop.example:",
        '"smtp.shop.example"',
        "- smtp.shop.example",
        "smtp//smtp.shop.example",
        "* smtp.shop.example",
        "smtp\u200b.shop.example",
        "smtp\u00ad.shop.example",
        "smtp\u3002shop.example",
        "Server: smtp.shop.example",
        "Outgoing mail server (SMTP): smtp.shop.example",
        'MAIL_HOST="smtp.shop.example"',
        "smtp%2Eshop.example",
        "//smtp.shop.example",
        "https://smtp.shop.example/webmail",
    )
):
    CASES[f"host-{_number}"] = Case({"host": _typed}, HOST, ("host", ""))
CASES["host-tls-beside-a-port"] = Case(
    {**OPEN, "host": "smtp.shop.example (SSL)", "port": "587"},
    {**HOST, "port": 587, "use_tls": True, "tls_mode": "automatic"},
    ("use_tls", "TLS"),
)
for _number, (_typed, _fact) in enumerate(
    (
        ("smtp1.shop.example, smtp2.shop.example", "more than one server"),
        ("https://shop.example", "https://shop.example"),
        ("ftp://smtp.shop.example", "ftp://"),
        ("smtp.shop.example:587:465", "587:465"),
        ("smtp.shop.example:-1", "-1"),
        ("smtp.shop.example:587 me s3cret", "no password"),
        ("smtp shop example", "smtp shop example"),
        ("me@smtp.shop.example", "no @"),
        ("smtp.shop.example:99999", "99999"),
    )
):
    CASES[f"host-refused-{_number}"] = Case({**OPEN, "host": _typed}, wrong=("host", _fact))
for _number, (_field, _typed, _value) in enumerate(
    (
        ("port", "587/tcp", 587),
        ("port", "587 (STARTTLS)", 587),
        ("port", "465 SSL/TLS", 465),
        ("port", ":587", 587),
        ("port", "587.", 587),
        ("port", "Port: 587", 587),
        ("port", "\u0665\u0668\u0667", 587),
        ("port", "5\u200b87", 587),
        ("batch_size", "100,", 100),
        ("batch_size", "1 000", 1000),
        ("batch_size", "1,000", 1000),
        ("batch_size", "1\u202f000", 1000),
        ("batch_size", "1'000", 1000),
        ("batch_size", "50 mails", 50),
        ("poll_interval", "30s", 30),
        ("poll_interval", "30 seconds", 30),
        ("poll_interval", "5 min", 300),
        ("poll_interval", "2 hours", 7200),
        ("poll_interval", "1 day", 86400),
        ("send_attempts", "5x", 5),
    )
):
    CASES[f"number-{_number}"] = _case_of(_field, _typed, _value, str(_value))
for _number, (_field, _typed) in enumerate(
    (
        ("port", "465/587"),
        ("port", "25 587"),
        ("port", "25,587"),
        ("port", "587 or 465"),
        ("port", "~587"),
        ("port", "0x24b"),
        ("batch_size", "1.000"),
        ("batch_size", "10,5"),
        ("poll_interval", "5 days"),
        ("poll_interval", "5 min 30 s"),
        ("poll_interval", "48 h"),
        ("send_attempts", "5 min"),
    )
):
    CASES[f"number-refused-{_number}"] = Case({_field: _typed}, wrong=(_field, _typed))
for _number, (_typed, _sender) in enumerate(
    (
        ("mailto:me@shop.example", "me@shop.example"),
        ("mailto:me@shop.example?subject=Hi", "me@shop.example"),
        ('"me@shop.example"', "me@shop.example"),
        ("\u201cme@shop.example\u201d", "me@shop.example"),
        ("me\uff20shop.example", "me@shop.example"),
        ("me\u200b@shop.example", "me@shop.example"),
        ("me @ shop.example", "me@shop.example"),
        ("me@shop.example.", "me@shop.example"),
        ("From: me@shop.example", "me@shop.example"),
        ("Shop me@shop.example", "Shop <me@shop.example>"),
        ("Shop <me@shop.example", "Shop <me@shop.example>"),
        ("Shop me@shop.example>", "Shop <me@shop.example>"),
        ("me@shop.example (Shop)", "Shop <me@shop.example>"),
        ('"Shop" me@shop.example', '"Shop" <me@shop.example>'),
        ("me@shop.example>", "me@shop.example"),
        ("Shop <mailto:me@shop.example>", "Shop <me@shop.example>"),
    )
):
    CASES[f"sender-{_number}"] = _case_of("default_sender", _typed, _sender, "me@shop.example")
for _number, _domain in enumerate(
    (
        "intranet",
        "noreply",
        "mail.local",
        "a.test",
        "a.invalid",
        "corp.internal",
        "example.com",
        "[192.0.2.1]",
    )
):
    CASES[f"sender-domain-{_number}"] = _case_of(
        "default_sender", f"Shop <me@{_domain}>", f"Shop <me@{_domain}>", _domain
    )
CASES["sender-comma"] = Case(
    {"default_sender": "Shop, Inc. me@shop.example"}, wrong=("default_sender", "comma")
)
CASES["sender-idn"] = _case_of(
    "default_sender", "Shop <me@m\u00fcnchen.de>", "Shop <me@m\u00fcnchen.de>", "xn--mnchen-3ya.de"
)
CASES["sender-local-part"] = _case_of(
    "default_sender", "m\u00e9@shop.example", "m\u00e9@shop.example", "before the @"
)
for _number, _typed in enumerate(
    (
        "a@shop.example, b@shop.example",
        "a@shop.example;b@shop.example",
        "a@shop.example|b@shop.example",
        "a@shop.example / b@shop.example",
        "A <a@shop.example> B <b@shop.example>",
        "A <a@shop.example>, b@shop.example",
    )
):
    CASES[f"sender-several-{_number}"] = Case(
        {"default_sender": _typed}, wrong=("default_sender", "more than one address")
    )
for _number, (_typed, _allowed) in enumerate(
    (
        ("shop.example., localhost", "shop.example, localhost"),
        ("*@shop.example", "shop.example"),
        ('"shop.example"', "shop.example"),
        ("\u2022 shop.example\n\u2022 me@shop.example", "shop.example, me@shop.example"),
        ("Me <me@shop.example>, mailto:b@shop.example", "me@shop.example, b@shop.example"),
        ("shop\u200b.example", "shop.example"),
        ("*.internal", "*.internal"),
        ("root@localhost bob@intranet", "root@localhost, bob@intranet"),
    )
):
    CASES[f"allowed-{_number}"] = Case(
        {"allowed_recipients": _typed}, {"allowed_recipients": _allowed}
    )
for _number, _typed in enumerate(
    (
        *(
            "foo",
            "com",
            "*",
            "*.com",
            "@",
            "*@",
            "a..b",
            "1.2.3.4",
            "http://shop.example",
            ".shop.example",
        ),
        *("*shop.example", "shop.*", "shop.example/*", "-shop.example", "a@b@c"),
    )
):
    CASES[f"allowed-refused-{_number}"] = Case(
        {"allowed_recipients": f"good.example, {_typed}"}, wrong=("allowed_recipients", _typed)
    )


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_case(case: Case) -> None:
    """The value that was meant, with a note on what was changed, or the problem at its field."""
    base = Settings(username="me", host="localhost", port=2525)
    if "host" in case.typed:
        base = Settings(port=2525)
    cleaned = clean_settings({"password": "x", **case.typed} if base.username else case.typed, base)
    if case.wrong is not None:
        field, fact = case.wrong
        assert set(cleaned.problems) == {field}
        assert fact in cleaned.problems[field]
        return
    assert not cleaned.problems
    assert {name: getattr(cleaned.settings, name) for name in case.values} == case.values
    if case.note is not None:
        field, fact = case.note
        assert fact in cleaned.notes[field]


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("password", "abcd efgh ijkl mnop"),
        ("password", "a-b_c!\"#'"),
        ("username", "CORP\\me"),
        ("username", "apikey"),
        ("host", "SMTP.shop.example."),
        ("port", " 587"),
        ("default_sender", "Shop <me@shop.example>"),
        ("default_sender", "\u5546\u5e97 <me@shop.example>"),
        ("default_sender", "me@shop.example <me@shop.example>"),
        ("default_sender", "Shop: Orders <me@shop.example>"),
        ("allowed_recipients", "shop.example, *.shop.example, Me@shop.example"),
    ],
)
def test_ordinary_values_get_no_note(field: str, typed: str) -> None:
    """What is as it should be is taken without a word."""
    assert RULES[field](typed)[1] is None


def test_note_names_no_letter_of_a_password() -> None:
    """A note says what kind of character there is, not which letters the password has."""
    _, note = RULES["password"]("s3cr\u00e9t\u00a0\u03b1\u03b2\u03b3")
    assert note is not None
    assert not set("\u00e9\u03b1\u03b2\u03b3") & set(note)
    assert "00E9" not in note


SECRET = "S3CRETQ"
ODD = st.text(alphabet="/#@:%?&=+.,;<>\"'\\ []()\u00e9\uff20\u200b|", max_size=4)
LOGINS = st.builds(
    "{}{}:{}{}{}@{}{}".format,
    st.sampled_from(
        ["", "smtp://", "smtps://", "https://", "ssl://", "SMTP://", "foo+bar://", "//", "Server: "]
    ),
    st.sampled_from(["ME", "me@shop.example", "me%40shop.example", "CORP\\me", "a b", ""]),
    ODD,
    st.just(SECRET),
    ODD,
    st.sampled_from(["host", "smtp.shop.example", "[2001:db8::1]", "192.0.2.1"]),
    st.sampled_from(["", ":587", "/", ":587/path", "?x=1", " "]),
)
"""Anything that has a user name, a password and a server in it."""


@given(LOGINS)
def test_login_is_found_in_whatever_is_around_it(typed: str) -> None:
    """Nothing of the password is left, and what is left holds no login any more."""
    assert holds_login(typed)
    assert SECRET not in without_login(typed)
    assert not holds_login(without_login(typed))


@given(LOGINS, st.sampled_from([name for name in RULES if name != "password"]))
def test_no_rule_repeats_a_login(typed: str, field: str) -> None:
    """Every field refuses it, and no sentence has the password in it."""
    with pytest.raises(ValueError) as found:
        RULES[field](typed)
    assert SECRET not in str(found.value)


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("smtps://ME:s3cret@smtp.shop.example:587", "smtps://smtp.shop.example:587"),
        ("me:s3/c#r@t@smtp.shop.example", "smtp.shop.example"),
        ("smtps%3A%2F%2Fme%3As3cret%40smtp.shop.example", "smtps://smtp.shop.example"),
        ("smtp.shop.example:587:me:s3cret", "smtp.shop.example:587"),
        ("smtp://smtp.shop.example?user=me&password=s3cret", "smtp://smtp.shop.example?user=me"),
        ("smtp.shop.example Password: s3cret", "smtp.shop.example"),
        ("smtp.shop.example:587 (user me, password s3cret)", "smtp.shop.example:587"),
        ("smtp.shop.example:587 me s3cret", "smtp.shop.example:587"),
        ("smtp.shop.example|587|me|s3cret", "smtp.shop.example|587"),
        ("smtp://smtp.shop.example:587:me:s3cret", "smtp://smtp.shop.example:587"),
        ("smtp://me:s3cret", "smtp://"),
        (
            "smtp.shop.example 587 STARTTLS (recommended)",
            "smtp.shop.example 587 STARTTLS (recommended)",
        ),
        ("smtp://smtp.shop.example:587", "smtp://smtp.shop.example:587"),
        ("Password reset <me@shop.example>", "Password reset <me@shop.example>"),
        ("a.example\nsmtp://me:s3cret@b.example", "a.example\nsmtp://b.example"),
        ("mailto:me@shop.example", "mailto:me@shop.example"),
        ("Shop: Orders <me@shop.example>", "Shop: Orders <me@shop.example>"),
        ("me@[IPv6:2001:db8::1]", "me@[IPv6:2001:db8::1]"),
        ("2001:db8::1", "2001:db8::1"),
        ("secret:25", "secret:25"),
    ],
)
def test_what_is_left_without_a_login(typed: str, left: str) -> None:
    """Only the secret goes; what holds none stays as it is."""
    assert without_login(typed) == left
