"""Messages: envelope, headers, queueing options, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

import pytest

from plato_email.errors import MessageError
from plato_email.message import Attachment, Envelope, Message, compose

if TYPE_CHECKING:
    from email.message import EmailMessage

NOON = datetime(2030, 1, 2, 12, 0, tzinfo=UTC)


def message(**arguments: Any) -> Message:
    defaults: dict[str, Any] = {
        "subject": "s",
        "recipients": ["to@example.com"],
        "body": "b",
        "sender": "from@example.com",
    }
    return Message(**{**defaults, **arguments})


def parsed(data: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(data)


def test_whole_message() -> None:
    """A short message is exactly these bytes."""
    composed = compose(message(recipients=["Ann <to@example.com>"], cc="cc@example.com"), now=NOON)
    assert (
        "From: from@example.com\r\n"
        "To: Ann <to@example.com>\r\n"
        "Cc: cc@example.com\r\n"
        "Subject: s\r\n"
        "Date: Wed, 02 Jan 2030 12:00:00 +0000\r\n"
        f"Message-ID: {composed.message_id}\r\n"
        f"X-Plato-Message: {composed.message_id}\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "b\r\n"
    ) == composed.data.decode()


def test_message_id_is_below_the_senders_domain() -> None:
    """A Message-ID has 128 random bits and the sender's domain, and no second message has it."""
    first, second = compose(message()), compose(message())
    assert first.message_id != second.message_id
    unique, domain = first.message_id.strip("<>").split("@")
    assert (len(unique), domain) == (32, "example.com")


def test_message_id_fits_its_column_below_any_domain() -> None:
    """The longest domain still gives a Message-ID of at most 250 characters."""
    domain = ".".join(["b" * 60] * 4)
    assert len(compose(message(sender=f"a@{domain}")).message_id) <= 250


def test_bcc_is_in_the_envelope_alone() -> None:
    """Bcc recipients get the message, and nobody can read that they did."""
    composed = compose(message(cc=["cc@example.com"], bcc=["Secret <bcc@example.com>"]))
    assert composed.envelope.recipients == ("to@example.com", "cc@example.com", "bcc@example.com")
    # The Message-ID is random: every hundredth one has a "bcc" in it.
    data = composed.data.replace(composed.message_id.encode(), b"").lower()
    assert b"bcc" not in data
    assert b"secret" not in data


def test_only_bcc() -> None:
    """A message to nobody but Bcc says so, as RFC 5322 suggests."""
    composed = compose(message(recipients=[], bcc=["bcc@example.com"]))
    assert parsed(composed.data)["To"] == "undisclosed-recipients:;"
    assert composed.envelope.recipients == ("bcc@example.com",)


def test_recipients_are_deduplicated_in_the_envelope_alone() -> None:
    """Each recipient gets one copy, while To and Cc show what was typed."""
    composed = compose(message(recipients=["A@Example.com", "a@example.com"], cc=["A@EXAMPLE.COM"]))
    assert composed.envelope.recipients == ("A@example.com", "a@example.com")
    found = parsed(composed.data)
    assert (found["To"], found["Cc"]) == ("A@Example.com, a@example.com", "A@EXAMPLE.COM")


def test_forms_of_a_recipient() -> None:
    """A recipient is text, text with a name, or a pair; one string is one recipient."""
    composed = compose(
        message(
            recipients="Lee, Ann <a@example.com>",
            cc=[("Bob", "b@example.com"), ("", "c@example.com")],
            sender=("Shop", "shop@example.com"),
            reply_to=("Help", "help@example.com"),
        )
    )
    assert (
        Envelope("shop@example.com", ("a@example.com", "b@example.com", "c@example.com"))
        == composed.envelope
    )
    found = parsed(composed.data)
    assert found["To"].addresses[0].display_name == "Lee, Ann"
    assert found["Cc"] == "Bob <b@example.com>, c@example.com"
    assert "Shop <shop@example.com>" == found["From"] == composed.sender
    assert found["Reply-To"] == "Help <help@example.com>"


