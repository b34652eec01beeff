"""Bodies and attachments: structure, encodings, file names."""

from __future__ import annotations

import re
from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

import pytest

from plato_email.errors import MessageError
from plato_email.message import Attachment, Message, compose

if TYPE_CHECKING:
    from email.message import EmailMessage, MIMEPart


def composed_bytes(**arguments: Any) -> bytes:
    defaults: dict[str, Any] = {
        "subject": "s",
        "recipients": ["to@example.com"],
        "sender": "from@example.com",
    }
    return compose(Message(**{**defaults, **arguments})).data


def parsed(data: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(data)


def structure(part: MIMEPart) -> Any:
    """The content types of a message, nested as its parts are."""
    if not part.is_multipart():
        return part.get_content_type()
    return [part.get_content_subtype(), *map(structure, part.iter_parts())]


LOGO = Attachment("logo.png", "image/png", b"png", content_id="logo")
INVOICE = Attachment("invoice.pdf", "application/pdf", b"pdf")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"body": "b"}, "text/plain"),
        ({"body": ""}, "text/plain"),
        ({"html": "h"}, "text/html"),
        ({"body": "b", "html": "h"}, ["alternative", "text/plain", "text/html"]),
        ({"attachments": [INVOICE]}, ["mixed", "application/pdf"]),
        ({"body": "b", "attachments": [INVOICE]}, ["mixed", "text/plain", "application/pdf"]),
        (
            {"html": "<img src='cid:logo'>", "attachments": [LOGO]},
            ["related", "text/html", "image/png"],
        ),
        (
            {"body": "b", "html": "<img src='cid:logo'>", "attachments": [INVOICE, LOGO]},
            [
                "mixed",
                ["alternative", "text/plain", ["related", "text/html", "image/png"]],
                "application/pdf",
            ],
        ),
        ({"body": "cid:logo", "attachments": [LOGO]}, ["mixed", "text/plain", "image/png"]),
        ({"html": "no image", "attachments": [LOGO]}, ["mixed", "text/html", "image/png"]),
    ],
)
def test_structure(arguments: dict[str, Any], expected: Any) -> None:
    """Each combination of texts, images and files has the structure of RFC 2046 and 2387."""
    found = parsed(composed_bytes(**arguments))
    assert expected == structure(found)
    assert [part.defects for part in found.walk() if part.defects] == []


def test_inline_image() -> None:
    """An image that the HTML shows has its Content-ID, is inline and keeps its bytes."""
    found = parsed(composed_bytes(html="<img src='cid:logo'>", attachments=[LOGO]))
    _, image = found.iter_parts()
    assert image["Content-ID"] == "<logo>"
    assert (image.get_content_disposition(), image.get_filename()) == ("inline", "logo.png")
    assert image.get_content() == b"png"


def test_inline_image_as_flask_mail_has_it() -> None:
    """Flask-Mail's way, a Content-ID among the headers, makes an inline image too."""
    logo = Attachment("l.png", "image/png", b"1", "inline", {"Content-ID": "<logo>", "X-A": "b"})
    _, image = parsed(composed_bytes(html="h", attachments=[logo])).iter_parts()
    assert (image["Content-ID"], image["X-A"]) == ("<logo>", "b")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        ("plain\n", "7bit"),
        ("x" * 998, "7bit"),
        ("x" * 999, "quoted-printable"),
        ("a\0b", "quoted-printable"),
        ("Gr\u00fc\u00dfe an alle, die dies lesen", "quoted-printable"),
        ("\u4f60\u597d\uff0c\u4e16\u754c" * 20, "base64"),
    ],
)
def test_shortest_safe_encoding(body: str, encoding: str) -> None:
    """Plain ASCII stays as it is, the rest takes the shorter encoding, lines never pass 998."""
    data = composed_bytes(body=body)
    found = parsed(data)
    assert encoding == found["Content-Transfer-Encoding"]
    assert f"{body.rstrip()}\n" == found.get_content().replace("\r\n", "\n")
    assert max(map(len, data.split(b"\r\n"))) <= 998


def test_line_ends_become_crlf() -> None:
    """LF, CR and CRLF are all one line end."""
    assert composed_bytes(body="a\nb\rc\r\nd").endswith(b"\r\n\r\na\r\nb\r\nc\r\nd\r\n")


@pytest.mark.parametrize(
    ("charset", "text", "written"),
    [
        ("latin-1", "Gr\u00fc\u00dfe", "iso-8859-1"),
        ("windows-1252", "10 \u20ac", "windows-1252"),
        ("ISO-2022-JP", "\u3053\u3093\u306b\u3061\u306f", "iso-2022-jp"),
        ("us-ascii", "plain", "us-ascii"),
        ("us-ascii", "Gr\u00fc\u00dfe", "utf-8"),
        ("latin-1", "\U0001f600", "utf-8"),
        (None, "\U0001f600", "utf-8"),
    ],
)
def test_charset(charset: str | None, text: str, written: str) -> None:
    """The charset asked for is used, and UTF-8 where the text has a letter that it lacks."""
    found = parsed(composed_bytes(body=text, charset=charset))
    assert (written, text) == (found.get_content_charset(), found.get_content().rstrip())


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        "two words.txt",
        'q"uote\\.txt',
        "r\u00e9sum\u00e9.pdf",
        "\u4e2d" * 100,
        "a" * 255,
        "100%.txt",
    ],
)
def test_file_names(name: str) -> None:
    """Any file name arrives, in lines of at most 76."""
    data = composed_bytes(body="b", attachments=[Attachment(name, "text/csv", b"1")])
    (found,) = parsed(data).iter_attachments()
    assert name == found.get_filename()
    assert max(map(len, data.split(b"\r\n"))) <= 76


