"""What a message says: who may read it, that it is noted, and that it can do nothing."""

from __future__ import annotations

import re
import time
from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete

from plato_email import Attachment
from plato_email.message.opened import Opened
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.support.sites import Host
    from tests.web.conftest import Admin

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
PATHS = ("body", "body?part=html", "body.html", "message.eml", "attachments/1")


@pytest.fixture
def number(host: Host) -> int:
    """A message with a text, an HTML part and two attachments."""
    return host.send(
        subject="Reset",
        body="Your link: https://example.com/s3cr3t\n",
        html='<p>Your <a href="https://example.com/s3cr3t">link</a></p>',
        attachments=[
            Attachment("ställning.pdf", "application/pdf", b"%PDF"),
            Attachment('../..\\x"y\u202egnp.html', "text/html", b"<script>"),
        ],
    )


def read(host: Host) -> list[tuple[str, str]]:
    """What the log says was read, the first first."""
    entries = host.site.audit.page(limit=50, action="body.read")
    return [(entry.subject, entry.detail["part"]) for entry in reversed(entries)]


def test_every_part_can_be_read_and_is_noted(admin: Admin, host: Host, number: int) -> None:
    """Text, HTML, headers, attachments and the whole of it; each look is in the log."""
    base = f"/messages/{number}"
    assert "s3cr3t" in admin.open(f"{base}/body").one("pre").text
    assert "Message-ID" in admin.open(f"{base}/body?part=headers").text
    page = admin.open(f"{base}/body?part=html")
    assert "sandbox" in page.one("iframe")
    assert ">link</a>" in admin.client.get(page.one("iframe")["src"]).text
    files = admin.open(f"{base}/body?part=files")
    assert "ställning.pdf" in files.text
    assert admin.get(f"{base}/attachments/1").data == b"%PDF"
    source = message_from_bytes(admin.get(f"{base}/message.eml").data)
    assert source["Subject"] == "Reset"
    parts = ("text", "headers", "html", "files", "attachment", "source")
    assert read(host) == [(str(number), part) for part in parts]


def test_reading_needs_its_own_permission(admin: Admin, host: Host, number: int) -> None:
    """Who may look at the queue may not read mail, and is offered no way to."""
    host.site.authorize = lambda action: action == "view"
    assert {admin.get(f"/messages/{number}/{path}").status_code for path in PATHS} == {403}
    page = admin.open(f"/messages/{number}")
    assert "You may not read what it says" in page.text
    assert not [link for link in page.all("a") if "body" in link["href"]]
    assert read(host) == []


def test_sensitive_message_is_shown_to_nobody(admin: Admin, host: Host) -> None:
    """Whatever somebody may do: no body, no header, no source, and nothing in the log."""
    number = host.send(sensitive=True, subject="Code 123456", body="123456\n", html="<b>123456</b>")
    for path in PATHS:
        answer = admin.get(f"/messages/{number}/{path}")
        assert answer.status_code == 403
        assert "123456" not in answer.text
    assert "Shown to nobody" in admin.open(f"/messages/{number}").text
    assert read(host) == []


def test_content_that_is_gone_is_told(admin: Admin, host: Host, number: int) -> None:
    """Dropped after sending, or its key is lost: a sentence, not an error."""
    assert admin.get("/messages/4711/body").status_code == 404
    assert admin.get(f"/messages/{number}/attachments/9").status_code == 404
    host.site.database.write(lambda c: c.execute(delete(host.site.tables.content)))
    answer = admin.get(f"/messages/{number}/body")
    assert answer.status_code == 404
    assert "is gone" in Document(answer.text).text


def test_html_is_served_under_a_policy_that_forbids_everything(admin: Admin, number: int) -> None:
    """Even opened by itself it runs nothing, fetches nothing, and is no page of ours to htmx."""
    answer = admin.get(f"/messages/{number}/body.html")
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert policy[:2] == ["sandbox", "default-src 'none'"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "X-Plato-Email" not in answer.headers
    page = admin.get(f"/messages/{number}/body?part=html")
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert "frame-src" not in admin.get("/messages").headers["Content-Security-Policy"]


def test_download_is_never_opened_here(admin: Admin, number: int) -> None:
    """Bytes without a type, to be saved, under a name that is no path and hides no ending."""
    answer = admin.get(f"/messages/{number}/attachments/2")
    said = answer.headers["Content-Disposition"]
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert said.startswith("attachment;")
    assert not re.search(r"[/\\]\w|%2F|%5C|%E2%80%AE", said.replace('\\"', ""))
    named = admin.get(f"/messages/{number}/attachments/1").headers["Content-Disposition"]
    assert "filename*=UTF-8''st%C3%A4llning.pdf" in named


def test_pictures_of_the_message_are_put_in_and_hints_taken_out(admin: Admin, host: Host) -> None:
    """What the mail brings is shown; what would make a browser look a name up is not there."""
    from email.message import EmailMessage

    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.com", "b@example.com", "Picture"
    mail.set_content("text")
    mail.add_alternative(
        '<link rel="preconnect" href="//t.example"><META http-equiv=refresh content="0;url=//t">'
        '<img src="cid:logo"><img src="cid:other">',
        subtype="html",
    )
    mail.get_payload()[1].add_related(PNG, "image", "png", cid="<logo>")  # type: ignore[index, union-attr]
    with host.app.app_context():
        queued = host.plato.send(mail)
        host.db.session.commit()
    text = admin.get(f"/messages/{queued.id}/body.html").text
    assert "data:image/png;base64,iVBORw0KGgo" in text
    assert "cid:other" in text
    assert "preconnect" not in text
    assert "refresh" not in text


def test_hostile_html_costs_no_more_than_its_length() -> None:
    """Tags that never close: each was looked for the end of, and a megabyte took minutes."""
    mail = b"Content-Type: text/html\r\n\r\n" + b"<link " * 200_000
    since = time.process_time()
    assert "link" not in Opened(mail).shown
    assert time.process_time() - since < 2
