"""The list of messages and one message: no bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plato_email.views import messages
from tests.web.html import Document

if TYPE_CHECKING:
    import pytest

    from tests.support.sites import Host
    from tests.support.smtp_servers import Catcher
    from tests.web.conftest import Admin


def subjects(page: Document) -> list[str]:
    return [link.text for link in page.all("a") if "/messages/" in link["href"]]


def test_empty_list_says_so(admin: Admin) -> None:
    """No table without rows."""
    page = admin.open("/messages")
    assert "No message has been queued yet" in page.text
    assert not page.all("table")


def test_list_is_paged_by_key_newest_first(
    admin: Admin, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message is on one page, whatever is queued between two looks."""
    monkeypatch.setattr(messages, "PER_PAGE", 2)
    for number in range(5):
        host.send(subject=f"No. {number}")
    page, seen = admin.open("/messages"), []
    seen += subjects(page)
    host.send(subject="late")
    while older := page.all("a", rel="next"):
        page = Document(admin.client.get(older[0]["href"]).text)
        seen += subjects(page)
    assert seen == ["No. 4", "No. 3", "No. 2", "No. 1", "No. 0"]
    assert "Newest" in page.text


def test_nonsense_in_the_address_is_the_first_page(admin: Admin, host: Host) -> None:
    """An address that somebody has mangled is no error."""
    host.send(subject="Hello")
    assert subjects(Document(admin.get("/messages?before=x").text)) == ["Hello"]


def test_message_shows_its_tries_and_no_body(admin: Admin, sending: Host, catcher: Catcher) -> None:
    """Who, when, how often and what the server said, but not what was written."""
    number = sending.send(subject="Reset", body="https://example.com/reset/s3cr3t\n")
    sending.rounds()
    catcher.wait_for(1)
    page = admin.open(f"/messages/{number}")
    assert page.one("h1").text == "Reset"
    for said in ("sent", "to@example.com", "site@example.com", "queued as 1"):
        assert said in page.text
    assert "s3cr3t" not in page.source
    assert "s3cr3t" not in admin.get("/messages").text


def test_hostile_subject_is_only_text(admin: Admin, host: Host) -> None:
    """What a mail says cannot become part of the page, nor of htmx's language."""
    hostile = '"><script>alert(1)</script><hx-partial hx-target="body">x</hx-partial>'
    number = host.send(subject=hostile, recipients=['"<b>"@example.com'])
    for path in ("/messages", f"/messages/{number}"):
        page = admin.open(path)
        assert hostile in page.text
        assert not page.all("hx-partial")
        assert not page.all("b")
        assert {"src"} <= {name for each in page.all("script") for name in each.attributes}


def test_unknown_message_is_404_in_our_words(admin: Admin) -> None:
    """A link to a message that was removed leads back to the list."""
    answer = admin.get("/messages/4711")
    assert answer.status_code == 404
    assert "No message 4711" in answer.text


def test_sensitive_message_shows_no_subject(admin: Admin, host: Host) -> None:
    """Neither the list nor the page of a sensitive message says what it is about."""
    number = host.send(subject="Your code is 123456", sensitive=True)
    assert "123456" not in admin.get("/messages").text
    page = admin.get(f"/messages/{number}").text
    assert "123456" not in page
    assert "(sensitive)" in page
