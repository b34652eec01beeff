"""The log of who did what: written by the views, read on a page of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask import g
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from plato_email.views import audit
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.support.sites import Host
    from tests.web.conftest import Admin


def note(host: Host, action: str, by: str = "ada", subject: str = "", **detail: object) -> None:
    """Write an entry as a view does."""
    host.site.audit.note(action, by=by, origin="192.0.2.7", subject=subject, detail=detail)


def test_a_save_that_changed_nothing_says_none(admin: Admin, host: Host) -> None:
    """A save of what was there already says so, not a blank."""
    note(host, "settings.saved", fields=[])
    assert "Changed: nothing" in admin.open("/audit").text


def whats(page: Document) -> list[str]:
    """The first cell of each row."""
    rows = [each for each in page.elements if each.tag == "tr"][1:]
    cells = [each for each in page.elements if each.tag == "td"]
    return [cells[4 * number].text for number in range(len(rows))]


def test_saving_notes_the_names_of_what_changed(admin: Admin, host: Host) -> None:
    """Who, from where and which fields; no value of any."""

    def authorize(_action: str) -> bool:
        g.plato_email_actor = "ada"
        return True

    host.site.authorize = authorize
    typed = {"host": "smtp.example.com", "default_sender": "a@example.com", "use_tls": "1"}
    admin.save(**typed, requires_login="1", username="u-name", password="s3cret")
    entry = host.site.audit.page()[0]
    assert (entry.actor, entry.origin, entry.action) == ("ada", "127.0.0.1", "settings.saved")
    changed = {"default_sender", "host", "port", "use_tls", "username", "password"}
    assert set(entry.detail["fields"]) == changed
    answer = admin.get("/audit")
    assert "Saved the settings" in answer.text
    assert "s3cret" not in answer.text
    assert "u-name" not in answer.text


def test_what_was_not_saved_is_not_in_the_log(admin: Admin, host: Host) -> None:
    """A form with a mistake changes nothing."""
    assert admin.save(host="no such host!").status_code == 422
    assert host.site.audit.page() == ()
    assert "Nothing has been done yet" in admin.open("/audit").text


def test_log_is_paged_by_key_newest_first(
    admin: Admin, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entry is on one page, whatever is done between two looks; the filter goes along."""
    monkeypatch.setattr(audit, "PER_PAGE", 2)
    for number in range(5):
        note(host, "message.retried", subject=str(number))
        note(host, "test.sent")
    page, seen = admin.open("/audit?action=message.retried"), []
    seen += whats(page)
    note(host, "message.retried", subject="late")
    while older := page.all("a", rel="next"):
        page = Document(admin.client.get(older[0]["href"]).text)
        seen += whats(page)
    assert seen == [f"Retried message {number}" for number in (4, 3, 2, 1, 0)]


def test_log_is_filtered_by_what_and_who(admin: Admin, host: Host) -> None:
    """Both together, by the whole name; what is chosen stays chosen."""
    note(host, "test.sent", by="ada")
    note(host, "message.deleted", by="ada", subject="7", count=3)
    note(host, "message.deleted", by="Ada")
    page = admin.open("/audit?action=message.deleted&by=ada")
    assert whats(page) == ["Deleted message 7Messages: 3"]
    assert page.chosen("action") == "message.deleted"
    assert page.field("by")["value"] == "ada"
    assert "No such entry" in admin.open("/audit?by=grace").text


@pytest.mark.parametrize(
    "query", ["before=x", f"before={10**30}", f"before=-{10**30}", "action=%00", "by=%00", "by=%27"]
)
def test_nonsense_in_the_address_is_no_error(admin: Admin, query: str) -> None:
    """An address that somebody has mangled shows a page."""
    assert admin.get(f"/audit?{query}").status_code == 200


def test_log_needs_the_right_to_change_settings(admin: Admin, host: Host) -> None:
    """It holds names and addresses of colleagues; who may not read it is not shown the way."""
    host.site.authorize = lambda action: action == "view"
    assert admin.get("/audit").status_code == 403
    assert not [a for a in admin.open("/queue").all("a") if a.text == "Log"]


def test_hostile_names_are_text(admin: Admin, host: Host) -> None:
    """What a person is called, and what an entry is about, is escaped."""
    evil = "<script>alert(1)</script>"
    note(host, evil[:40], by=evil, subject=evil, **{evil: evil})
    assert "<script>alert" not in admin.get("/audit").text


