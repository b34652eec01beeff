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
    assert not page.all("table", class_="pe-list")


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
    seen = []
    while newer := page.all("a", rel="prev"):
        page = Document(admin.client.get(newer[0]["href"]).text)
        seen = subjects(page) + seen
    assert seen == ["late", "No. 4", "No. 3", "No. 2", "No. 1"]


def test_nonsense_in_the_address_is_the_first_page(admin: Admin, host: Host) -> None:
    """An address that somebody has mangled is no error."""
    host.send(subject="Hello")
    assert subjects(Document(admin.get("/messages?before=x").text)) == ["Hello"]


def test_search_that_cannot_be_read_keeps_what_was_typed(admin: Admin, host: Host) -> None:
    """The sentence stands by the box, tied to it; nothing typed is lost, no list pretends."""
    host.send()
    page = admin.open("/messages?q=statsu%3Afailed+%22a+b%22", code=422)
    box = page.one(id="pe-q")
    assert box["value"] == 'statsu:failed "a b"'
    assert "aria-invalid" in box
    assert box["aria-describedby"].startswith("pe-q-problem")
    assert "Did you mean status:?" in page.one(id="pe-q-problem").text
    assert not page.all("table", class_="pe-list")


def test_tabs_keep_the_search_and_say_how_many(admin: Admin, host: Host) -> None:
    """Another state, the same words; the tab that is open says so."""
    host.send(subject="Order 1")
    page = admin.open("/messages?q=status%3Aqueued+order")
    assert [each.text for each in page.all("a", aria_current="page")] == ["Messages", "Queued 1"]
    tabs = [each["href"] for each in page.all("a") if "status:failed" in each["href"]]
    assert "order" in tabs[0]
    assert page.one(data_count="queued").text == "1"
    assert subjects(page) == ["Order 1"]
    assert not subjects(admin.open("/messages?q=status%3Afailed+order"))


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


def test_mail_that_some_did_not_get_says_so(admin: Admin, sending: Host, catcher: Catcher) -> None:
    """Sent is not the whole truth where the server refused one of the recipients."""
    catcher.refusals["gone@example.com"] = "550 5.1.1 No such user"
    sending.send(recipients=["ada@example.com", "bob@example.com"])
    number = sending.send(recipients=["ada@example.com", "gone@example.com"])
    sending.rounds()
    catcher.wait_for(2)
    rows = {each["id"]: each.text for each in admin.open("/messages").all("tr", data_state="sent")}
    assert [id for id, text in rows.items() if "sent, but not to all" in text] == [f"pe-m{number}"]
    assert len(rows) == 2
    page = admin.open(f"/messages/{number}").text
    assert "sent, but not to all" in page
    assert "Sent to some" in page


def test_reply_of_an_earlier_try_is_told_as_that(
    admin: Admin, sending: Host, catcher: Catcher
) -> None:
    """A message that was queued again has no reply yet: what is shown is what was said before."""
    catcher.refusals["gone@example.com"] = "550 5.1.1 No such user"
    number = sending.send(recipients=["gone@example.com"])
    sending.rounds()
    row, page = admin.open("/messages").one(id=f"pe-m{number}"), f"/messages/{number}"
    why = admin.open(page).one(id="pe-why").text
    assert "last time" not in row.text + why.lower()
    sending.site.outbox.retry(number)
    row = admin.open("/messages").one(id=f"pe-m{number}")
    assert "last time: 550 5.1.1 No such user" in row.text
    again = admin.open(page)
    assert why.partition(" ")[2] in again.one(id="pe-why").text
    assert "Last time: " in again.one(id="pe-why").text
    assert "pe-bad" not in again.one("section", aria_labelledby="pe-why")["class"]


def test_deferred_mail_says_what_it_waits_for(
    admin: Admin, sending: Host, catcher: Catcher
) -> None:
    """Many of one cause stand together, in the words of the diagnosis, and go at once if wanted."""
    for number in range(3):
        address = f"full{number}@example.com"
        catcher.refusals[address] = f"452 4.2.2 <{address}> is over quota by {number} bytes"
        sending.send(recipients=[address])
    sending.rounds()
    page = admin.open("/messages?q=status:deferred")
    section = page.one("section", aria_labelledby="pe-causes").text
    assert "Why they wait" in section
    assert "3 like this" in section
    assert [each for each in page.all("button") if each.text.startswith("Retry all now")]
    (show,) = [each for each in page.all("a") if each.text.startswith("Show")]
    shown = Document(admin.client.get(show["href"]).text)
    assert len(shown.all("tr", data_state="queued")) == 3
    assert "have met the same: The recipient's mailbox is full" in shown.text
    (all_causes,) = [each for each in shown.all("a") if each.text == "All causes"]
    assert all_causes["href"].endswith("q=status:deferred")


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
