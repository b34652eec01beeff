"""What a mode makes of a message: pure, and nothing but the addressee changes."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plato_email import Message
from plato_email.errors import DeliveryError, Verdict
from plato_email.message import Envelope, compose
from plato_email.modes import HELD, NOT_ALLOWED, Routed, route
from plato_email.settings import Settings, is_allowed
from plato_email.settings.allowed import clean_allowed

LIVE = Settings(host="smtp.example.com", default_sender="site@example.com")
REDIRECT = replace(LIVE, mode="redirect", redirect_to="qa@staging.example")
ALLOW = replace(LIVE, mode="allow", allowed_recipients="example.org, *.example.net, Ann@x.example")
ALLOW = replace(ALLOW, allowed_recipients=clean_allowed(ALLOW.allowed_recipients)[0])


def routed(settings: Settings, **fields: object) -> tuple[Routed, bytes]:
    """What becomes of a composed message, and what it was."""
    given: dict[str, Any] = {
        "subject": "Reset",
        "recipients": ["ada@example.com", "Bob <bob@example.org>"],
        "cc": ["carol@example.com"],
        "bcc": ["dave@secret.example"],
        "sender": "site@example.com",
        "body": "X-Original-To: nobody\r\n\r\nTo: nobody\n",
    }
    composed = compose(Message(**(given | fields)), default_sender="site@example.com")
    return route(settings, composed.envelope, composed.data), composed.data


def read(data: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(data, policy=email.policy.default)


def test_live_changes_nothing() -> None:
    """The same envelope, the same bytes."""
    found, data = routed(LIVE)
    assert found.data is data
    assert set(found.envelope.recipients) == {
        *("ada@example.com", "bob@example.org", "carol@example.com", "dave@secret.example")
    }


def test_redirect_goes_to_one_address_alone() -> None:
    """Envelope and To are the address; the rest of the message is what it was."""
    found, data = routed(REDIRECT)
    assert found.envelope == Envelope("site@example.com", ("qa@staging.example",))
    before, after = read(data), read(found.data)
    assert [each.addr_spec for each in after["To"].addresses] == ["qa@staging.example"]
    assert after["To"].addresses[0].display_name == "for ada@example.com and 3 more"
    assert after["Cc"] is None
    assert found.data.partition(b"\r\n\r\n")[2] == data.partition(b"\r\n\r\n")[2]
    for name in ("From", "Subject", "Message-ID", "Date", "MIME-Version", "Content-Type"):
        assert after[name] == before[name]


def test_redirect_keeps_who_it_was_for() -> None:
    """To and Cc as they were written, and the envelope, where alone Bcc can be seen."""
    after = read(routed(REDIRECT)[0].data)
    assert after["X-Original-To"] == "ada@example.com, Bob <bob@example.org>"
    assert after["X-Original-Cc"] == "carol@example.com"
    assert after.get_all("X-Original-Recipients") == [
        "ada@example.com, bob@example.org, carol@example.com, dave@secret.example"
    ]


def test_redirect_replaces_what_would_be_taken_for_its_own() -> None:
    """A message that brings such a field cannot lie about who it was for."""
    spoofed = {"X-Original-To": "evil@example.com", "X-Original-Recipients": "evil@example.com"}
    after = read(routed(REDIRECT, extra_headers=spoofed)[0].data)
    assert after.get_all("X-Original-To") == ["ada@example.com, Bob <bob@example.org>"]
    assert "evil" not in str(after.get_all("X-Original-Recipients"))


@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), min_size=1, max_size=40
    )
)
def test_no_address_can_write_a_header(recipients: list[str]) -> None:
    """Whatever stands in an envelope, line breaks included, the header stays one of ours."""
    data = b"Subject: x\r\nTo: a@b.example\r\n\r\nbody\r\n"
    found = route(REDIRECT, Envelope("s@example.com", tuple(recipients)), data)
    head, _, body = found.data.partition(b"\r\n\r\n")
    assert body == b"body\r\n"
    lines = head.split(b"\r\n")
    names = [line.partition(b":")[0] for line in lines if not line.startswith((b" ", b"\t"))]
    assert names == [b"Subject", b"X-Original-To", b"To", b"X-Original-Recipients"]
    assert head.isascii() or b"\n" not in head.replace(b"\r\n", b"")
    assert max(map(len, lines)) <= 998


def test_long_lines_stay_within_the_limit() -> None:
    """A field that is as long as it may be gets a fold, not a longer line (RFC 5322)."""
    data = b"To: " + b"a" * 990 + b"@x\r\nSubject: x\r\n\r\nbody\r\n"
    found = route(REDIRECT, Envelope("s@example.com", ("a@x.example",)), data)
    assert max(map(len, found.data.split(b"\r\n"))) <= 998


def test_message_without_to_gets_one() -> None:
    """All in Bcc: it still says where it is going."""
    found, _ = routed(REDIRECT, recipients=[], cc=[], bcc=["dave@secret.example"])
    assert read(found.data)["To"].addresses[0].addr_spec == "qa@staging.example"


def test_allow_list_lets_through_whom_it_names() -> None:
    """The others are left out; the message itself is not touched."""
    found, data = routed(ALLOW)
    assert found.envelope.recipients == ("bob@example.org",)
    assert found.data is data


def test_allow_list_that_names_nobody_refuses_with_a_reason_for_each() -> None:
    """For good, with a code to search for."""
    with pytest.raises(DeliveryError) as refused:
        routed(ALLOW, recipients=["ada@example.com"], cc=["carol@example.com"], bcc=[])
    error = refused.value
    assert (error.verdict, error.code, error.enhanced) == (Verdict.PERMANENT, 550, "5.7.1")
    assert error.reply == NOT_ALLOWED
    assert set(error.recipients) == {"ada@example.com", "carol@example.com"}


@pytest.mark.parametrize(
    "settings",
    [replace(LIVE, mode="hold"), replace(REDIRECT, redirect_to="")],
    ids=["hold", "nowhere"],
)
def test_hold_lets_nothing_out(settings: Settings) -> None:
    """Nor does a redirection that has no address: the doubt keeps mail in."""
    assert settings.held
    assert not settings.lets_mail_out
    with pytest.raises(DeliveryError, match="held") as refused:
        routed(settings)
    assert refused.value.reply == HELD
    assert not refused.value.verdict.charged


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("bob@example.org", True),
        ("BOB@EXAMPLE.ORG", True),
        ("bob@sub.example.org", False),
        ("bob@sub.example.net", True),
        ("bob@example.net", False),
        ("bob@evilexample.org", False),
        ("bob@evil.example.net.attacker.example", False),
        ("ann@x.example", True),
        ("joann@x.example", False),
        ('"bob@example.org"@attacker.example', False),
        ("example.org@attacker.example", False),
    ],
)
def test_allow_list_means_what_it_says(address: str, allowed: bool) -> None:
    """Whole domains and whole addresses; capitals make no difference."""
    assert is_allowed(address, ALLOW.allowed_recipients) is allowed


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("", ""),
        (" Example.ORG;\n@example.com ,ann@X.example", "example.org, example.com, ann@x.example"),
        ("*.Example.net example.net example.net", "*.example.net, example.net"),
        ("müller.example", "xn--mller-kva.example"),
    ],
)
def test_allow_list_is_written_in_one_way(typed: str, cleaned: str) -> None:
    """Commas, blanks and lines alike; each entry once; domains as they go over the wire."""
    assert clean_allowed(typed) == (cleaned, None)


@pytest.mark.parametrize("typed", ["a b@", "exa mple..org", "*", "*.", "@", "a@b@c", "x" * 10_001])
def test_allow_list_refuses_what_would_never_match(typed: str) -> None:
    """With the entry and the cure."""
    with pytest.raises(ValueError, match=r"\w"):
        clean_allowed(typed)
