"""Modes and the log as an administrator uses them: by mouse, by keys, with a script and without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import expect
from sqlalchemy import make_url

from tests.support.axe import accessibility_faults
from tests.support.serving_thread import Served
from tests.support.sites import hosted

if TYPE_CHECKING:
    from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser

SETTINGS = "/admin/email/settings"
DESK = {"width": 1180, "height": 820}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    """A site that is set up, with a few entries in its log."""
    with hosted(make_url(f"sqlite:///{tmp_path / 'site.db'}"), tmp_path) as host:
        host.configure(25)
        for action, subject in (("message.retried", "7"), ("test.sent", "ada@example.com")):
            host.site.audit.note(action, by="ada", origin="192.0.2.7", subject=subject)
        with Served(host) as served:
            yield served


def mode_of(site: Served) -> str:
    return site.host.site.load_settings().settings.mode


def test_fields_of_a_mode_come_with_it(site: Served, open_page: OpenPage) -> None:
    """By mouse: what a mode needs is asked for, saved, and shown on every page."""
    page = open_page(site, signed_in=False).page
    page.goto(SETTINGS)
    address, listed = page.get_by_label("Redirect to"), page.get_by_label("Allowed recipients")
    expect(address).to_be_hidden()
    page.get_by_label("Allow-list only").check()
    expect(listed).to_be_visible()
    page.get_by_label("Redirect: every mail").check()
    expect(listed).to_be_hidden()
    address.fill("qa@staging.example")
    page.get_by_role("button", name="Save").click()
    strip = page.locator("[data-plato-email-mode=redirect]")
    expect(strip).to_contain_text("every mail goes to qa@staging.example")
    page.get_by_role("link", name="Messages").click()
    expect(strip).to_be_visible()
    strip.get_by_role("link", name="Change the mode").click()
    expect(page.get_by_role("heading", name="Who gets mail")).to_be_in_viewport()


def test_mode_is_chosen_by_keys(site: Served, open_page: OpenPage) -> None:
    """The arrows choose, Enter saves."""
    page = open_page(site, signed_in=False).page
    page.goto(SETTINGS)
    page.get_by_label("Live: mail").focus()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Hold: mail")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator("[data-plato-email-mode=hold]")).to_be_visible()
    assert mode_of(site) == "hold"


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_missing_address_is_said_where_it_is_missing(
    site: Served, open_page: OpenPage, script: bool
) -> None:
    """The summary leads to the field; nothing is saved, and the choice is still there."""
    page = open_page(site, signed_in=False, java_script_enabled=script).page
    page.goto(SETTINGS)
    page.get_by_label("Redirect: every mail").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Redirect to").click()
    expect(page.get_by_label("Redirect to")).to_be_focused()
    expect(page.get_by_label("Redirect: every mail")).to_be_checked()
    expect(page.locator("#pe-redirect_to-problem")).to_contain_text("Type the address")
    assert mode_of(site) == "live"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_modes_and_log_look_and_behave(
    site: Served, open_page: OpenPage, size: Any, scheme: Literal["light", "dark"]
) -> None:
    """Light and dark, desk and phone: axe-core finds nothing, and nothing sticks out."""
    watched = open_page(site, signed_in=False, viewport=size, color_scheme=scheme)
    page = watched.page
    site.host.configure(25, mode="allow", allowed_recipients="example.com, *.example.net")
    for name, path in (("modes", SETTINGS), ("log", "/admin/email/audit")):
        page.goto(path)
        expect(page.locator("[data-plato-email-mode=allow]")).to_be_visible()
        assert accessibility_faults(page) == []
        watched.keep_picture(f"{name}-{scheme}-{size['width']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_log_is_filtered(site: Served, open_page: OpenPage, script: bool) -> None:
    """By what and by who, with a form that needs no script."""
    page = open_page(site, signed_in=False, java_script_enabled=script).page
    page.goto("/admin/email/audit")
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_label("What").select_option("Retried")
    page.get_by_label("Who").fill("ada")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row").last).to_contain_text("Retried message 7")
    page.get_by_label("Who").fill("grace")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No such entry.")).to_be_visible()
