"""What the pages' scripts are for: the test button, the refreshing numbers, keys and focus.

Here against a small site in this process, so that time, rights and answers are in hand.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from flask import redirect
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from tests.support.browser import Watched
from tests.support.smtp_servers import ScriptedServer

if TYPE_CHECKING:
    from tests.support.sites import Host
    from tests.support.smtp_servers import Catcher, Conversation

pytestmark = pytest.mark.browser

HIDE = """
Object.defineProperty(document, "hidden", {get: () => window.away === true});
window.look = (here) => {
  window.away = !here;
  document.dispatchEvent(new Event("visibilitychange"));
};
"""
REFRESH = "htmx.trigger(document.querySelector('[data-pe-poll]'), 'every')"


@contextmanager
def serving(host: Host) -> Iterator[str]:
    """Serve the site's pages on a free port."""
    server = make_server("127.0.0.1", 0, host.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/admin/email"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture
def address(host: Host) -> Iterator[str]:
    """Where the pages are, on a site with a sign-in."""
    host.app.add_url_rule("/sign-in", "sign_in", lambda: "<h1>Sign in</h1>")
    with serving(host) as url:
        yield url


@pytest.fixture
def watched(chromium: Browser, address: str) -> Iterator[Watched]:
    """The settings page in a browser; nothing may go wrong on it, nor be kept by it."""
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    watched = Watched(context.new_page())
    watched.page.add_init_script(HIDE)
    watched.page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    watched.page.goto(f"{address}/settings")
    yield watched
    assert watched.troubles == []
    assert watched.page.evaluate("localStorage.length + sessionStorage.length") == 0
    context.close()


@pytest.fixture
def page(watched: Watched) -> Page:
    """The page itself."""
    return watched.page


def fill_in(page: Page, port: int) -> None:
    page.get_by_label("Default Sender").fill("Site <site@example.com>")
    page.get_by_label("Server Address").fill("127.0.0.1")
    page.get_by_label("Server Port").fill(str(port))
    page.get_by_label("Test recipient").fill("ada@example.com")


def test_button_comes_with_the_settings(page: Page) -> None:
    """There is nothing to test before a sender and a server are typed."""
    button = page.get_by_role("button", name="Send Test Email")
    expect(button).to_be_hidden()
    page.get_by_label("Default Sender").fill("site@example.com")
    expect(button).to_be_hidden()
    page.get_by_label("Server Address").fill("smtp.example.com")
    expect(button).to_be_visible()


def test_button_is_busy_while_the_test_runs_and_keeps_the_focus(page: Page) -> None:
    """Disabled with its progress shown; afterwards focus and form are as they were."""
    release = threading.Event()

    def take_time(conversation: Conversation) -> None:
        release.wait(10)
        conversation.send("220 scripted.test ESMTP")

    with ScriptedServer({"greeting": take_time}) as server:
        fill_in(page, server.port)
        page.get_by_label("Batch Size").fill("77")
        button = page.locator("#pe-send-test")
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_be_disabled()
        expect(page.get_by_text("Sending…")).to_be_visible()
        release.set()
        expect(page.locator("[data-outcome=sent]")).to_be_in_viewport()
    expect(button).to_be_enabled()
    expect(button).to_be_focused()
    expect(page.get_by_label("Batch Size")).to_have_value("77")


def test_result_does_not_take_the_focus_from_who_types_on(page: Page) -> None:
    """Somebody who went on to another field while the test ran stays there."""
    release = threading.Event()

    def take_time(conversation: Conversation) -> None:
        release.wait(10)
        conversation.send("220 scripted.test ESMTP")

    with ScriptedServer({"greeting": take_time}) as server:
        fill_in(page, server.port)
        page.locator("#pe-send-test").click()
        page.get_by_label("Send Attempts").focus()
        release.set()
        expect(page.locator("[data-outcome=sent]")).to_be_visible()
        expect(page.locator("#pe-send-test")).to_be_enabled()
    expect(page.get_by_label("Send Attempts")).to_be_focused()


def test_enter_in_the_recipient_tests_and_does_not_save(
    page: Page, host: Host, catcher: Catcher
) -> None:
    """The key does what the button beside the field does."""
    fill_in(page, catcher.port)
    page.get_by_label("Test recipient").press("Enter")
    expect(page.locator("[data-outcome=sent]")).to_be_visible()
    assert host.site.load_settings().version == 0


def test_login_folds_behind_its_switch_by_keyboard(page: Page) -> None:
    """Space opens and closes; what is folded can neither be seen nor reached."""
    switch = page.get_by_role("switch", name="Requires authentication")
    username = page.get_by_label("Username")
    expect(username).to_be_hidden()
    switch.focus()
    page.keyboard.press("Space")
    expect(username).to_be_visible()
    page.keyboard.press("Tab")
    expect(username).to_be_focused()
    switch.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_role("switch", name="Enable Outbound Polling")).to_be_focused()


