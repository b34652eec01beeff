"""Mail that some did not get, mail that waits, mail that was deleted: mended in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.support.axe import accessibility_faults
from tests.support.catcher import Catcher
from tests.support.serving_thread import Served

if TYPE_CHECKING:
    from tests.browser.conftest import OpenPage
    from tests.support.sites import Host

pytestmark = pytest.mark.browser

LIST = "/admin/email/messages"
DESK = {"width": 1180, "height": 820}
PHONE = {"width": 390, "height": 844}
HAS, GONE, FULL = "ada@example.com", "gone@example.com", "full@example.com"


@pytest.fixture
def server() -> Iterator[Catcher]:
    """A server that refuses one for good and puts another off."""
    refusals = {GONE: "550 5.1.1 User unknown", FULL: "452 4.2.2 Mailbox full"}
    with Catcher(refusals=refusals) as server:
        yield server


@pytest.fixture
def site(host: Host, server: Catcher) -> Iterator[Served]:
    """A site with one mail that some did not get, three that wait, three that failed."""
    host.configure(server.port, batch_size=1000)
    host.send(subject="Minutes", recipients=[HAS, GONE])
    for number in range(3):
        host.send(subject=f"Invoice {number}", recipients=[FULL])
        host.send(subject=f"Order {number}", recipients=[GONE])
    host.rounds()
    with Served(host) as served:
        yield served


def open_it(open_page: OpenPage, site: Served, path: str = LIST, **options: Any) -> Page:
    page: Page = open_page(site, signed_in=False, **options).page
    page.goto(path)
    return page


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_mail_that_some_did_not_get_reaches_them(
    site: Served, server: Catcher, open_page: OpenPage, *, script: bool
) -> None:
    """Found by its tab; a wrong address is told beside its field, a right one is mailed."""
    page = open_it(open_page, site, java_script_enabled=script)
    page.get_by_role("link", name="Partial 1").click()
    page.get_by_role("link", name="Minutes").click()
    field = page.get_by_label(f"For {GONE}, send to")
    expect(field).to_have_value(GONE)
    field.fill(HAS)
    page.get_by_role("button", name="Send as new").click()
    expect(page.get_by_text(f"{HAS} has it already")).to_be_visible()
    expect(field).to_have_value(HAS)
    field.fill("eve@example.com")
    field.press("Enter")
    expect(page.get_by_text("to eve@example.com.")).to_be_visible()
    site.host.rounds()
    assert [mail.recipients for mail in server.wait_for(2)] == [(HAS,), ("eve@example.com",)]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_deleted_mail_is_brought_back(site: Served, open_page: OpenPage, *, script: bool) -> None:
    """Those that were ticked, all that match, and one from its own address."""
    before = site.host.states()
    page = open_it(open_page, site, f"{LIST}?q=status:failed", java_script_enabled=script)
    page.locator("input[name=ids]").nth(0).check()
    page.locator("input[name=ids]").nth(1).check()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("2 messages deleted.")).to_be_visible()
    expect(page.get_by_text("works until")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 messages back as before.")).to_be_visible()
    page.get_by_label("All that match this search").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete all that match").click()
    expect(page.get_by_text("3 messages deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("3 messages back as before.")).to_be_visible()
    number = next(id for id, state in before.items() if state == "failed")
    page.goto(f"{LIST}/{number}")
    page.get_by_role("button", name="Delete").press("Enter")
    expect(page.get_by_text("1 message deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_text("1 message back as before.")).to_be_visible()
    assert site.host.states() == before


def test_all_that_wait_for_one_reason_go_now(
    site: Served, server: Catcher, open_page: OpenPage
) -> None:
    """The reason is named before anything is done; afterwards the way leads to what is left."""
    del server.refusals[FULL]
    page = open_it(open_page, site)
    page.get_by_role("link", name="Deferred 3").click()
    expect(page.get_by_role("heading", name="Why they wait")).to_be_visible()
    page.get_by_role("button", name="Retry all now").click()
    expect(
        page.get_by_text("has met this, on every page of the list: The recipient's mailbox is full")
    ).to_be_visible()
    page.get_by_role("button", name="Retry all that match").click()
    expect(page.get_by_text("3 messages queued again.")).to_be_visible()
    page.get_by_role("link", name="Back to the list").click()
    expect(page).to_have_url(f"{site.url}{LIST}?q=status:deferred")
    site.host.rounds()
    assert len(server.wait_for(4)) == 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_look_and_behave(
    site: Served, open_page: OpenPage, size: Any, scheme: Literal["light", "dark"]
) -> None:
    """Each of them sound, none too wide."""
    watched = open_page(site, signed_in=False, viewport=size, color_scheme=scheme)
    page = watched.page

    def check(name: str) -> None:
        assert accessibility_faults(page) == [], name
        watched.keep_picture(f"{name}-{scheme}-{size['width']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name

    page.goto(f"{LIST}?q=status:deferred")
    check("deferred")
    page.get_by_role("link", name="Show").first.click()
    check("deferred-one-cause")
    page.goto(f"{LIST}?q=status:partial")
    check("partial")
    page.get_by_role("link", name="Minutes").click()
    page.get_by_label(f"For {GONE}, send to").fill("eve@")
    page.get_by_role("button", name="Send as new").click()
    check("partial-message")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("1 message deleted.")).to_be_visible()
    check("deleted")
    page.get_by_label("All messages").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete all that match").click()
    expect(page.get_by_text("6 messages deleted.")).to_be_visible()
    check("deleted-all")
