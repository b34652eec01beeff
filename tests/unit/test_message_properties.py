"""Whatever a message carries reaches the other end, read by the standard library's parser."""

from __future__ import annotations

from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage, MIMEPart
from email.message import Message as CompatMessage
from email.parser import BytesParser
from email.utils import getaddresses

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plato_email.errors import MessageError
from plato_email.message import Attachment, Message, compose, parse_address

# A busy machine is no fault of the serialiser.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

OURS = ["From", "To", "Subject", "Date", "Message-ID", "X-Plato-Message", "MIME-Version"]
CONTENT = ["Content-Type", "Content-Transfer-Encoding"]

forbidden = "\x00\x01\t\n\x0b\x0c\r\x1c\x1f\x7f\x85\u2028\u2029\ud800\udfff"
header_characters = st.characters(
    exclude_characters=forbidden, exclude_categories=["Cs"], min_codepoint=32
)
# Letters that mean something to a mail parser come up far more often than by chance.
telling = st.sampled_from(list(" \"\\<>()[]@,;:=?_.%*&'\u00e9\u4e2d\U0001f600"))
encoded_looking = st.sampled_from(["=?utf-8?q?x=0ABcc:_evil@x?=", "=?utf-8?b?Cg==?=", "=?", "?="])
header_texts = st.lists(
    telling | header_characters | encoded_looking | st.sampled_from(["word", "    "]), max_size=60
).map("".join)
bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=400) | st.lists(
    st.sampled_from(
        ["a" * 1200, "é" * 400, "\n", "\r", "\r\n", ".", "From me", " ", "\x00", "=", "--"]
    ),
    max_size=12,
).map("".join)
file_names = header_texts.map(lambda text: text[:255]).filter(bool)
injection = st.text(st.sampled_from("\r\n\x00 \t:Bc=?utf-8q0A_x@<>,;\u2028\x85\ud800"), max_size=40)


def message(**arguments: object) -> Message:
    defaults: dict[str, object] = {
        "subject": "s",
        "recipients": ["to@example.com"],
        "body": "b",
        "sender": "from@example.com",
    }
    return Message(**{**defaults, **arguments})  # type: ignore[arg-type]