def test_hundred_recipients() -> None:
    """All names of a full message are there, in lines of at most 76."""
    people = [f"Person Number {n} <person{n}@example.com>" for n in range(100)]
    composed = compose(message(recipients=people))
    assert people == [str(address) for address in parsed(composed.data)["To"].addresses]
    assert max(map(len, composed.data.split(b"X-Plato")[0].split(b"\r\n"))) <= 76
    with pytest.raises(MessageError, match="101 recipients, at most 100"):
        compose(message(recipients=people, bcc=["more@example.com"]))


def test_default_sender() -> None:
    """The Default Sender stands in where the message names none, and only there."""
    default = "Site <site@example.com>"
    assert default == compose(message(sender=None), default_sender=default).sender
    assert compose(message(), default_sender=default).sender == "from@example.com"
    with pytest.raises(MessageError, match="set the Default Sender"):
        compose(message(sender=None))


def test_international_addresses() -> None:
    """A domain becomes ASCII; a local part cannot, so the server must offer SMTPUTF8."""
    domain = compose(message(recipients=["M\u00fcller <m@b\u00fccher.example>"]))
    assert (domain.needs_smtputf8, domain.data.isascii()) == (False, True)
    local = compose(message(bcc=["m\u00fcller@example.com"]))
    assert (local.needs_smtputf8, local.data.isascii()) == (True, True)
    shown = compose(message(reply_to="m\u00fcller@example.com"))
    assert (shown.needs_smtputf8, shown.data.isascii()) == (True, False)
    utf8 = BytesParser(policy=policy.default.clone(utf8=True)).parsebytes(shown.data)
    assert "m\u00fcller@example.com" in str(utf8["Reply-To"])


def test_extra_headers() -> None:
    """Extra headers arrive as typed; a list of values makes as many headers."""
    unsubscribe = f"<https://example.com/u?t={'a' * 100}>, <mailto:u@example.com>"
    composed = compose(
        message(
            extra_headers={
                "List-Unsubscribe": unsubscribe,
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "X-Tag": ["one", "zwei \u00fc"],
                "X-Empty": "",
            }
        )
    )
    found = parsed(composed.data)
    assert unsubscribe == found["List-Unsubscribe"]
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found.get_all("X-Tag") == ["one", "zwei \u00fc"]
    assert found["X-Empty"] == ""
    assert unsubscribe.encode() in composed.data.replace(b"\r\n ", b" ")


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("From", "sender="),
        ("TO", "recipients="),
        ("bcc", "bcc="),
        ("Reply-To", "reply_to="),
        ("Subject", "subject="),
        ("Date", "date="),
        *[
            (name, "leave it out")
            for name in (
                "Message-ID",
                "MIME-Version",
                "Content-Type",
                "content-transfer-encoding",
                "Sender",
                "Return-Path",
                "Received",
                "DKIM-Signature",
                "X-Plato-Message",
                "Resent-Bcc",
            )
        ],
    ],
)
def test_structural_headers_have_arguments(name: str, cure: str) -> None:
    """A header that is written anyway is refused, and the error says what to use."""
    with pytest.raises(MessageError, match=cure) as caught:
        compose(message(extra_headers={name: "x"}))
    assert caught.value.field == "extra_headers"


