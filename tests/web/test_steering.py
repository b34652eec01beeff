"""Retry, cancel, restore, delete, mend: by hand, singly, by selection, and all that match."""

from __future__ import annotations

import re
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, select, update

from plato_email.outbox import UNDO, Slice
from plato_email.tables import State
from plato_email.views import steering, undeleting
from tests.web.conftest import HTMX
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.support.sites import Host
    from tests.support.smtp_servers import Catcher
    from tests.web.conftest import Admin


MENDING = ("recipient", "copies")


def press(admin: Admin, act: str, *ids: int, code: int = 303, **more: str) -> str:
    """Press a button of the list, as its form sends it; return the page that comes of it."""
    token = admin.open("/settings").one(id="pe-csrf")["value"]
    form: dict[str, Any] = {"csrf_token": token, "act": act, "ids": list(ids), **more}
    answer = admin.post("/messages", form)
    assert answer.status_code == code, answer.text
    return admin.client.get(answer.location).text if code == 303 else answer.text


def said(text: str) -> str:
    """What the page says has become of it."""
    return Document(text).one(id="pe-told").text


def fail(host: Host, *ids: int, **columns: Any) -> None:
    """Let messages have failed."""
    message, now = host.site.tables.message, host.site.clock.now()
    values = {
        "state": State.FAILED.value,
        "finished_at": now,
        "attempts": 5,
        "stage": "recipient",
        "code": 550,
        "reply": "No",
        "fault": "0" * 16,
    }
    changed = update(message).where(message.c.id.in_(ids)).values(**values | columns)
    host.site.database.write(lambda c: c.execute(changed))


def noted(host: Host) -> list[tuple[str, str]]:
    """What stands in the log, the first first."""
    entries = host.site.audit.page(limit=50)
    return [(entry.action, entry.subject) for entry in reversed(entries)]


def test_selection_is_retried_and_told(admin: Admin, host: Host) -> None:
    """Attempts from zero, due at once; what a sender has in its hands is left alone."""
    ids = [host.send() for _ in range(4)]
    held = host.site.outbox.claim(limit=1, batch=100, interval=30, send_attempts=5)
    assert isinstance(held, Slice)
    fail(host, *ids[1:3])
    text = press(admin, "retry", *ids[:3], 4711)
    expected = "2 of 4 messages queued again; 1 was gone; 1 was already being sent."
    assert expected in said(text)
    rows = {each.id: each for each in host.site.outbox.messages()}
    assert [rows[id].state for id in ids] == ["claimed", "queued", "queued", "queued"]
    assert [rows[id].attempts for id in ids] == [0, 0, 0, 0]
    assert noted(host) == [("message.retried", "2 messages")]
    assert "pe-told" not in admin.get("/messages").text


def test_cancelled_message_is_not_sent_and_can_be_brought_back(
    admin: Admin, sending: Host, catcher: Catcher
) -> None:
    """Cancel, then Undo: it waits again as it did, and then it is sent."""
    number = sending.send(subject="Oops")
    page = Document(press(admin, "cancel", number, message=str(number)))
    assert "1 message cancelled." in page.text
    sending.rounds()
    assert sending.states() == {number: "cancelled"}
    undo = page.one("button", value="restore")
    assert undo.text == "Undo"
    assert "1 message back in the queue." in said(press(admin, "restore", number))
    sending.rounds()
    catcher.wait_for(1)
    assert sending.states() == {number: "sent"}
    assert [action for action, _ in noted(sending)] == ["message.cancelled", "message.restored"]


def undo(admin: Admin, text: str, code: int = 303) -> str:
    """Press Undo on a page that tells of a deletion; return the page that comes of it."""
    form = hidden(Document(text[text.index('class="pe-undo"') :]))
    answer = admin.post("/messages/undeleted", form)
    assert answer.status_code == code
    return admin.client.get(answer.location).text if code == 303 else answer.text


