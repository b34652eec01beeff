"""Mail that some did not get: found by a click, and sent to the others, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import OperationalError

from plato_email.outbox import Act, SteeringRefused
from plato_email.resending import resend
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.support.sites import Host
    from tests.support.smtp_servers import Catcher
    from tests.web.conftest import Admin

HAS, GONE, FULL = "ada@example.com", "gone@example.com", "full@example.com"


@pytest.fixture
def number(sending: Host, catcher: Catcher) -> int:
    """A mail that one of three got."""
    return send(sending, catcher)


def send(host: Host, catcher: Catcher, **fields: bool) -> int:
    """Send a mail that one of three gets."""
    catcher.refusals[GONE] = "550 5.1.1 No such user"
    catcher.refusals[FULL] = "552 5.2.2 Mailbox full"
    number = host.send(subject="Minutes", recipients=[HAS, GONE, FULL], **fields)
    host.rounds()
    catcher.wait_for(1)
    return number


def again(admin: Admin, number: int, *new: str, code: int = 303) -> str:
    """Type addresses beside those who did not get it and send; return the page that comes."""
    token = admin.open("/settings").one(id="pe-csrf")["value"]
    form: dict[str, Any] = {"csrf_token": token, "old": [GONE, FULL], "new": list(new)}
    answer = admin.post(f"/messages/{number}/copies", form)
    assert answer.status_code == code, answer.text
    return admin.client.get(answer.location).text if code == 303 else answer.text


def test_list_leads_to_it(admin: Admin, sending: Host, number: int) -> None:
    """A tab where there are any, and beside each row who did not get it and why."""
    sending.send(recipients=[HAS])
    sending.rounds()
    page = admin.open("/messages")
    (tab,) = [each for each in page.all("a") if each.text == "Partial 1"]
    found = Document(admin.client.get(tab["href"]).text)
    (row,) = found.all("tr", data_state="sent")
    assert row["id"] == f"pe-m{number}"
    assert f"not to {FULL} +1: 552 5.2.2 Mailbox full" in row.text
    sending.site.outbox.retry(number)
    assert "Partial" not in admin.open("/messages").text


def test_others_get_it_as_a_new_mail(
    admin: Admin, sending: Host, catcher: Catcher, number: int
) -> None:
    """Each address as it was, changed, or left out; never who has it; the log names the change."""
    page = admin.open(f"/messages/{number}")
    assert [each["value"] for each in page.all("input", name="new")] == [GONE, FULL]
    assert "Send again as new" not in page.text
    text = again(admin, number, "eve@example.com", "")
    assert f"the same as message {number}, to eve@example.com." in text
    sending.rounds()
    first, second = catcher.wait_for(2)
    assert (first.recipients, second.recipients) == ((HAS,), ("eve@example.com",))
    queued, told, *_ = sending.site.audit.page()
    assert (queued.action, told.action) == ("message.resent", "message.redirected")
    assert told.detail["to"] == [f"eve@example.com in the place of {GONE}"]


@pytest.mark.parametrize("place", ["copies", "recipient"])
def test_nothing_goes_elsewhere_that_the_log_cannot_tell(
    admin: Admin, sending: Host, number: int, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends a text to somebody else is in the log first, or it does not go."""
    failed = sending.send(recipients=[GONE])
    sending.rounds()
    token = admin.open("/settings").one(id="pe-csrf")["value"]

    def full(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(sending.site.audit, "note", full)
    form = {"csrf_token": token, "old": GONE, "new": "eve@example.com"}
    to = number if place == "copies" else failed
    assert admin.post(f"/messages/{to}/{place}", form).status_code == 503
    assert sending.states() == {number: "sent", failed: "failed"}


def test_second_press_sends_nothing_more(admin: Admin, sending: Host, number: int) -> None:
    """The same form twice is one new mail; the page opened anew gives another form."""
    page = admin.open(f"/messages/{number}")
    token = page.all("input", name="csrf_token")[0]["value"]
    form = {"csrf_token": token, "old": GONE, "new": GONE}
    form["once"] = page.all("input", name="once")[0]["value"]
    places = [admin.post(f"/messages/{number}/copies", form).location for _ in range(2)]
    assert places[0] == places[1]
    assert len(sending.states()) == 2
    assert "This was queued already" in admin.client.get(places[1]).text
    other = admin.open(f"/messages/{number}").all("input", name="once")[0]["value"]
    assert admin.post(f"/messages/{number}/copies", form | {"once": other}).location != places[0]


def test_what_is_being_sent_again_is_not_copied(admin: Admin, sending: Host, number: int) -> None:
    """Who did not get it gets it once, however many people mend it at the same moment."""
    row = sending.site.outbox.message(number)
    assert row is not None
    assert sending.site.outbox.steer(Act.RETRY, [number]).done == (number,)
    with pytest.raises(SteeringRefused, match="being sent again"):
        resend(sending.site, row)


def test_many_addresses_make_a_short_sentence(
    admin: Admin, sending: Host, catcher: Catcher
) -> None:
    """It travels in a cookie, which has room for four thousand letters."""
    others = [f"{n}.{'x' * 50}@example.com" for n in range(99)]
    catcher.refusals |= dict.fromkeys(others, "550 5.1.1 No such user")
    number = sending.send(recipients=[HAS, *others])
    sending.rounds()
    token = admin.open("/settings").one(id="pe-csrf")["value"]
    form: dict[str, Any] = {"csrf_token": token, "old": others, "new": others}
    answer = admin.post(f"/messages/{number}/copies", form)
    assert answer.status_code == 303
    assert len(answer.headers["Set-Cookie"]) < 1000
    assert "and 96 more" in admin.client.get(answer.location).text


def test_wrong_address_stands_beside_its_field(admin: Admin, number: int) -> None:
    """What was typed is kept; who has it is named; nothing at all to send to is told."""
    page = Document(again(admin, number, "eve@", HAS, code=422))
    fields = page.all("input", name="new")
    assert [field["value"] for field in fields] == ["eve@", HAS]
    assert page.one(id=fields[0]["aria-describedby"]).text
    page = Document(again(admin, number, GONE, HAS, code=422))
    (field,) = [each for each in page.all("input", name="new") if "aria-invalid" in each]
    assert f"{HAS} has it already" in page.one(id=field["aria-describedby"]).text
    assert "No address was left" in again(admin, number, "", "", code=422)


def test_form_that_names_others_is_refused(admin: Admin, sending: Host, number: int) -> None:
    """A form that was made up mails nobody who has it; without any field the others get it."""
    token = admin.open("/settings").one(id="pe-csrf")["value"]
    form = {"csrf_token": token, "old": HAS, "new": "eve@example.com"}
    answer = admin.post(f"/messages/{number}/copies", form)
    assert (answer.status_code, f"{HAS} has it already" in answer.text) == (422, True)
    assert len(sending.states()) == 1
    assert admin.post(f"/messages/{number}/copies", {"csrf_token": token}).status_code == 303
    (copy, _) = sending.site.outbox.messages()
    assert copy.recipients == (GONE, FULL)


def test_who_may_not_read_it_sends_it_nowhere_else(
    admin: Admin, sending: Host, number: int
) -> None:
    """To the same addresses, yes; no field can be typed into, and a made-up form is 403."""
    sending.site.authorize = lambda action: action != "view_body"
    page = admin.open(f"/messages/{number}")
    assert ["readonly" in each for each in page.all("input", name="new")] == [True, True]
    again(admin, number, "eve@example.com", FULL, code=403)
    assert len(sending.states()) == 1
    again(admin, number, GONE, FULL)
    assert len(sending.states()) == 2


def test_sensitive_one_goes_to_the_same_addresses_alone(
    admin: Admin, sending: Host, catcher: Catcher
) -> None:
    """As it stays for those it was written for, whoever asks."""
    number = send(sending, catcher, sensitive=True)
    page = admin.open(f"/messages/{number}")
    assert ["readonly" in each for each in page.all("input", name="new")] == [True, True]
    assert "is sensitive" in again(admin, number, "eve@example.com", FULL, code=422)
    assert len(sending.states()) == 1
    again(admin, number, GONE, FULL)
    assert len(sending.states()) == 2