def test_date() -> None:
    """The Date is now, a datetime, or Flask-Mail's seconds; Composed has it in UTC."""
    east = datetime(2030, 1, 2, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    for value in (NOON, NOON.replace(tzinfo=None), east, NOON.timestamp()):
        composed = compose(message(date=value))
        assert (
            composed.date,
            parsed(composed.data)["Date"],
        ) == (NOON, "Wed, 02 Jan 2030 12:00:00 +0000")
    before = datetime.now(UTC)
    assert before <= compose(message()).date <= datetime.now(UTC)


def test_queueing_options() -> None:
    """Priority, times, key and sensitivity reach the queue, times as naive UTC."""
    composed = compose(
        message(
            priority="high",
            send_at=datetime(2030, 1, 2, 14, 0, tzinfo=timezone(timedelta(hours=2))),
            expires_at=datetime(2030, 1, 3),  # noqa: DTZ001
            idempotency_key="order 17 \u00fc",
            sensitive=True,
        )
    )
    assert (
        composed.priority,
        composed.idempotency_key,
        composed.sensitive,
    ) == (0, "order 17 \u00fc", True)
    assert NOON.replace(tzinfo=None) == composed.send_at
    assert datetime(2030, 1, 3) == composed.expires_at  # noqa: DTZ001
    assert [compose(message(priority=p)).priority for p in ("normal", "low")] == [1, 2]
    assert b"priority" not in composed.data.lower()


@pytest.mark.parametrize(
    ("arguments", "field", "reason"),
    [
        ({"subject": None}, "subject", "Expected text"),
        ({"subject": "a\nBcc: x@example.com"}, "subject", r"U\+000A at position 1"),
        ({"body": 5}, "body", "type int"),
        ({"body": "\ud83d"}, "body", "surrogate"),
        ({"html": b"<p>"}, "html", "type bytes"),
        ({"body": None}, "body", "body=''"),
        ({"recipients": []}, "recipients", "no recipients"),
        ({"recipients": b"a@example.com"}, "recipients", "list"),
        ({"recipients": {"a@example.com": 1}}, "recipients", "list"),
        ({"recipients": [None]}, "recipients", "Expected an address"),
        ({"recipients": [("a", "b", "c")]}, "recipients", "Expected an address"),
        ({"recipients": ["a@example.com, b@example.com"]}, "recipients", "more than one"),
        ({"cc": ["nobody"]}, "cc", "no @"),
        ({"bcc": 7}, "bcc", "list"),
        ({"reply_to": "x"}, "reply_to", "no @"),
        ({"sender": ["a@example.com", "b@example.com"]}, "sender", "2 senders"),
        ({"sender": ("Name\r\n", "a@example.com")}, "sender", r"U\+000D"),
        ({"extra_headers": [("X", "y")]}, "extra_headers", "mapping"),
        ({"extra_headers": {"X Y": "z"}}, "extra_headers", "not a header name"),
        ({"extra_headers": {"X:": "z"}}, "extra_headers", "not a header name"),
        ({"extra_headers": {"": "z"}}, "extra_headers", "not a header name"),
        ({"extra_headers": {"X\u00fc": "z"}}, "extra_headers", "not a header name"),
        ({"extra_headers": {3: "z"}}, "extra_headers", "Expected text"),
        ({"extra_headers": {"X": 1}}, "extra_headers", "must be text"),
        ({"extra_headers": {"X": b"1"}}, "extra_headers", "type bytes"),
        ({"extra_headers": {"X": "a\r\n b"}}, "extra_headers", r"U\+000D"),
        ({"extra_headers": {"X": "a" * 950}}, "extra_headers", "too many for one line"),
        ({"charset": "klingon"}, "charset", "not a charset"),
        ({"charset": "rot13"}, "charset", "not a charset"),
        ({"charset": "utf-16"}, "charset", "not a charset"),
        ({"charset": 8}, "charset", "Expected text"),
        ({"date": "yesterday"}, "date", "Expected a datetime"),
        ({"date": float("nan")}, "date", "out of range"),
        ({"date": 1e30}, "date", "out of range"),
        ({"date": datetime(1800, 1, 1, tzinfo=UTC)}, "date", "1800"),
        ({"priority": "urgent"}, "priority", "'high', 'normal' or 'low'"),
        ({"priority": 1}, "priority", "'high', 'normal' or 'low'"),
        ({"send_at": "now"}, "send_at", "Expected a datetime"),
        ({"send_at": NOON, "expires_at": NOON}, "expires_at", "not after send_at"),
        ({"idempotency_key": ""}, "idempotency_key", "1 to 200"),
        ({"idempotency_key": "k" * 201}, "idempotency_key", "201 characters"),
        ({"idempotency_key": "a\nb"}, "idempotency_key", r"U\+000A"),
        ({"idempotency_key": "a\u200bb"}, "idempotency_key", "printable"),
        ({"idempotency_key": 5}, "idempotency_key", "Expected text"),
        ({"sensitive": "yes"}, "sensitive", "True or False"),
        ({"attachments": ["a.txt"]}, "attachments", "Expected an Attachment"),
        ({"attachments": 5}, "attachments", "list"),
    ],
)
def test_bad_argument_is_a_message_error(
    arguments: dict[str, Any], field: str, reason: str
) -> None:
    """Every wrong argument is refused by a MessageError that names it."""
    with pytest.raises(MessageError, match=reason) as caught:
        compose(message(**arguments))
    assert field == caught.value.field
    assert f"{field}: {caught.value.problem}" == str(caught.value)


def test_something_else_is_refused() -> None:
    """Only a message can be composed."""
    with pytest.raises(MessageError, match="Expected a Message or an EmailMessage"):
        compose("Subject: hi")  # type: ignore[arg-type]


def test_attributes_may_be_set_later() -> None:
    """What is set after the start counts, as with Flask-Mail."""
    late = Message("Hello")
    late.sender = "from@example.com"
    late.add_recipient("a@example.com")
    late.add_recipient(("Bob", "b@example.com"))
    late.body = "text"
    late.attach("a.txt", "text/plain", "content")
    composed = compose(late)
    assert composed.envelope.recipients == ("a@example.com", "b@example.com")
    assert (composed.subject, composed.attachments) == ("Hello", 1)


def test_lists_are_the_messages_own() -> None:
    """A list passed in is not changed by adding to the message."""
    mine = ["a@example.com"]
    Message(recipients=mine).add_recipient("b@example.com")
    assert mine == ["a@example.com"]


def test_subclasses_of_text_are_text() -> None:
    """A rendered template's Markup is written as what it says, not escaped again."""

    class Markup(str):
        __slots__ = ()

        def replace(self, *_: Any) -> Markup:
            raise AssertionError("the serialiser relied on an overridden method")

    composed = compose(message(subject=Markup("<b>"), body=None, html=Markup("<p>\r\n</p>")))
    assert parsed(composed.data)["Subject"] == "<b>"
    assert composed.data.endswith(b"<p>\r\n</p>\r\n")


def test_too_large() -> None:
    """A message above the limit is refused with both sizes, before and after encoding."""
    with pytest.raises(MessageError, match=r"has 2,000 bytes, at most 1,000") as caught:
        compose(message(attachments=[Attachment("a", None, b"x" * 2000)]), max_bytes=1000)
    assert caught.value.field == "message"
    exact = len(compose(message(body="x" * 500)).data)
    assert exact == len(compose(message(body="x" * 500), max_bytes=exact).data)
    with pytest.raises(MessageError, match=f"at most {exact - 1}"):
        compose(message(body="x" * 500), max_bytes=exact - 1)


def test_repr_shows_no_body() -> None:
    """No repr gives away a reset link, and a sensitive one not even its subject."""
    secret = message(subject="code 123456", body="LINK", html="LINK", sensitive=True)
    secret.attach("a.txt", None, "LINK")
    composed = compose(secret)
    for shown in (repr(secret), repr(composed), repr(secret.attachments)):
        assert "LINK" not in shown
        assert "123456" not in shown
    assert composed.message_id in repr(composed)
    assert "'Hello'" in repr(message(subject="Hello"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "code\n123456"},
        {"extra_headers": {"X-Code": "123456\n"}},
        {"extra_headers": {"123456 ": "x"}},
        {"recipients": ["123456 at example.com"]},
        {"attachments": [Attachment("123456\n.pdf", None, b"")]},
        {"idempotency_key": "123456" * 100},
        {"priority": "123456"},
    ],
)
def test_error_about_a_sensitive_message_quotes_nothing(wrong: dict[str, Any]) -> None:
    """A log that gets the error of a sensitive message has nothing of what stands in it."""
    for sensitive in (True, False):
        with pytest.raises(MessageError) as caught:
            compose(message(**wrong, sensitive=sensitive))
        assert ("123456" in str(caught.value)) is not sensitive
        assert caught.value.field == next(iter(wrong))