def test_deletion_is_undone_with_one_click(admin: Admin, host: Host) -> None:
    """It says how long that works; singly from the page of the message, too; and once."""
    ids = [host.send() for _ in range(3)]
    text = press(admin, "delete", *ids[:2])
    assert "2 messages deleted." in said(text)
    assert re.search(r"works until \d\d:\d\d UTC", said(text))
    assert host.states() == {ids[2]: "queued"}
    assert "2 messages back as before." in said(undo(admin, text))
    assert set(host.states()) == set(ids)
    assert "There is nothing left to bring back." in said(undo(admin, text))
    press(admin, "delete", ids[0], message=str(ids[0]))
    gone = admin.get(f"/messages/{ids[0]}")
    assert gone.status_code == 404
    assert f"Message {ids[0]} was deleted" in gone.text
    assert "1 message back as before." in said(undo(admin, gone.text))
    noted_now = [("message.deleted", "2 messages"), ("message.undeleted", "2 messages")]
    noted_now += [("message.deleted", str(ids[0])), ("message.undeleted", str(ids[0]))]
    assert noted(host) == noted_now


def test_undo_is_noted_as_what_it_was(admin: Admin, host: Host) -> None:
    """A number that is sent along with a batch names no message in the log."""
    text = press(admin, "delete", *[host.send() for _ in range(2)])
    form = hidden(Document(text[text.index('class="pe-undo"') :]))
    assert admin.post("/messages/undeleted", form | {"id": "4711"}).status_code == 303
    assert noted(host)[-1] == ("message.undeleted", "2 messages")


def test_who_asks_for_headers_alone_uses_nothing_up(admin: Admin, host: Host) -> None:
    """What was told of an act, and its Undo, is for who sees the page."""
    press_form = {"csrf_token": admin.open("/settings").one(id="pe-csrf")["value"]}
    answer = admin.post("/messages", press_form | {"act": "delete", "ids": str(host.send())})
    assert admin.client.head(answer.location).status_code == 200
    assert 'class="pe-undo"' in admin.client.get(answer.location).text


@pytest.mark.parametrize("made_up", [{"id": "9" * 30}, {"id": "-1"}, {"batch": "a\0"}, {}])
def test_undo_that_was_made_up_brings_nothing_back(
    admin: Admin, host: Host, made_up: dict[str, str]
) -> None:
    """Neither an error nor somebody else's message."""
    press(admin, "delete", host.send())
    token = admin.open("/settings").one(id="pe-csrf")["value"]
    answer = admin.post("/messages/undeleted", {"csrf_token": token, **made_up})
    assert answer.status_code == 303
    assert "nothing left to bring back" in admin.client.get(answer.location).text
    assert host.states() == {}


def test_what_was_deleted_too_long_ago_is_told_so(admin: Admin, host: Host) -> None:
    """Neither the page of the message nor an old Undo brings it back."""
    number = host.send()
    text = press(admin, "delete", number)
    deleted, at = host.site.tables.deleted, host.site.clock.now() - UNDO
    host.site.database.write(lambda c: c.execute(update(deleted).values(deleted_at=at)))
    assert "1 was deleted too long ago" in said(undo(admin, text))
    assert "pe-undo" not in admin.get(f"/messages/{number}").text
    assert host.states() == {}


