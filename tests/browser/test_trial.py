"""A test of the settings as an administrator lives it: wrong, mended by one press, saved."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import update

from tests.support.axe import accessibility_faults
from tests.support.databases import fresh_database
from tests.support.serving_thread import Served
from tests.support.sites import hosted
from tests.support.smtp_servers import Authority, Catcher, ScriptedServer, hang

if TYPE_CHECKING:
    from tests.browser.conftest import OpenPage
    from tests.support.browser import Watched
    from tests.support.smtp_servers import Conversation

pytestmark = pytest.mark.browser

SETTINGS = "/admin/email/settings"
DESK = {"width": 1180, "height": 900}
PHONE = {"width": 390, "height": 844}
LOGIN = {"ada": "battery staple"}


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Catcher]:
    """A provider as they are: STARTTLS first, then a login, then mail."""
    authority = Authority(tmp_path)
    with Catcher(tls=authority.good, users=LOGIN, login_required=True) as server:
        yield server


@pytest.fixture
def wrong_port() -> Iterator[int]:
    """A port of this machine where nobody listens, kept from everybody else."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield int(kept.getsockname()[1])


@pytest.fixture
def served(tmp_path: Path, provider: Catcher) -> Iterator[Served]:
    """A site that looks for servers on the provider's port, and has a sender running."""
    ca_file = str(tmp_path / "ca.pem")
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_CA_FILE=ca_file) as host,
    ):
        host.site.trials.usual_ports = (provider.port,)
        host.site.trials.catcher_ports = ()
        host.site.make_worker().report()
        with Served(host) as site:
            yield site


def opened(open_page: OpenPage, site: Any, **options: Any) -> Watched:
    """Open the settings page; `open_page` fails the test for whatever goes wrong on it."""
    watched = open_page(site, signed_in=False, **{"viewport": DESK, **options})
    watched.page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    watched.page.goto(SETTINGS)
    return watched


def looked_at(watched: Watched, name: str) -> None:
    """Keep a picture of a state; axe-core finds nothing, and nothing sticks out to the side."""
    page = watched.page
    watched.keep_picture(f"trial-{name}")
    assert accessibility_faults(page) == []
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.evaluate("innerWidth")


def result(page: Page) -> Locator:
    return page.locator("#pe-trial")