def test_numbers_refresh_without_disturbing_who_types(page: Page, sending: Host) -> None:
    """New numbers come in; the cursor, the selection and the typed text stay."""
    field = page.get_by_label("Default Sender")
    field.fill("half an addr")
    field.evaluate("each => each.setSelectionRange(5, 7)")
    sending.send()
    with page.expect_response("**/queue"):
        page.evaluate(REFRESH)
    expect(page.locator("[data-stat=queued]")).to_have_text("1")
    expect(field).to_be_focused()
    expect(field).to_have_value("half an addr")
    assert field.evaluate("each => [each.selectionStart, each.selectionEnd]") == [5, 7]


def test_banner_follows_the_queue(page: Page, host: Host) -> None:
    """A state that changes while the page is open is told without a reload."""
    expect(page.locator("[data-plato-email-state=not-configured]")).to_be_visible()
    host.configure(25, polling_enabled=False)
    page.evaluate(REFRESH)
    expect(page.locator("[data-plato-email-state=polling-off]")).to_be_visible()
    expect(page.locator("[data-plato-email-state]")).to_have_count(1)


def test_hidden_tab_asks_nothing_and_catches_up_when_looked_at(page: Page) -> None:
    """No request while nobody looks, one as soon as somebody does."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("look(false)")
    page.evaluate(REFRESH)
    page.evaluate("new Promise(requestAnimationFrame)")
    assert asked == []
    with page.expect_response("**/queue"):
        page.evaluate("look(true)")


def test_who_was_signed_out_loses_nothing(page: Page, host: Host, catcher: Catcher) -> None:
    """A sign-in page is not put into ours; a sentence says what to do, and then it works."""
    fill_in(page, catcher.port)
    host.site.authorize = lambda _: redirect("/sign-in")
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.get_by_text("This site did not answer")).to_be_visible()
    expect(page.get_by_text("Sign in", exact=True)).to_have_count(0)
    with page.expect_response("**/sign-in"):
        page.evaluate(REFRESH)
    expect(page.locator("[data-stat=queued]")).to_have_text("0")
    host.site.authorize = lambda _: True
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.locator("[data-outcome=sent]")).to_be_visible()
    expect(page.get_by_text("This site did not answer")).to_be_hidden()


def test_form_that_was_open_too_long_is_repaired_in_place(
    page: Page, host: Host, catcher: Catcher
) -> None:
    """The first press says so, the second one works, and nothing has to be typed again."""
    fill_in(page, catcher.port)
    host.app.config["WTF_CSRF_TIME_LIMIT"] = -1
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.get_by_text("open for too long")).to_be_visible()
    host.app.config["WTF_CSRF_TIME_LIMIT"] = 3600
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.locator("[data-outcome=sent]")).to_be_visible()


def test_failed_save_puts_the_reader_before_the_summary(page: Page) -> None:
    """The summary has the focus, and its links lead to the fields."""
    page.get_by_label("Server Address").fill("not a host")
    page.get_by_role("button", name="Save Settings").click()
    summary = page.get_by_role("group", name="Not saved")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Server Address").click()
    expect(page.get_by_label("Server Address")).to_be_focused()


def test_lost_connection_is_told_next_to_the_button(watched: Watched, catcher: Catcher) -> None:
    """A request that gets no answer at all is not left spinning."""
    page = watched.page
    fill_in(page, catcher.port)
    page.route("**/test-messages*", lambda route: route.abort())
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.get_by_text("This site did not answer")).to_be_in_viewport()
    expect(page.locator("#pe-send-test")).to_be_enabled()
    # htmx writes of it to the console, as it should.
    watched.troubles.clear()
