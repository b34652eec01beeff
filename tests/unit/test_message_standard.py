"""The standard library's EmailMessage is taken as it is, and made safe."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from plato_email.errors import MessageError
from plato_email.message import compose


def standard(content: str = "text\n", **headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in {"From": "Shop <from@example.com>", "To": "to@example.com"}.items():
        message[name] = headers.pop(name, value)
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(content)
    return message


def parsed(data: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(data)


def test_it_arrives_whole() -> None:
    """Addresses, subject, texts, images, files and other headers are all on the wire."""
    message = standard("Gr\u00fc\u00dfe\n", Subject="\u00dcber", List_Id="<a.example.com>")
    message["Cc"] = '"M\u00fcller, J\u00f6rg" <cc@example.com>'
    message["Reply-To"] = "help@example.com"
    message.add_alternative("<p>Gr\u00fc\u00dfe</p>\n", subtype="html")
    message.get_payload()[1].add_related(b"png", "image", "png", cid="<logo>")  # type: ignore[index, union-attr]
    message.add_attachment(b"\0\xff", "application", "pdf", filename="r\u00e9sum\u00e9.pdf")
    composed = compose(message)
    found = parsed(composed.data)
    assert composed.envelope.recipients == ("to@example.com", "cc@example.com")
    assert (composed.sender, composed.subject) == ("Shop <from@example.com>", "\u00dcber")
    assert found["Cc"].addresses[0].display_name == "M\u00fcller, J\u00f6rg"
    assert (found["List-Id"], found["Reply-To"]) == ("<a.example.com>", "help@example.com")
    assert found.get_body(("plain",)).get_content().strip() == "Gr\u00fc\u00dfe"  # type: ignore[union-attr]
    (file,) = found.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("r\u00e9sum\u00e9.pdf", b"\0\xff")
    assert [part["Content-ID"] for part in found.walk() if part["Content-ID"]] == ["<logo>"]
    assert (composed.attachments, composed.data.isascii()) == (1, True)


def test_it_is_not_changed() -> None:
    """Composing leaves the caller's message as it was, Bcc included."""
    message = standard(Bcc="bcc@example.com", Subject="s")
    message.add_alternative("<p>h</p>", subtype="html")
    before = message.as_bytes()
    composed = compose(message)
    assert before == message.as_bytes()
    assert "bcc@example.com" in composed.envelope.recipients
    assert b"bcc" not in composed.data.lower()


def test_message_id_and_date_are_kept_where_valid() -> None:
    """A valid Message-ID and Date stay; others are made."""
    kept = compose(standard(Message_ID="<a.b@example.org>", Date="Wed, 02 Jan 2030 14:00:00 +0200"))
    assert ("<a.b@example.org>", datetime(2030, 1, 2, 12, 0, tzinfo=UTC)) == (
        kept.message_id,
        kept.date,
    )
    assert parsed(kept.data)["X-Plato-Message"] == "<a.b@example.org>"
    made = compose(standard(Message_ID="nonsense", Date="whenever"))
    assert made.message_id.endswith("@example.com>")
    assert abs((datetime.now(UTC) - made.date).total_seconds()) < 60


def test_default_sender_and_sender() -> None:
    """From may come from the site, and Sender decides among several authors."""
    message = EmailMessage()
    message["To"] = "to@example.com"
    message.set_content("b")
    assert compose(message, default_sender="site@example.com").sender == "site@example.com"
    several = standard(From="a@example.com, b@example.com")
    with pytest.raises(MessageError, match="2 senders"):
        compose(several)
    several["Sender"] = "a@example.com"
    composed = compose(several)
    assert composed.envelope.sender == "a@example.com"
    assert parsed(composed.data)["From"] == "a@example.com, b@example.com"