def test_all_that_match_are_deleted_and_brought_back_in_steps(
    admin: Admin, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One Undo for all of them, also for who stops half-way."""
    for module in (steering, undeleting):
        monkeypatch.setattr(module, "BUDGET", 0.0)
    monkeypatch.setattr(steering, "STEP", 2)
    monkeypatch.setattr("plato_email.outbox.deleting.STEP", 2)
    ids = [host.send() for _ in range(5)]
    asked = Document(press(admin, "delete", code=200, scope="all", q="status:queued"))
    assert "Undo brings them back for an hour" in asked.text
    halfway = Document(admin.post("/messages", hidden(asked)).text)
    assert set(host.states()) == set(ids[2:])
    text = admin.get("/messages").text
    assert "So far: 2 messages deleted." in said(text)
    page = Document(undo(admin, text, code=200))
    assert "Undo the deletion" in page.one("h1").text
    while page.all("progress"):
        page = Document(admin.post("/messages/undeleted", hidden(page), headers=HTMX).text)
    assert "2 messages back as before." in page.source
    assert set(host.states()) == set(ids)
    while halfway.all("progress"):
        halfway = Document(admin.post("/messages", hidden(halfway), headers=HTMX).text)
    assert "works until" in halfway.source
    while not (answer := admin.post("/messages/undeleted", hidden(halfway))).location:
        halfway = Document(answer.text)
    assert set(host.states()) == set(ids)


def test_all_that_match_are_done_in_steps(
    admin: Admin, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks first; each answer carries on where the last one ended; what comes later stays."""
    monkeypatch.setattr(steering, "BUDGET", 0.0)
    monkeypatch.setattr(steering, "STEP", 2)
    ids = [host.send() for _ in range(5)]
    fail(host, *ids)
    asked = Document(press(admin, "retry", code=200, scope="all", q="status:failed"))
    assert "Retry all that match?" in asked.one("h1").text
    late = host.send()
    fail(host, late)
    form = hidden(asked)
    steps = 0
    while True:
        answer = admin.post("/messages", form, headers=HTMX)
        page, steps = Document(answer.text), steps + 1
        if not page.all("form"):
            break
        form = hidden(page)
    assert "5 messages queued again." in page.source
    assert steps == 3
    assert host.states() == {**dict.fromkeys(ids, "queued"), late: "failed"}
    began, ended = ("message.retried", "all that match"), ("message.retried", "5 messages")
    assert noted(host) == [began, ended]


def test_no_step_is_done_that_the_log_does_not_know(
    admin: Admin, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stops half-way is in the log; a place that was made up, or taken over, begins anew."""
    monkeypatch.setattr(steering, "BUDGET", 0.0)
    monkeypatch.setattr(steering, "STEP", 2)
    ids = [host.send() for _ in range(6)]
    step = {"scope": "all", "sure": "1", "q": "", "through": str(ids[-1])}
    page = Document(press(admin, "delete", code=200, **step, after=f"0..{ids[4]}", done="900"))
    assert set(host.states()) == set(ids[:4])
    assert noted(host) == [("message.deleted", "all that match")]
    (entry,) = host.site.audit.page()
    assert entry.detail == {"search": "everything", "up_to": ids[-1]}
    other = hidden(page) | {"act": "cancel"}
    admin.post("/messages", other)
    assert noted(host)[1:] == [("message.cancelled", "all that match")]
    admin.post("/messages", hidden(page) | {"so_far": hidden(page)["so_far"][:-1] + "?"})
    assert [action for action, _ in noted(host)[2:]] == ["message.deleted"]


@pytest.mark.parametrize("number", ["²", "٣", "-1", str(2**63), "9" * 30, "9" * 5000])
def test_what_is_no_number_of_a_message_is_left_alone(
    admin: Admin, host: Host, number: str
) -> None:
    """Neither an error nor somebody else's message; what is a number beside it is done."""
    real = host.send()
    token = admin.open("/settings").one(id="pe-csrf")["value"]
    form: dict[str, Any] = {"csrf_token": token, "act": "cancel", "ids": [number, str(real)]}
    assert admin.post("/messages", form).status_code == 303
    assert host.states() == {real: "cancelled"}


def test_sensitive_message_goes_to_no_other_address(admin: Admin, host: Host) -> None:
    """Or who may steer could read what is shown to nobody; the page does not offer it."""
    number = host.send(recipients=["ada@exmaple.com"], sensitive=True)
    fail(host, number)
    page = admin.open(f"/messages/{number}")
    assert not page.all("input", name="new")
    form = {"csrf_token": page.all("input", name="csrf_token")[0]["value"]}
    form |= {"old": "ada@exmaple.com", "new": "mallory@example.com"}
    answer = admin.post(f"/messages/{number}/recipient", form)
    assert answer.status_code == 422
    assert "The message is sensitive" in answer.text
    row = host.site.outbox.message(number)
    assert row is not None
    assert (row.recipients, row.state) == (("ada@exmaple.com",), "failed")
    assert noted(host) == []


def test_another_address_takes_who_may_read_it(admin: Admin, host: Host) -> None:
    """Else whoever steers could have any failed mail sent to a mailbox of their own."""
    number = host.send(recipients=["ada@exmaple.com"])
    fail(host, number)
    host.site.authorize = lambda action: action != "view_body"
    page = admin.open(f"/messages/{number}")
    assert "Send to another address" not in page.text
    assert page.one("button", value="retry").text == "Retry now"
    form = {"csrf_token": page.all("input", name="csrf_token")[0]["value"]}
    form |= {"old": "ada@exmaple.com", "new": "mallory@example.com"}
    assert admin.post(f"/messages/{number}/recipient", form).status_code == 403
    assert host.states() == {number: "failed"}
    assert noted(host) == []


def hidden(page: Document) -> dict[str, str]:
    """What the form of a step sends by itself."""
    fields = [each for each in page.all("input", type="hidden") if "name" in each]
    return {each["name"]: each.attributes.get("value", "") for each in fields}


def test_refused_recipient_is_replaced(admin: Admin, sending: Host, catcher: Catcher) -> None:
    """A wrong address is told next to its field with what was typed; a right one is mailed."""
    number = sending.send(recipients=["ada@exmaple.com", "bob@example.com"])
    fail(sending, number)
    page = admin.open(f"/messages/{number}")
    token = page.all("input", name="csrf_token")[0]["value"]
    form = {"csrf_token": token, "old": "ada@exmaple.com"}
    for typed, why in {"ada@": "", "bob@example.com": "is a recipient of this message"}.items():
        answer = admin.post(f"/messages/{number}/recipient", form | {"new": typed})
        again = Document(answer.text)
        assert answer.status_code == 422
        (field,) = [each for each in again.all("input", name="new") if "aria-invalid" in each]
        assert field["value"] == typed
        assert why in again.one(id=field["aria-describedby"]).text
    answer = admin.post(f"/messages/{number}/recipient", form | {"new": "ada@example.com"})
    assert answer.status_code == 303
    sending.rounds()
    (mail,) = catcher.wait_for(1)
    assert set(mail.recipients) == {"ada@example.com", "bob@example.com"}
    assert noted(sending) == [("message.readdressed", str(number))]


def test_message_is_sent_again_as_new(admin: Admin, sending: Host, catcher: Catcher) -> None:
    """A new Message-ID and Date, the same words; not without its content, nor while it waits."""
    number = sending.send(subject="Once more")
    token = admin.open("/settings").one(id="pe-csrf")["value"]
    form = {"csrf_token": token}
    waiting = admin.post(f"/messages/{number}/copies", form)
    assert (waiting.status_code, "still to be sent" in waiting.text) == (422, True)
    fail(sending, number)
    answer = admin.post(f"/messages/{number}/copies", form)
    assert answer.status_code == 303
    copy = int(answer.location.rpartition("/")[2])
    assert copy != number
    sending.rounds()
    (mail,) = catcher.wait_for(1)
    first = sending.site.outbox.message(number)
    second = sending.site.outbox.message(copy)
    assert first is not None
    assert second is not None
    came = message_from_bytes(mail.data)
    assert came.get_all("Message-ID") == [second.message_id]
    assert first.message_id != second.message_id
    assert came["Subject"] == "Once more"
    sending.site.database.write(lambda c: c.execute(delete(sending.site.tables.content)))
    gone = admin.post(f"/messages/{number}/copies", form)
    assert (gone.status_code, "content is gone" in gone.text) == (422, True)


def test_steering_needs_its_own_permission(admin: Admin, host: Host) -> None:
    """Who may only look sees no button and no box, and cannot press what is not there."""
    number = host.send()
    fail(host, number)
    token = admin.open("/settings").one(id="pe-csrf")["value"]
    host.site.authorize = lambda action: action == "view"
    for path in ("/messages", f"/messages/{number}"):
        page = admin.open(path)
        assert not [each for each in page.all("button") if each.text != "Search"]
        assert not page.all("input", type="checkbox")
    paths = (
        "/messages",
        "/messages/undeleted",
        *(f"/messages/{number}/{each}" for each in MENDING),
    )
    for path in paths:
        answer = admin.post(path, {"csrf_token": token, "act": "delete", "ids": str(number)})
        assert answer.status_code == 403
    assert host.states() == {number: "failed"}


def test_nothing_is_done_without_the_forms_token(admin: Admin, host: Host) -> None:
    """A forged or stale form changes nothing and says so."""
    number = host.send()
    answer = admin.post("/messages", {"act": "cancel", "ids": str(number)})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert host.states() == {number: "queued"}


def test_nonsense_is_answered_calmly(admin: Admin, host: Host) -> None:
    """No act, no message, no number, a search that cannot be read: the list, or a sentence."""
    number = host.send()
    assert "No. " not in press(admin, "explode", number)
    assert "Nothing was selected." in said(press(admin, "cancel"))
    assert "There is no key" in press(admin, "cancel", scope="all", q="foo:1", code=422)
    state = select(host.site.tables.message.c.state)
    assert host.site.database.read(lambda c: c.scalar(state)) == "queued"
