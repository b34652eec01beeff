"""The overview as an operator keeps it open: it moves by itself and never in the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import make_url

from plato_email.tables import State
from plato_email.views import pages
from tests.support.axe import accessibility_faults
from tests.support.busy_day import busy_day
from tests.support.rows import put
from tests.support.serving_thread import Served
from tests.support.sites import hosted

if TYPE_CHECKING:
    from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser

OVERVIEW = "/admin/email/queue"
DESK = {"width": 1180, "height": 820}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Served]:
    """A site in the middle of a backlog, with a day of mail behind it and two senders."""
    hook = {"PLATO_EMAIL_ALERT_URL": "https://hooks.example.com/T0KEN"}
    with hosted(make_url(f"sqlite:///{tmp_path / 'site.db'}"), tmp_path, **hook) as host:
        host.configure(25, batch_size=100, poll_interval=30)
        busy_day(host)
        with Served(host) as served:
            yield served


def open_it(open_page: OpenPage, served: Any, **options: Any) -> Page:
    """Open the overview."""
    page: Page = open_page(served, signed_in=False, **options).page
    page.goto(OVERVIEW)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_overview_looks_and_behaves(
    busy: Served, open_page: OpenPage, size: Any, scheme: Literal["light", "dark"]
) -> None:
    """Light and dark, desk and phone: all is there, nothing sticks out, axe-core finds nothing."""
    watched = open_page(busy, signed_in=False, viewport=size, color_scheme=scheme)
    page = watched.page
    page.goto(OVERVIEW)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_text("310 to go")).to_be_visible()
    expect(page.get_by_role("img")).to_be_visible()
    page.get_by_text("The same as a table").click()
    assert accessibility_faults(page) == []
    page.get_by_text("The same as a table").click()
    watched.keep_picture(f"overview-{scheme}-{size['width']}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_overview_moves_by_itself_and_leaves_the_reader_alone(
    busy: Served, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New numbers come in place: what was opened stays open, and the focus where it was."""
    monkeypatch.setattr(pages.Words, "watch", 1)
    page = open_it(open_page, busy)
    summary = page.get_by_text("The same as a table")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Hour")).to_be_visible()
    put(busy.host, State.FAILED, busy.host.site.clock.now(), 41)
    put(busy.host, State.QUEUED, busy.host.site.clock.now(), 7)
    expect(page.get_by_text("317 to go")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_contain_text("41")
    expect(page.get_by_role("columnheader", name="Hour")).to_be_visible()
    expect(summary).to_be_focused()


def test_hidden_tab_asks_nothing(
    busy: Served, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at again, the numbers are new at once."""
    monkeypatch.setattr(pages.Words, "watch", 1)
    page = open_it(open_page, busy)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
    page.evaluate(hide % "true")
    page.wait_for_timeout(2500)
    assert asked == []
    page.evaluate(hide % "false")
    with page.expect_request("**/queue?part=overview"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_overview_is_whole_without_javascript(busy: Served, open_page: OpenPage) -> None:
    """All that the page says is in the page; the table opens without a script."""
    page = open_it(open_page, busy, java_script_enabled=False)
    expect(page.get_by_text("310 to go")).to_be_visible()
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("columnheader", name="Hour")).to_be_visible()