def parsed(data: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(data)


def as_lines(text: str) -> str:
    """A text with the line ends that a parser gives back, and one at its end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def content(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


def raw(data: bytes) -> CompatMessage:
    """A message whose header values are still encoded, each in one line."""
    found = BytesParser(policy=policy.compat32).parsebytes(data)
    for name in set(found.keys()):
        found.replace_header(name, str(found[name]).replace("\r\n", ""))
    return found


def decoded(name: str) -> str:
    """A display name; the newer parser puts blanks between encoded words, this one does not."""
    return str(make_header(decode_header(name)))


def assert_canonical(data: bytes) -> None:
    """The bytes are what every server reads alike."""
    lines = data.split(b"\r\n")
    assert [line for line in lines if b"\r" in line or b"\n" in line or len(line) > 998] == []
    assert b"\0" not in data
    assert data.isascii()
    assert data.endswith(b"\r\n")


@unhurried
@given(subject=header_texts)
@example(subject="a =?utf-8?q?x=0ABcc:_evil@x?= b")
@example(subject=" " * 100)
@example(subject="x" * 2000)
@example(subject="\u4e2d" * 500)
def test_subject_arrives(subject: str) -> None:
    """Any subject is read back letter by letter, in lines of at most 76 where it is encoded."""
    composed = compose(message(subject=subject))
    found = parsed(composed.data)
    assert subject == str(found["Subject"])
    assert found.keys() == OURS + CONTENT
    assert_canonical(composed.data)


@unhurried
@given(name=header_texts)
@example(name="Lee, Ann")
@example(name='Ann "Q" \\ Lee')
@example(name="M\u00fcller, J\u00f6rg")
def test_display_name_arrives(name: str) -> None:
    """Any display name is read back, beside the right address."""
    composed = compose(message(recipients=[(name, "to@example.com"), "next@example.com"]))
    first, second = getaddresses([str(raw(composed.data)["To"])])
    assert (name.strip(" "), "to@example.com") == (decoded(first[0]), first[1])
    assert second == ("", "next@example.com")
    found = parsed(composed.data)["To"].addresses
    assert [address.addr_spec for address in found] == ["to@example.com", "next@example.com"]
    assert_canonical(composed.data)


@unhurried
@given(name=header_texts)
def test_address_is_read_back(name: str) -> None:
    """The text of an address is read back as the same address."""
    address = parse_address(str(compose_address(name)))
    assert name.strip(" ") == address.display_name
    assert address == parse_address(str(address))


def compose_address(name: str) -> str:
    return compose(message(sender=(name, "from@example.com"))).sender


@unhurried
@given(body=bodies, html=bodies)
def test_texts_arrive(body: str, html: str) -> None:
    """Any plain text and HTML are read back; only line ends become CRLF."""
    composed = compose(message(body=body, html=html))
    plain, rich = parsed(composed.data).iter_parts()
    assert as_lines(body) == content(plain)
    assert as_lines(html) == content(rich)
    assert_canonical(composed.data)


@unhurried
@given(body=bodies)
def test_single_text_arrives(body: str) -> None:
    """A message of one part carries any text."""
    composed = compose(message(body=body))
    assert as_lines(body) == content(parsed(composed.data))
    assert_canonical(composed.data)


@unhurried
@given(names=st.lists(file_names, min_size=1, max_size=3), data=st.binary(max_size=300))
@example(names=["r\u00e9sum\u00e9.pdf", "\u4e2d" * 255, "a" * 255], data=b"\r\n.\r\n")
def test_attachments_arrive(names: list[str], data: bytes) -> None:
    """Any file name and any content are read back."""
    files = [Attachment(name, "application/pdf", data) for name in names]
    composed = compose(message(attachments=files))
    found = list(parsed(composed.data).iter_attachments())
    assert names == [part["Content-Disposition"].params["filename"] for part in found]
    assert [data] * len(names) == [part.get_content() for part in found]
    assert_canonical(composed.data)


@unhurried
@given(value=header_texts)
def test_extra_header_arrives(value: str) -> None:
    """Any value of an extra header is read back, and it alone is added."""
    composed = compose(message(extra_headers={"X-Campaign": value}))
    found = parsed(composed.data)
    assert value == str(found["X-Campaign"])
    assert [*OURS, "X-Campaign", *CONTENT] == found.keys()
    assert_canonical(composed.data)


@unhurried
@given(text=injection)
def test_nothing_typed_becomes_a_header(text: str) -> None:
    """Text from an attacker's alphabet is refused, or adds no header wherever it is put."""
    attempts: list[tuple[dict[str, object], list[str]]] = [
        ({"subject": text}, []),
        ({"sender": (text, "from@example.com")}, []),
        ({"recipients": [(text, "to@example.com")]}, []),
        ({"recipients": [text]}, []),
        ({"recipients": [f"{text}@example.com"]}, []),
        ({"reply_to": f"{text} <a@example.com>"}, ["Reply-To"]),
        ({"extra_headers": {"X-Tag": text}}, ["X-Tag"]),
        ({"extra_headers": {"X" + text: "1"}}, ["X" + text]),
        ({"body": text}, []),
    ]
    for arguments, added in attempts:
        try:
            composed = compose(message(**arguments))
        except MessageError:
            continue
        assert sorted(OURS + CONTENT + added) == sorted(parsed(composed.data).keys())
        assert composed.envelope.recipients == ("to@example.com",) or "recipients" in arguments


@unhurried
@given(text=injection)
def test_nothing_typed_becomes_a_header_of_a_part(text: str) -> None:
    """Text from an attacker's alphabet adds no header to an attachment."""
    expected = ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition"]
    attempts: list[tuple[Attachment, list[str]]] = [
        (Attachment(text, "text/csv", b"1"), []),
        (Attachment("a.csv", text, b"1"), []),
        (Attachment("a.csv", f"text/csv; a={text}", b"1"), []),
        (Attachment("a.csv", "text/csv", b"1", content_id=text), ["Content-ID"]),
        (
            Attachment("a.csv", "text/csv", b"1", headers={"Content-Description": text}),
            ["Content-Description"],
        ),
    ]
    for attachment, added in attempts:
        try:
            composed = compose(message(attachments=[attachment]))
        except MessageError:
            continue
        _, found = parsed(composed.data).iter_parts()
        assert [expected, expected + added].count(found.keys())
        assert found.get_payload(decode=True) == b"1"


@unhurried
@given(text=injection)
def test_nothing_in_a_standard_message_becomes_a_header(text: str) -> None:
    """A standard message is refused, or has exactly its own headers on the wire."""
    for name in ("Subject", "X-Tag", "Reply-To"):
        standard = EmailMessage()
        standard["From"] = "from@example.com"
        standard["To"] = "to@example.com"
        try:
            standard[name] = text
        except (ValueError, IndexError, AttributeError, TypeError):
            continue  # The standard library itself refused it.
        standard.set_content("b")
        try:
            composed = compose(standard)
        except MessageError:
            continue
        allowed = {*OURS, *CONTENT, name}
        assert set() == set(parsed(composed.data).keys()) - allowed
        assert composed.envelope.recipients == ("to@example.com",)


@unhurried
@given(data=st.binary(max_size=200))
def test_attached_messages_are_not_encoded(data: bytes) -> None:
    """A message/rfc822 part is never base64, which RFC 2046 forbids."""
    composed = compose(message(attachments=[Attachment("a.eml", "message/rfc822", data)]))
    _, found = parsed(composed.data).iter_parts()
    if found.get_content_type() == "message/rfc822":
        assert found["Content-Transfer-Encoding"] == "7bit"
    else:
        assert found.get_content_type() == "application/octet-stream"
        assert data == found.get_payload(decode=True)
    assert_canonical(composed.data)


@unhurried
@given(
    value=st.none()
    | st.integers()
    | st.binary()
    | st.booleans()
    | st.just([None])
    | st.just({1: 2})
)
@pytest.mark.parametrize(
    "argument",
    [
        "subject",
        "recipients",
        "body",
        "html",
        "sender",
        "cc",
        "bcc",
        "reply_to",
        "attachments",
        "extra_headers",
        "date",
        "charset",
        "priority",
        "send_at",
        "expires_at",
        "idempotency_key",
        "sensitive",
    ],
)
def test_wrong_types_are_message_errors(argument: str, value: object) -> None:
    """A value of the wrong type never ends in any other error than MessageError."""
    field = argument
    try:
        compose(message(**{argument: value}))
    except MessageError as error:
        field = error.field
    assert field in (argument, "body")