def test_what_is_done_stays_done_where_the_log_fails(admin: Admin, host: Host) -> None:
    """A change is saved though it cannot be noted; what must not happen unseen does not happen."""
    host.site.database.write(lambda c: c.execute(text("DROP TABLE plato_email_audit")))
    assert admin.save(host="smtp.example.com", default_sender="a@b.example").status_code == 303
    assert host.site.load_settings().settings.host == "smtp.example.com"
    with host.app.test_request_context(), pytest.raises(SQLAlchemyError):
        audit.note_first("body.read", "7")


@pytest.mark.parametrize(
    ("action", "subject", "detail", "said"),
    [
        (*("test.sent", ""), {"outcome": "sent"}, "Sent a test email"),
        (
            *("test.sent", ""),
            {"recipient": "a@b.example", "outcome": "failed", "why": "No route"},
            "Tried to send a test email: it failedTest recipient: a@b.exampleWhy: No route",
        ),
        (
            *("test.sent", ""),
            {"outcome": "broken off"},
            "Tried to send a test email: the test was broken off",
        ),
        (*("test.checked", ""), {"outcome": "checked"}, "Checked the connection: it works"),
        (*("test.checked", ""), {"outcome": "failed"}, "Checked the connection: it failed"),
        (*("test.sent", ""), {}, "Tested with an email"),
        (
            *("settings.saved", ""),
            {"fields": ["default_sender", "poll_interval", "password"]},
            "Saved the settingsChanged: Default Sender, Interval, Password",
        ),
        (
            *("mode.changed", "redirect"),
            {"before": "live", "to": "qa@x.example"},
            "Changed the mode to RedirectMode before: LiveTo: qa@x.example",
        ),
        (
            *("mode.changed", "allow"),
            {"before": "allow"},
            "Changed who gets mail in the mode Allow-list only",
        ),
        (*("body.read", "7"), {"part": "files"}, "Read message 7Part: Attachments"),
        (*("message.restored", "7"), {}, "Undid the cancellation of message 7"),
        (
            *("message.retried", "all failed"),
            {"count": 3},
            "Retried all failed messagesMessages: 3",
        ),
        (*("message.retried", "17, 18"), {}, "Retried messages 17, 18"),
        (
            *("message.cancelled", "2 messages"),
            {"ids": [7, 8]},
            "Cancelled 2 messagesMessages: 7, 8",
        ),
        (
            *("message.readdressed", "7"),
            {"old": "a@b", "new": "c@d"},
            "Changed a recipient of message 7Before: a@bNow: c@d",
        ),
        (
            *("message.redirected", "7"),
            {"to": ["c@d in the place of a@b"]},
            "Sent message 7 on to another addressTo: c@d in the place of a@b",
        ),
        (
            *("message.resent", "9"),
            {"copy_of": 7, "to": ["c@d in the place of a@b"]},
            "Queued message 9 anew: the same as message 7To: c@d in the place of a@b",
        ),
        (
            *("queue.purged", "12"),
            {"states": ["sent", "failed"], "days": None},
            "Purged 12 finished messagesState: sent, failedDays: as configured",
        ),
    ],
)
def test_entries_are_sentences_in_the_words_of_the_pages(
    admin: Admin, host: Host, action: str, subject: str, detail: dict[str, Any], said: str
) -> None:
    """What was done and what came of it, with the labels of the form and no internal name."""
    note(host, action, subject=subject, **detail)
    assert whats(admin.open("/audit")) == [said]


def test_entry_of_a_message_leads_to_it(admin: Admin, host: Host) -> None:
    """One press from what was done to what became of it; what was deleted has no page."""
    note(host, "message.retried", subject="7")
    note(host, "message.deleted", subject="8")
    links = [each.text for each in admin.open("/audit").all("a") if "message " in each.text]
    assert links == ["message 7"]


def test_old_entries_are_purged_with_the_rest(host: Host) -> None:
    """A sender's tidying keeps the log as long as the configuration says."""
    note(host, "test.sent")
    host.site.make_worker().tidy()
    assert len(host.site.audit.page()) == 1
    assert sum(host.site.audit.purge(timedelta(seconds=-1))) == 1
    assert host.site.audit.page() == ()
