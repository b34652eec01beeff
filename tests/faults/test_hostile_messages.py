"""What people type into a message: it cannot become a header, a command or a second mail."""

from __future__ import annotations

from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from plato_email import Attachment, MessageError
from tests.support.scripted_server import ScriptedServer
from tests.support.sink import Sink
from tests.support.sites import Host

CONTROLS = ("\r", "\n", "\r\n", "\0", "\x1f", "\x7f", "\x85", "\u2028", "\u2029")
ENCODED = ("=?utf-8?q?x=0ABcc:_evil@x?=", "=?utf-8?q?x=0DBcc:_evil@x?=", "=?utf-8?b?Cg==?=")
LONG = "x" * 10_000

BODIES = (
    "before\n.\nafter",
    "before\r.\rafter",
    "before\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<x@example.com>\r\nDATA\r\n",
    "\n.\r\nMAIL FROM:<evil@example.com>",
    ".\n..\n...\n",
    "x" * 5000,
    "Größe \u4e2d\u6587 \U0001f600\n" * 40,
    "é" * 2500,
    "a\0b",
)


def places(text: str) -> dict[str, dict[str, Any]]:
    """Every place of a message that ends up in a header, with ``text`` in it."""
    mailbox = (text, "a@example.com")
    return {
        "subject": {"subject": text},
        "name of a recipient": {"recipients": [mailbox]},
        "name of the sender": {"sender": mailbox},
        "name in reply_to": {"reply_to": mailbox},
        "address": {"recipients": [f"a{text}@example.com"]},
        "cc": {"cc": [f"a{text}@example.com"]},
        "bcc": {"bcc": [f"a{text}@example.com"]},
        "file name": {"attachments": [Attachment(text, "text/csv", b"1")]},
        "value of a header": {"extra_headers": {"X-Tag": text}},
        "name of a header": {"extra_headers": {f"X-{text}": "1"}},
    }


def standard(message_id: str) -> EmailMessage:
    """A message of the standard library, which alone can bring a Message-ID."""
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = "a@b.example", "c@d.example", message_id
    message.set_content("Hello.\n")
    return message


@pytest.mark.parametrize("text", CONTROLS, ids=lambda each: f"U+{ord(each[0]):04X}")
def test_case_22_no_control_character_is_queued(host: Host, text: str) -> None:
    """CR, LF, NUL and their like are a ValueError in every place, and leave nothing behind."""
    for where, fields in places(f"a{text}Bcc: evil@example.com").items():
        with pytest.raises(MessageError) as caught:
            host.send(**fields)
        assert isinstance(caught.value, ValueError), where
    with host.app.app_context():
        # Of the standard library's messages one may bring a Message-ID; a bad one is not taken.
        with suppress(ValueError):
            assert text not in host.plato.send(standard(f"<a{text}b@example.com>")).message_id
        host.db.session.rollback()
    assert host.site.outbox.messages() == ()
    assert host.site.outbox.content_count() == 0


def test_case_22_encoded_and_endless_text_stays_where_it_was_put(host: Host, sink: Sink) -> None:
    """Encoded line ends and 10,000 letters are refused, or arrive as that text and nothing else."""
    host.configure(sink.port)
    usual = {"From", "To", "Subject", "Date", "Message-ID", "X-Plato-Message", "MIME-Version"}
    encoding = {"Content-Transfer-Encoding"}
    usual |= {"Content-Type"} | encoding
    also = {"name in reply_to": {"Reply-To"}, "cc": {"Cc"}}
    refused, sent = set(), 0
    for text in (*ENCODED, LONG):
        for where, fields in places(text).items():
            try:
                host.send(**fields)
            except ValueError:
                refused.add((where, text))
                continue
            host.rounds()
            sent += 1
            mail = sink.mails[-1]
            found = message_from_bytes(mail.data, policy=policy.compat32)
            named = set(fields.get("extra_headers", ()))
            assert set(found.keys()) | encoding == usual | also.get(where, named), (where, text)
            assert b"Bcc" not in mail.data.partition(b"\r\n\r\n")[0]
            assert max(map(len, mail.data.split(b"\r\n"))) <= 998
            assert all("evil" not in each for each in mail.recipients)
    assert len(sink.mails) == sent > 10
    assert {("address", LONG), ("file name", LONG), ("cc", LONG), ("bcc", LONG)} < refused


def test_case_23_body_is_one_mail_whatever_stands_in_it(host: Host) -> None:
    """Dots, bare line ends, commands, long lines and 8-bit text, to the plainest of servers."""
    with ScriptedServer() as server:
        host.configure(server.port)
        for body in BODIES:
            host.send(body=body)
        host.rounds()
        mails, commands = server.mails, server.commands
    assert len(mails) == commands.count("DATA") == len(BODIES)
    assert not [each for each in commands if "evil" in each or "BODY=" in each or "UTF8" in each]
    assert {unstuffed_text(mail) for mail in mails} == {as_lines(body) for body in BODIES}
    for mail in mails:
        assert mail.isascii()
        lines = mail.split(b"\r\n")
        assert [each for each in lines if b"\r" in each or b"\n" in each or len(each) > 999] == []


def unstuffed_text(mail: bytes) -> str:
    """The text of a mail as a server stores it, decoded."""
    lines = mail.split(b"\r\n")
    data = b"\r\n".join(each[1:] if each.startswith(b".") else each for each in lines)
    payload = message_from_bytes(data, policy=policy.default).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


def as_lines(body: str) -> str:
    """A text with the line ends of one platform, and one at its end."""
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"
