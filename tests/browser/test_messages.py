"""The message list as an administrator keeps it open: found, understood, dealt with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import Page, expect

from plato_email.views import pages
from tests.support.axe import accessibility_faults
from tests.support.bad_day import bad_day
from tests.support.serving_thread import Served

if TYPE_CHECKING:
    from tests.browser.conftest import OpenPage
    from tests.support.catcher import Catcher
    from tests.support.sites import Host

pytestmark = pytest.mark.browser

LIST = "/admin/email/messages"
FAILED = f"{LIST}?q=status:failed"
DESK = {"width": 1180, "height": 820}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def site(host: Host) -> Iterator[Served]:
    """A site with a tenth of a bad day behind it."""
    with bad_day(host, share=10), Served(host) as served:
        yield served


def open_it(open_page: OpenPage, site: Served, path: str = FAILED, **options: Any) -> Page:
    page: Page = open_page(site, signed_in=False, **options).page
    page.goto(path)
    return page


def cause(page: Page, words: str) -> Any:
    """The line of one cause."""
    return page.locator(".pe-causes li").filter(has_text=words)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_two_hundred_failures_of_five_causes_are_mended(
    host: Host, open_page: OpenPage, *, script: bool
) -> None:
    """Each cause is named with its number; a few clicks deal with it, and the mail goes out."""
    with bad_day(host) as server, Served(host) as site:
        mend(site, server, open_page, script)


def mend(site: Served, server: Catcher, open_page: OpenPage, script: bool) -> None:
    """Go from cause to cause."""
    page = open_it(open_page, site, LIST, java_script_enabled=script)
    page.get_by_role("link", name="Failed 200").click()
    expect(page.locator(".pe-causes li")).to_have_count(5)
    for words, count in {"5.1.1": 80, "5.2.2": 50, "5.7.1": 40, "5.2.1": 20, "5.1.2": 10}.items():
        expect(cause(page, words)).to_contain_text(f"{count} like this")
    # Mailboxes that are full: they have room again, so all of them are retried.
    for address in [each for each in server.refusals if each.startswith(("full", "spam"))]:
        del server.refusals[address]
    for words, count in {"5.2.2": 50, "5.7.1": 40}.items():
        cause(page, words).get_by_role("button", name="Retry all").click()
        page.get_by_role("button", name="Retry all that match").click()
        if not script and page.get_by_role("button", name="Go on").count():
            page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text(f"{count} messages queued again.")).to_be_visible()
        page.goto(FAILED)
    # Accounts that are closed: nothing can be done, they are deleted.
    cause(page, "5.2.1").get_by_role("link", name="Show").click()
    page.get_by_label("All that match this search").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete all that match").click()
    expect(page.get_by_text("20 messages deleted.")).to_be_visible()
    # A mistyped domain: one recipient is mended on the page of its message.
    page.goto(FAILED)
    cause(page, "5.1.2").get_by_role("link", name="Show").click()
    page.get_by_role("link", name="Your order").first.click()
    expect(page.get_by_text("Domain not found").first).to_be_visible()
    page.get_by_text("Send to another address").click()
    page.get_by_label("In the place of").fill("mended@customers.example")
    page.get_by_role("button", name="Change and retry").click()
    expect(page.get_by_text("Queued again, to mended@customers.example")).to_be_visible()
    before = len(server.mails)
    site.host.rounds()
    assert len(server.wait_for(before + 91)) == before + 91
    page.goto(FAILED)
    expect(page.get_by_role("link", name="Failed 89")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_look_and_behave(
    site: Served, open_page: OpenPage, size: Any, scheme: Literal["light", "dark"]
) -> None:
    """List, one message, its HTML, the question before deleting: all sound, none too wide."""
    watched = open_page(site, signed_in=False, viewport=size, color_scheme=scheme)
    page = watched.page
    (failed, *_) = site.host.site.outbox.messages(limit=10)[5:]
    for name, path in {
        "messages": FAILED,
        "messages-all": LIST,
        "search-error": f"{LIST}?q=statsu:failed",
        "message": f"{LIST}/{failed.id}",
        "message-html": f"{LIST}/{failed.id}/body?part=html",
    }.items():
        page.goto(path)
        assert accessibility_faults(page) == [], name
        watched.keep_picture(f"{name}-{scheme}-{size['width']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name


def test_rows_are_picked_by_keyboard_and_mouse(site: Served, open_page: OpenPage) -> None:
    """Space ticks, Shift ticks a range, the whole page at once; the number is told."""
    page = open_it(open_page, site)
    boxes = page.locator("input[name=ids]")
    retry = page.get_by_role("button", name="Retry now")
    told = page.locator("[data-pe-selected]")
    expect(retry).to_be_disabled()
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    expect(told).to_have_text("1 selected")
    boxes.nth(4).click(modifiers=["Shift"])
    expect(told).to_have_text("5 selected")
    page.get_by_label("Select this page").check()
    expect(told).to_have_text("20 selected")
    page.get_by_label("Select this page").uncheck()
    expect(told).to_have_text("")
    boxes.nth(1).check()
    retry.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 message queued again.")).to_be_visible()


def test_list_moves_by_itself_and_never_under_the_hand(
    site: Served, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New rows come in; typing, focus and ticked rows stay; a hidden tab asks nothing."""
    monkeypatch.setattr(pages.Words, "refresh", 1)
    page = open_it(open_page, site, LIST)
    search = page.get_by_role("searchbox")
    search.fill("status:fai")
    search.evaluate("each => each.setSelectionRange(2, 5)")
    site.host.send(subject="Brand new")
    expect(page.get_by_role("link", name="Brand new")).to_be_visible()
    expect(search).to_be_focused()
    expect(search).to_have_value("status:fai")
    assert search.evaluate("each => [each.selectionStart, each.selectionEnd]") == [2, 5]
    link = page.get_by_role("link", name="Brand new")
    link.focus()
    site.host.send(subject="Newer still")
    expect(page.get_by_role("link", name="Newer still")).to_be_visible()
    expect(link).to_be_focused()
    page.locator("input[name=ids]").first.check()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1500)
    assert asked == []
    page.locator("input[name=ids]").first.uncheck()
    with page.expect_request("**/messages"):
        pass


def test_open_message_is_followed_until_it_is_over(
    site: Served, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What becomes of it comes by itself, what was said of the last act stays, then it rests."""
    monkeypatch.setattr(pages.Words, "watch", 1)
    number = site.host.send(recipients=["fine0@customers.example"])
    page = open_it(open_page, site, f"{LIST}/{number}")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 message back in the queue.")).to_be_visible()
    site.host.rounds()
    expect(page.get_by_role("heading", name="1 try")).to_be_visible()
    expect(page.get_by_role("button", name="Send again as new")).to_have_count(0)
    expect(page.get_by_text("1 message back in the queue.")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1500)
    assert asked == []


def test_cancelled_by_mistake_is_undone_with_one_click(site: Served, open_page: OpenPage) -> None:
    """The sentence that tells of it has the button."""
    number = site.host.send(subject="To be cancelled")
    page = open_it(open_page, site, f"{LIST}/{number}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_contain_text("1 message cancelled.")
    undo = page.get_by_role("button", name="Undo")
    said, button = page.locator("#pe-told strong").bounding_box(), undo.bounding_box()
    assert said
    assert button
    assert button["x"] >= said["x"] + said["width"], "beside the sentence, not over it"
    undo.click()
    expect(page.get_by_role("status")).to_contain_text("1 message back in the queue.")
    assert site.host.states()[number] == "queued"
