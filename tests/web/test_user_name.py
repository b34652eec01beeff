"""The user name where a server repeats it: shown to who may edit the settings, stored nowhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from plato_email.outbox import Act
from plato_email.smtp.reply import USER_NAME
from tests.support.scripted_server import Script, ScriptedServer
from tests.web.conftest import Admin
from tests.web.html import Document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sites import Host

NAME, PASSWORD = "shop-bot@corp.example", "tiger lilies"
REFUSED = f"553 5.7.1 Sender address rejected: not owned by user {NAME} ({PASSWORD})"
LOGIN = {"requires_login": "1", "username": NAME, "password": PASSWORD, "use_tls": None}


@pytest.fixture(autouse=True)
def _no_other_ports(host: Host) -> None:
    host.site.trials.usual_ports = host.site.trials.catcher_ports = ()


@pytest.fixture(autouse=True)
def no_secret_in_the_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """In no line of any logger, whatever a test does."""
    caplog.set_level(logging.DEBUG)
    yield
    lines = [record.getMessage() + str(record.exc_info or "") for record in caplog.records]
    ours = [line for line in lines if NAME in line or PASSWORD in line]
    assert ours == []


def server(**script: str) -> ScriptedServer:
    """One that takes the login and says what a test wants."""
    said: Script = {("." if name == "end" else name): reply for name, reply in script.items()}
    return ScriptedServer(said, offers=["AUTH PLAIN"])


def examined(admin: Admin, port: int, **typed: str | None) -> str:
    """The page after a test."""
    given = {"default_sender": "site@example.com", "recipient": "ann@customer.example"}
    at = {"host": "127.0.0.1", "port": str(port)}
    return admin.test_by_htmx(**{**given, **at, **LOGIN, **typed}).text


def on_disk(folder: Path) -> bytes:
    """All that the site has written."""
    return b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())


def places(page: Document) -> dict[str, str]:
    """The parts of a test's result that repeat a server."""
    return {
        "why": next(each.text for each in page.all("p") if "The server said" in each.text),
        "stage": page.one(data_stage="sender").text,
        "transcript": page.one("textarea", id="pe-transcript").text,
    }


def test_page_of_a_test_shows_it_to_who_may_edit(admin: Admin, host: Host, tmp_path: Path) -> None:
    """Why, stages and transcript; the password nowhere; neither is stored in plain text."""
    with server(MAIL=REFUSED) as scripted:
        text = examined(admin, scripted.port)
    page = Document(text)
    assert page.one(id="pe-trial")["data-cause"] == "sender-not-owned"
    assert {name: NAME in said for name, said in places(page).items()} == dict.fromkeys(
        ("why", "stage", "transcript"), True
    )
    assert PASSWORD not in text
    assert USER_NAME not in text
    stored = on_disk(tmp_path)
    assert NAME.encode() not in stored
    assert PASSWORD.encode() not in stored


def test_offer_has_it_too_and_works(admin: Admin, tmp_path: Path) -> None:
    """The account's own address as sender: on the button, and in the next test."""
    with server(MAIL=REFUSED) as scripted:
        page = Document(examined(admin, scripted.port))
        offer = page.one("button", data_pe_offer="")
        assert offer.text == f"Send from {NAME}"
        assert NAME.encode() not in on_disk(tmp_path)
        again = Document(examined(admin, scripted.port, use=offer["value"]))
    assert f"MAIL FROM:<{NAME}>" in again.one("textarea", id="pe-transcript").text


def test_others_do_not_see_it(admin: Admin, host: Host) -> None:
    """Who may only test: they see the mark in its place, and nothing is offered."""
    with server(MAIL=REFUSED) as scripted:
        host.configure(scripted.port, username=NAME, password=PASSWORD)
        host.site.authorize = lambda action: action in ("view", "send_test")
        text = examined(admin, scripted.port)
    assert {USER_NAME in said for said in places(Document(text)).values()} == {True}
    assert NAME not in text
    assert PASSWORD not in text
    assert not Document(text).all("button", data_pe_offer="")


@pytest.mark.parametrize("reply", [f"250 2.0.0 OK {NAME}", f"250 2.0.0 queued as {NAME}"])
def test_words_of_success_have_it_too(admin: Admin, reply: str) -> None:
    """What the server said to a mail that it took."""
    with server(end=reply) as scripted:
        page = Document(examined(admin, scripted.port))
    assert page.one(id="pe-trial")["data-outcome"] == "sent"
    assert USER_NAME not in page.one(id="pe-trial").text
    assert NAME in page.one(data_stage="accepted").text


def tries(page: Document) -> list[str]:
    """The tries of a message, the last one first."""
    return [each.text for each in page.all("li") if "data-cause" in each]


def test_page_of_a_message_has_the_name_of_then(admin: Admin, host: Host) -> None:
    """A try under an earlier user name does not get today's."""
    with server(MAIL=f"451 4.3.0 not now, {NAME}") as scripted:
        host.configure(scripted.port, username=NAME, password=PASSWORD)
        number = host.send()
        host.rounds()
        page = admin.open(f"/messages/{number}")
        assert NAME in tries(page)[0]
        assert NAME in page.one("section", aria_labelledby="pe-why").text
        scripted.script["MAIL"] = "451 4.3.0 not now, other@corp.example"
        host.configure(scripted.port, username="other@corp.example", password=PASSWORD)
        host.site.outbox.steer(Act.RETRY, [number])
        host.rounds()
    page = admin.open(f"/messages/{number}")
    last, first = tries(page)
    assert "other@corp.example" in last
    assert USER_NAME in first
    assert "other@corp.example" not in first
    host.site.authorize = lambda action: action == "view"
    text = admin.get(f"/messages/{number}").text
    assert NAME not in text
    assert "other@corp.example" not in text


def test_recipients_of_a_message_have_it(admin: Admin, host: Host) -> None:
    """One of two is refused; after the next save it is unknown which name it was."""
    script: Script = {"RCPT": ["250 2.1.5 Ok", f"550 5.7.1 {NAME} may not send to bob"]}
    with ScriptedServer(script, offers=["AUTH PLAIN"]) as scripted:
        host.configure(scripted.port, username=NAME, password=PASSWORD)
        number = host.send(recipients=["ann@example.com", "bob@example.com"])
        host.rounds()
    people = admin.open(f"/messages/{number}").one("ul", class_="pe-people").text
    assert f"{NAME} may not send to bob" in people
    host.configure(scripted.port, username="other@corp.example", password=PASSWORD)
    people = admin.open(f"/messages/{number}").one("ul", class_="pe-people").text
    assert f"{USER_NAME} may not send to bob" in people


def test_shell_shows_it_and_scripts_do_not_get_it(host: Host) -> None:
    """Who has a shell may read the settings; output for scripts ends up in logs."""
    with server(MAIL=REFUSED) as scripted:
        host.configure(scripted.port, username=NAME, password=PASSWORD)
        run = host.app.test_cli_runner().invoke
        plain = run(args=["email", "test", "ann@customer.example"]).stdout
        found = run(args=["email", "test", "ann@customer.example", "--json"]).stdout
    assert plain.count(NAME) >= 2
    assert NAME not in found
    assert json.loads(found)["error"]["cause"] == "sender-not-owned"
    assert PASSWORD not in plain + found