def fill_in(page: Page, port: int) -> None:
    """Everything right but the port, perhaps."""
    page.get_by_label("Default Sender").fill("Grove <noreply@grove.example>")
    page.get_by_label("Server Address").fill("localhost")
    page.get_by_label("Server Port").fill(str(port))
    page.get_by_label("Enable TLS / SSL").check()
    page.get_by_label("Requires authentication").check()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password", exact=True).fill(LOGIN["ada"])
    page.get_by_label("Test recipient").fill("you@grove.example")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_wrong_port_is_mended_by_mouse(
    open_page: OpenPage,
    served: Served,
    provider: Catcher,
    wrong_port: int,
    scheme: Literal["light", "dark"],
    size: Any,
) -> None:
    """Test, "Use this", test passes, saved: verified, with one login and one mail in all."""
    watched = opened(open_page, served, color_scheme=scheme, viewport=size)
    page, name = watched.page, f"{scheme}-{'desk' if size is DESK else 'phone'}"
    fill_in(page, wrong_port)
    page.get_by_role("button", name="Send Test Email").click()
    expect(result(page)).to_contain_text(f"{provider.port} answers with STARTTLS and offers login")
    expect(page.get_by_label("Server Port")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#pe-port-problem")).to_contain_text(f"on port {wrong_port}")
    looked_at(watched, f"fix-{name}")

    result(page).get_by_role("button", name="Use this").click()
    expect(page.locator("[data-outcome=sent]")).to_be_visible()
    expect(page.get_by_label("Server Port")).to_have_value(str(provider.port))
    expect(page.get_by_label("Server Port")).not_to_have_attribute("aria-invalid", "true")
    looked_at(watched, f"success-{name}")

    page.get_by_role("button", name="Save these settings").click()
    expect(page.get_by_text("Settings saved.")).to_be_visible()
    expect(page.locator("[data-plato-email-state=verified]")).to_contain_text("Verified")
    looked_at(watched, f"saved-{name}")
    assert (len(provider.logins), len(provider.mails)) == (1, 1)


def tab_to(page: Page, target: Locator, most: int = 60) -> None:
    """Press Tab until ``target`` has the focus, as somebody without a mouse does."""
    for _ in range(most):
        if target.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")


def test_wrong_port_is_mended_by_keyboard_alone(
    open_page: OpenPage, served: Served, provider: Catcher, wrong_port: int
) -> None:
    """No mouse: the focus never gets lost, and the next button is always near."""
    page = opened(open_page, served).page
    typed = {
        "Default Sender": "noreply@grove.example",
        "Server Address": "localhost",
        "Server Port": str(wrong_port),
    }
    for label, text in typed.items():
        tab_to(page, page.get_by_label(label))
        page.keyboard.type(text)
    for switch in ("Enable TLS / SSL", "Requires authentication"):
        tab_to(page, page.get_by_label(switch))
        page.keyboard.press("Space")
    for label, text in {"Username": "ada", "Password": LOGIN["ada"]}.items():
        tab_to(page, page.get_by_label(label, exact=True))
        page.keyboard.type(text)
    tab_to(page, page.get_by_label("Test recipient"))
    page.keyboard.type("you@grove.example")
    button = page.get_by_role("button", name="Send Test Email")
    tab_to(page, button)
    page.keyboard.press("Enter")
    use = result(page).get_by_role("button", name="Use this")
    expect(use).to_be_visible()
    expect(button).to_be_focused()
    expect(page.locator("#pe-aloud")).to_have_text(
        f"Nothing answers at localhost on port {wrong_port}"
    )
    tab_to(page, use, most=2)
    page.keyboard.press("Enter")
    expect(page.locator("[data-outcome=sent]")).to_be_visible()
    expect(result(page)).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Save these settings"), most=2)
    page.keyboard.press("Enter")
    expect(page.locator("[data-plato-email-state=verified]")).to_be_visible()
    assert len(provider.mails) == 1


def test_wrong_port_is_mended_without_javascript(
    open_page: OpenPage, served: Served, provider: Catcher, wrong_port: int
) -> None:
    """Plain forms and whole pages; a typed password is never sent back and is typed again."""
    watched = opened(open_page, served, java_script_enabled=False)
    page = watched.page
    fill_in(page, wrong_port)
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.get_by_label("Server Port")).to_have_attribute("aria-invalid", "true")
    expect(result(page).get_by_text("Use this")).to_be_in_viewport()
    page.get_by_label("Password", exact=True).fill(LOGIN["ada"])
    result(page).get_by_role("button", name="Use this").click()
    expect(page.locator("[data-outcome=sent]")).to_be_in_viewport()
    expect(page.get_by_label("Server Port")).to_have_value(str(provider.port))
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
    watched.keep_picture("trial-without-javascript")
    page.get_by_label("Password", exact=True).fill(LOGIN["ada"])
    page.get_by_role("button", name="Save these settings").click()
    expect(page.locator("[data-plato-email-state=verified]")).to_be_visible()


def test_check_sends_no_mail(open_page: OpenPage, served: Served, provider: Catcher) -> None:
    """The other button: all the stages up to the message, and none is sent."""
    watched = opened(open_page, served)
    page = watched.page
    fill_in(page, provider.port)
    page.get_by_role("button", name="Check connection").click()
    expect(page.locator("[data-outcome=checked]")).to_contain_text("would take the mail")
    looked_at(watched, "checked")
    assert provider.mails == []


class Paced:
    """A server that takes one step whenever it is told to."""

    STEPS = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", ".")

    def __init__(self) -> None:
        self._turn = threading.Semaphore(0)
        replies = {
            "greeting": "220 paced.test ESMTP",
            "EHLO": "250 paced.test",
            "DATA": "354 Go ahead",
        }
        steps = {step: replies.get(step, "250 2.0.0 Ok") for step in self.STEPS}
        self.script = {step: partial(self._answer, words) for step, words in steps.items()}

    def _answer(self, words: str, conversation: Conversation) -> None:
        if self._turn.acquire(timeout=10):
            conversation.send(words)

    def go_on(self) -> None:
        """Let the server take its next step."""
        self._turn.release()


STAGES = ("greeting", "ehlo", "sender", "recipient", "data", "accepted")


def test_stages_appear_one_after_the_other(open_page: OpenPage, served: Served) -> None:
    """Each is under way until the server answers, then has its tick and its milliseconds."""
    paced = Paced()
    with ScriptedServer(paced.script) as server:
        watched = opened(open_page, served)
        page = watched.page
        page.get_by_label("Default Sender").fill("noreply@grove.example")
        page.get_by_label("Server Address").fill("127.0.0.1")
        page.get_by_label("Server Port").fill(str(server.port))
        page.get_by_label("Test recipient").fill("you@grove.example")
        button = page.locator("#pe-send-test")
        button.click()
        for number, stage in enumerate(STAGES):
            line = page.locator(f"[data-stage={stage}]")
            expect(line).to_have_attribute("data-verdict", "running")
            later = page.locator("[data-verdict=pending]")
            expect(later).to_have_count(len(STAGES) - number - 1)
            if stage == "sender":
                expect(button).to_be_disabled()
                expect(button).to_be_focused()
                button.press("Enter")
                looked_at(watched, "running")
            paced.go_on()
            expect(line).to_have_attribute("data-verdict", "ok")
            expect(line).to_contain_text(" ms")
        expect(page.locator("[data-outcome=sent]")).to_be_in_viewport()
        expect(button).to_be_enabled()
        assert len(server.conversations) == 1