def test_raw_payloads_become_canonical() -> None:
    """Bare line feeds and 8-bit text of a payload set by hand are brought in order."""
    message = standard()
    message.set_payload("a\nb\u00fc\n", "utf-8")
    data = compose(message).data
    assert data.count(b"\n") == data.count(b"\r\n")
    assert parsed(data).get_content() == "a\nb\u00fc\n"
    bare = EmailMessage()
    bare["From"] = bare["To"] = "a@example.com"
    bare.set_payload("no content type\n\nsecond paragraph")
    assert compose(bare).data.endswith(
        b"\r\nContent-Type: text/plain\r\n\r\nno content type\r\n\r\nsecond paragraph\r\n"
    )


@pytest.mark.parametrize(
    "subject",
    [
        "a =?utf-8?q?x=0ABcc:_evil@x?= b",
        "=?utf-8?q?x=0D=0ABcc:_evil@x?=",
        "=?utf-8?b?eApCY2M6IGV2aWxAeA==?=",
        "=?utf-8?q?=00?=",
    ],
)
def test_encoded_line_breaks_are_refused(subject: str) -> None:
    """What some Python releases write as a real header line reaches no server."""
    with pytest.raises(MessageError, match="control character") as caught:
        compose(standard(Subject=subject))
    assert caught.value.field == "Subject"


def test_encoded_line_break_in_a_file_name() -> None:
    """No header is smuggled into a part either: it is refused, or written as plain text."""
    message = standard()
    message.add_attachment("x", filename="a =?utf-8?q?x=0D=0AX-Evil:_1?= b")
    with suppress(MessageError):
        assert b"\nX-Evil" not in compose(message).data


def test_encoded_line_break_in_a_header_of_a_part() -> None:
    """A part's own header cannot become two, whatever the Python release would write."""
    message = standard()
    message.add_attachment("x", filename="a.txt")
    message.get_payload()[1]["X-Note"] = "a =?utf-8?q?x=0AX-Evil:_1?= b"  # type: ignore[index]
    with suppress(MessageError):
        assert b"\nX-Evil" not in compose(message).data


def test_unreadable_headers_are_message_errors() -> None:
    """Two subjects, made past the policy's limit, are refused by name."""
    message = standard(Subject="one")
    message.set_raw("Subject", "two")
    with pytest.raises(MessageError, match="2 of this header"):
        compose(message)


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Resent_Bcc": "x@example.com"}, "Resent-Bcc"),
        ({"Received": "from x"}, "Received"),
        ({"DKIM_Signature": "v=1"}, "DKIM-Signature"),
        ({"To": "nobody"}, "To"),
        ({"To": "undisclosed-recipients:;"}, "recipients"),
        ({"From": ""}, "From"),
    ],
)
def test_headers_that_cannot_be_mailed(headers: dict[str, str], field: str) -> None:
    """A header of another hop, and an address that is none, are refused by name."""
    with pytest.raises(MessageError) as caught:
        compose(standard(**headers))
    assert field == caught.value.field


def test_content_that_cannot_be_mailed() -> None:
    """No content, long lines and content of the wrong type are MessageErrors."""
    empty = EmailMessage()
    empty["From"] = empty["To"] = "a@example.com"
    with pytest.raises(MessageError, match="set_content"):
        compose(empty)
    long = standard()
    long.set_payload("x" * 2000)
    with pytest.raises(MessageError, match="998"):
        compose(long)
    wrong = standard()
    wrong.set_payload([5])  # type: ignore[list-item]
    with pytest.raises(MessageError, match="cannot write it"):
        compose(wrong)


def test_older_policy() -> None:
    """A message with the policy of Python 3.2 is read as well."""
    message = EmailMessage(policy=policy.compat32)
    message["From"] = "from@example.com"
    message["To"] = '"Lee, Ann" <to@example.com>, b@example.com'
    message["Subject"] = "s"
    message.set_payload("text\n")
    composed = compose(message)
    assert composed.envelope.recipients == ("to@example.com", "b@example.com")
    assert parsed(composed.data)["To"].addresses[0].display_name == "Lee, Ann"
