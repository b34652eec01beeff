"""Modes on the pages: chosen with the settings, and never overlooked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import render_template_string

from tests.support.databases import fresh_database
from tests.support.sites import hosted
from tests.web.conftest import Admin
from tests.web.html import Document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sites import Host
    from tests.support.smtp_servers import Catcher

SERVER = {"host": "smtp.example.com", "default_sender": "a@example.com"}
WORDS = {
    "redirect": "Redirect: every mail goes to qa@x.example, nobody else gets any.",
    "allow": "Allow-list only: mail goes to the addresses and domains on the list",
    "hold": "Hold: mail is queued and none is sent",
}


def in_mode(admin: Admin, mode: str) -> None:
    """Choose a mode on the page."""
    answer = admin.save(
        **SERVER, mode=mode, redirect_to="qa@x.example", allowed_recipients="example.org"
    )
    assert answer.status_code == 303


@pytest.mark.parametrize("mode", WORDS)
def test_mode_is_chosen_and_shown_on_every_page(admin: Admin, host: Host, mode: str) -> None:
    """Ours, and the host's own that have the banner; in Live there is nothing to show."""
    host.app.add_url_rule("/a", "a", lambda: render_template_string("{{ plato_email_banner() }}"))
    number = host.send()
    pages = ("/settings", "/queue", "/messages", f"/messages/{number}", "/audit")
    assert not [path for path in pages if admin.open(path).has("data-plato-email-mode")]
    in_mode(admin, mode)
    for path in pages:
        strip = admin.open(path).one(data_plato_email_mode=mode)
        assert WORDS[mode] in strip.text, path
    assert WORDS[mode] in Document(admin.client.get("/a").text).one(data_plato_email_mode=mode).text
    in_mode(admin, "live")
    assert not admin.open("/queue").has("data-plato-email-mode")


def test_form_shows_what_is_chosen(admin: Admin) -> None:
    """The radio of the mode and both fields, as they were saved."""
    in_mode(admin, "allow")
    page = admin.open()
    (chosen,) = [each for each in page.all("input", name="mode") if "checked" in each]
    assert chosen["value"] == "allow"
    assert page.field("redirect_to")["value"] == "qa@x.example"
    assert page.field("allowed_recipients").text == "example.org"


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"mode": "redirect"}, "redirect_to", "Type the address"),
        ({"mode": "redirect", "redirect_to": "qa"}, "redirect_to", "has no @"),
        ({"mode": "redirect", "redirect_to": "jürgen@x.example"}, "redirect_to", "not ASCII"),
        ({"mode": "allow"}, "allowed_recipients", "Name one address"),
        ({"mode": "allow", "allowed_recipients": "a@b@c"}, "allowed_recipients", "a@b@c"),
        ({"mode": "off"}, "mode", "is not a mode"),
    ],
)
def test_mode_without_what_it_needs_is_not_saved(
    admin: Admin, host: Host, typed: dict[str, str], field: str, said: str
) -> None:
    """Told at the field; what was typed stays, and so does the mode from before."""
    answer = admin.save(**SERVER, **typed)
    page = Document(answer.text)
    assert answer.status_code == 422
    assert said in page.one(id=f"pe-{field}-problem").text
    for name, value in typed.items():
        if name != "mode":
            shown = page.field(name)
            assert value in (shown.attributes.get("value"), shown.text)
    assert host.site.load_settings().settings.mode == "live"


def test_change_of_mode_is_an_entry_of_its_own(admin: Admin, host: Host) -> None:
    """From which to which, and where mail goes; a save that leaves it alone adds none."""
    in_mode(admin, "redirect")
    in_mode(admin, "redirect")
    admin.save(batch_size="7")
    (entry,) = host.site.audit.page(action="mode.changed")
    assert entry.subject == "redirect"
    assert entry.detail == {"before": "live", "to": "qa@x.example"}


def test_test_mail_goes_to_its_recipient_in_any_mode(
    admin: Admin, host: Host, catcher: Catcher
) -> None:
    """It is how one finds out whether the server works."""
    host.configure(catcher.port, mode="hold")
    assert admin.test(recipient="me@example.com").status_code in (200, 303)
    assert list(catcher.wait_for(1)[0].recipients) == ["me@example.com"]


def test_configuration_pins_the_mode(tmp_path: Path) -> None:
    """A staging site says so in its configuration, and nobody can switch it to Live."""
    config: dict[str, Any] = {
        "PLATO_EMAIL_MODE": "allow",
        "PLATO_EMAIL_ALLOWED_RECIPIENTS": ["Example.org", "*.example.net"],
    }
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path, **config) as host:
        admin = Admin(host)
        page = admin.open()
        assert "PLATO_EMAIL_MODE" in page.one(id="pe-mode-pin").text
        assert all("disabled" in each for each in page.all("input", name="mode"))
        assert admin.save(**SERVER, mode="live").status_code == 303
        settings = host.site.load_settings().settings
        assert (settings.mode, settings.allowed_recipients) == (
            *("allow", "example.org, *.example.net"),
        )


def test_redirection_pinned_without_an_address_says_what_it_does(tmp_path: Path) -> None:
    """It holds mail back, and every page says why."""
    config: dict[str, Any] = {"PLATO_EMAIL_MODE": "redirect"}
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path, **config) as host:
        admin = Admin(host)
        page = admin.open("/messages")
        assert "Redirect without an address" in page.one(id="pe-strip").text
        host.configure(25, mode="redirect")
        banner = admin.open().one(data_plato_email_state="held")
        assert "Mode Redirect has no address" in banner.text


@pytest.mark.parametrize("mode", ["allow", "hold"])
def test_mode_is_changed_by_those_who_may(admin: Admin, host: Host, mode: str) -> None:
    """Others read what it does, without a way that leads nowhere."""
    host.configure(25, mode=mode, allowed_recipients="example.com")
    host.site.authorize = lambda action: action == "view"
    for path in ("/settings", "/queue", "/messages"):
        page = admin.open(path)
        assert page.has("data-plato-email-mode")
        assert "Change the mode" not in page.text


def test_hold_is_said_once(admin: Admin, host: Host) -> None:
    """By the banner where there is one, with the way to change it, and else by the strip."""
    host.configure(25, mode="hold")
    for path, said in (("/settings", "Mail is held."), ("/queue", "Mail is held."), ("/audit", "")):
        page = admin.open(path)
        assert len(page.has("data-plato-email-mode")) == 1
        assert bool(page.all(id="pe-strip")) == (not said)
        (way,) = [each for each in page.all("a") if each.text == "Change the mode"]
        assert way["href"].endswith("#pe-who")
        assert said in page.one(data_plato_email_mode="hold").text
