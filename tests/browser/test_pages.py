"""Every page in light, in dark and on a phone: a picture to look at, and nothing goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import expect

from tests.support.axe import accessibility_faults

if TYPE_CHECKING:
    from tests.browser.conftest import OpenPage
    from tests.support.demo_site import DemoSite

pytestmark = pytest.mark.browser

PAGES = {
    "board": "/",
    "admin": "/admin/",
    "settings": "/admin/email/settings",
    "overview": "/admin/email/queue",
    "log": "/admin/email/audit",
    "messages": "/admin/email/messages",
    "message": "/admin/email/messages/1",
    "mailbox": "/mailbox/",
    "recover": "/recover",
}
DESK = {"width": 1180, "height": 820}
PHONE = {"width": 390, "height": 844}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_page_looks_and_behaves(
    site: DemoSite, open_page: OpenPage, name: str, scheme: Literal["light", "dark"]
) -> None:
    """The page opens, keeps its policy, logs no error, and axe-core finds nothing."""
    watched = open_page(site, color_scheme=scheme, viewport=DESK)
    answer = watched.page.goto(PAGES[name])
    watched.page.wait_for_load_state("networkidle")
    assert answer is not None
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    watched.keep_picture(f"{name}-{scheme}")
    assert accessibility_faults(watched.page) == []


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone(site: DemoSite, open_page: OpenPage, name: str) -> None:
    """On a narrow screen nothing sticks out to the side."""
    watched = open_page(site, viewport=PHONE)
    watched.page.goto(PAGES[name])
    watched.keep_picture(f"{name}-phone")
    width = watched.page.evaluate("document.documentElement.scrollWidth")
    assert PHONE["width"] >= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mail_is_shown_whole(
    site: DemoSite, open_page: OpenPage, scheme: Literal["light", "dark"]
) -> None:
    """A caught mail shows its envelope, its text and, in a frame of its own, its HTML."""
    watched = open_page(site, color_scheme=scheme, viewport=DESK)
    page = watched.page
    page.goto("/mailbox/")
    page.get_by_role("link", name="to ada@grove.example").last.click()
    expect(page.locator("pre")).to_contain_text("the first mail of this site")
    expect(page.frame_locator("iframe").get_by_text("the first mail of this site")).to_be_visible()
    watched.keep_picture(f"mail-{scheme}")