@pytest.mark.parametrize(
    ("attachment", "content_type"),
    [
        (Attachment("a.pdf", None, b"1"), "application/pdf"),
        (Attachment("a.tar.gz", None, b"1"), "application/gzip"),
        (Attachment("a.tar.bz2", None, b"1"), "application/octet-stream"),
        (Attachment("noext", None, b"1"), "application/octet-stream"),
        (Attachment(None, None, "1"), "text/plain"),
        (Attachment("a.ics", "Text/Calendar; METHOD=REQUEST", "1"), "text/calendar"),
    ],
)
def test_content_type_of_an_attachment(attachment: Attachment, content_type: str) -> None:
    """A content type is guessed from the file name, or taken as given."""
    _, found = parsed(composed_bytes(body="b", attachments=[attachment])).iter_parts()
    assert content_type == found.get_content_type()


def test_parameters_of_a_content_type() -> None:
    """Parameters are kept, and text is written in the charset that they name."""
    invite = Attachment("i.ics", 'text/calendar; method=REQUEST; name="a b"', "\u00fc\n")
    latin = Attachment("a.csv", 'text/csv; charset="latin-1"', "\u00fc")
    first, second = parsed(composed_bytes(body="b", attachments=[invite, latin])).iter_attachments()
    assert dict(first["Content-Type"].params) == {
        "method": "REQUEST",
        "name": "a b",
        "charset": "utf-8",
    }
    assert "\u00fc\n".encode() == first.get_payload(decode=True)
    assert "\u00fc".encode("latin-1") == second.get_payload(decode=True)


def test_content_arrives_byte_for_byte() -> None:
    """An attachment keeps its line ends, whatever type of bytes it came in."""
    data = b"a\nb\rc\r\n.\r\n\0\xff"
    files = [Attachment("a", None, kind(data)) for kind in (bytes, bytearray, memoryview)]  # type: ignore[arg-type]
    found = parsed(composed_bytes(body="b", attachments=files)).iter_attachments()
    assert [data] * 3 == [part.get_content() for part in found]


def test_attached_message() -> None:
    """A clean message travels as message/rfc822 in 7bit, as RFC 2046 demands."""
    inner = Attachment("m.eml", "message/rfc822", "Subject: inner\n\nhello\n")
    (found,) = parsed(composed_bytes(body="b", attachments=[inner])).iter_attachments()
    assert found.get_content()["Subject"] == "inner"
    assert found["Content-Transfer-Encoding"] == "7bit"


def test_attached_message_that_cannot_go_as_it_is() -> None:
    """One with 8-bit data or long lines travels as a plain file, byte for byte."""
    for data in (b"Subject: \xfc\n\n", b"x" * 1200):
        inner = Attachment("m.eml", "message/rfc822", data)
        (found,) = parsed(composed_bytes(body="b", attachments=[inner])).iter_attachments()
        assert (
            found.get_content_type(),
            found.get_filename(),
        ) == ("application/octet-stream", "m.eml")
        assert data == found.get_content()


def test_boundaries_are_new_each_time_and_none_begins_another() -> None:
    """A body cannot know its boundary, and no boundary is the beginning of a nested one."""
    arguments = {"body": "b", "html": "cid:logo", "attachments": [LOGO, INVOICE]}
    seen = [re.findall(rb'boundary="(.*?)"', composed_bytes(**arguments)) for _ in range(2)]
    boundaries = [*seen[0], *seen[1]]
    assert len(set(boundaries)) == 6
    assert [(a, b) for a in boundaries for b in boundaries if a != b and b.startswith(a)] == []


@pytest.mark.parametrize(
    ("attachment", "reason"),
    [
        (Attachment("a\r\nX: y", None, b"1"), r"U\+000D"),
        (Attachment("a" * 256, None, b"1"), "256 characters"),
        (Attachment(5, None, b"1"), "Expected text"),  # type: ignore[arg-type]
        (Attachment("a", "text", b"1"), "application/pdf"),
        (Attachment("a", "text/plain\r\nX: y", b"1"), r"U\+000D"),
        (Attachment("a", "text/plain; x", b"1"), "application/pdf"),
        (Attachment("a", "multipart/mixed", b"1"), "single part"),
        (Attachment("a", None, None), "Read the file first"),  # type: ignore[arg-type]
        (Attachment("a", "text/plain; charset=latin-1", "\u4e2d"), "cannot write"),
        (Attachment("a", "text/plain; charset=klingon", "a"), "not a charset"),
        (Attachment("a", None, b"1", "sideways"), "'attachment' or 'inline'"),
        (Attachment("a", None, b"1", content_id="a b"), "content_id"),
        (Attachment("a", None, b"1", content_id="a>\r\n"), r"U\+000D"),
        (Attachment("a", None, b"1", headers={"Content-Type": "x"}), "use content_type="),
        (Attachment("a", None, b"1", headers={"MIME-Version": "x"}), "leave it out"),
        (Attachment("a", None, b"1", headers={"X-A": "b\nc"}), r"U\+000A"),
        (Attachment("a", None, b"1", headers=["X"]), "mapping"),  # type: ignore[arg-type]
    ],
)
def test_bad_attachment_is_refused(attachment: Attachment, reason: str) -> None:
    """Every wrong attribute of an attachment is refused by an error that names the file."""
    with pytest.raises(MessageError, match=reason) as caught:
        composed_bytes(body="b", attachments=[attachment])
    assert caught.value.field == "attachments"
    named = isinstance(attachment.filename, str)
    assert named == caught.value.problem.startswith("'a")