def test_screen_reader_hears_the_outcome_once(
    open_page: OpenPage, served: Served, provider: Catcher
) -> None:
    """A region that was there before says that the test runs, and how it ended; no more."""
    page = opened(open_page, served).page
    page.evaluate("""
        window.heard = [];
        const region = document.querySelector("#pe-aloud");
        const everything = {childList: true, characterData: true, subtree: true};
        new MutationObserver(() => {
          const text = region.textContent.trim();
          if (text && text !== heard.at(-1)) heard.push(text);
        }).observe(region, everything);
    """)
    fill_in(page, provider.port)
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.locator("#pe-aloud")).to_have_text("Test mail sent to you@grove.example")
    assert page.evaluate("heard") == ["Testing", "Test mail sent to you@grove.example"]
    assert page.locator("#pe-test-result [role=status], #pe-test-result [aria-live]").count() == 0


def test_page_stops_asking_a_site_that_is_gone(
    open_page: OpenPage, served: Served, provider: Catcher
) -> None:
    """After some looks without an answer it says so, and the buttons work again."""
    watched = opened(open_page, served)
    page = watched.page
    fill_in(page, provider.port)
    page.route("**/test-messages/*", lambda route: route.abort())
    page.locator("#pe-send-test").click()
    expect(page.get_by_text("This site did not answer")).to_be_visible()
    expect(page.locator("#pe-send-test")).to_be_enabled()
    expect(result(page)).to_have_count(0)
    looked_at(watched, "site-gone")
    # htmx writes of each to the console, as it should.
    watched.troubles.clear()


def test_transcript_is_copied(open_page: OpenPage, served: Served, provider: Catcher) -> None:
    """The dialogue can be opened and copied; the password is not in it."""
    watched = opened(open_page, served, permissions=["clipboard-read", "clipboard-write"])
    page = watched.page
    fill_in(page, provider.port)
    page.get_by_role("button", name="Send Test Email").click()
    page.get_by_text("Transcript").click()
    looked_at(watched, "transcript")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "S: 235" in copied
    assert "battery" not in copied


def test_refusals_are_shown_in_reach(
    open_page: OpenPage, served: Served, provider: Catcher
) -> None:
    """A wrong field, and too many tests: next to the button, and fit for everybody."""
    served.host.site.trials.limit = 1
    watched = opened(open_page, served)
    page = watched.page
    fill_in(page, 99_999)
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.get_by_text("the form is not complete")).to_be_in_viewport()
    expect(page.get_by_label("Server Port")).to_have_attribute("aria-invalid", "true")
    looked_at(watched, "wrong-field")
    page.get_by_label("Server Port").fill(str(provider.port))
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.locator("[data-outcome=sent]")).to_be_visible()
    expect(page.get_by_label("Server Port")).not_to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.get_by_text("a minute is the limit")).to_be_in_viewport()
    looked_at(watched, "too-many")


def test_test_that_was_broken_off_says_so(
    open_page: OpenPage, served: Served, provider: Catcher
) -> None:
    """The process that ran it has died: the page stops asking and says what to do."""
    with ScriptedServer({"greeting": hang}) as server:
        watched = opened(open_page, served)
        page = watched.page
        fill_in(page, server.port)
        page.locator("#pe-send-test").click()
        expect(page.locator("[data-stage=connect][data-verdict=ok]")).to_be_visible()
        site = served.host.site
        past = site.clock.now() - timedelta(minutes=1)
        statement = update(site.tables.trial).values(started_at=past)
        site.database.write(lambda connection: connection.execute(statement))
        expect(result(page)).to_contain_text("The test was broken off")
        expect(page.locator("#pe-send-test")).to_be_enabled()
        looked_at(watched, "broken-off")


def test_refused_password_has_no_button_to_mend_it(
    open_page: OpenPage, served: Served, provider: Catcher
) -> None:
    """Advice and a marked field; one login was tried, and only one."""
    watched = opened(open_page, served)
    page = watched.page
    fill_in(page, provider.port)
    page.get_by_label("Password", exact=True).fill("not this one")
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.locator("[data-outcome=failed]")).to_contain_text("Type the Password again")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Password", exact=True)).to_have_value("not this one")
    looked_at(watched, "refused")
    assert len(provider.logins) == 1
