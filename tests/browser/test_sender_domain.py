"""Provider offer and DNS panel in a browser, against a zone that a real server answers from."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_controls import serving
from tests.support.axe import accessibility_faults
from tests.support.browser import Watched
from tests.support.databases import fresh_database
from tests.support.dns_server import DnsServer
from tests.support.sites import hosted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.browser

KEY = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
ZONE = f"""
shop.example.org.                      MX 10 aspmx.l.google.com.
shop.example.org.                      TXT "v=spf1 mx -all"
aspmx.l.google.com.                    A 192.0.2.1
_dmarc.shop.example.org.               TXT "v=DMARC1; p=reject"
google._domainkey.shop.example.org.    TXT "v=DKIM1; k=ed25519; p={KEY}"
bare.example.org.                      A 192.0.2.7
"""
DESK = {"width": 1180, "height": 820}
PHONE = {"width": 390, "height": 844}
OpenAt = Callable[..., Watched]


@pytest.fixture
def open_at(chromium: Browser, tmp_path: Path) -> Iterator[OpenAt]:
    """Return a function that opens a page of a site which asks the zone above."""
    with (
        DnsServer(ZONE, servfail=("unwell.example.org",)) as dns,
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_RESOLVER=f"{dns.address[0]}:{dns.port}") as host,
        serving(host) as address,
    ):
        pages: list[Watched] = []

        def open_one(path: str = "/settings", **options: Any) -> Watched:
            context = chromium.new_context(**{"viewport": DESK, **options})
            context.set_default_timeout(10_000)
            watched = Watched(context.new_page())
            watched.page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
            watched.page.goto(address + path)
            pages.append(watched)
            return watched

        yield open_one
        for each in pages:
            each.page.context.close()
        assert [trouble for each in pages for trouble in each.troubles] == []


def sender(page: Page) -> Any:
    return page.get_by_label("Default Sender")


def test_typing_the_sender_offers_and_pressing_fills_in(open_at: OpenAt) -> None:
    """The offer comes by itself, fills in when it is pressed, and a typed password stays."""
    watched = open_at()
    page = watched.page
    page.get_by_label("Requires authentication").check()
    page.locator("#pe-password").fill("kept as it is")
    sender(page).fill("Shop <site@shop.example.org>")
    offer = page.locator("[data-provider=google]")
    expect(offer).to_contain_text("The mail of shop.example.org is at Google")
    expect(page.locator("#pe-host")).to_have_value("")
    watched.keep_picture("provider-offer")
    assert accessibility_faults(page) == []
    offer.get_by_role("button", name="Use these").click()
    expect(page.locator("#pe-host")).to_have_value("smtp.gmail.com")
    expect(page.locator("#pe-port")).to_have_value("587")
    expect(page.locator("#pe-username")).to_have_value("site@shop.example.org")
    expect(page.locator("#pe-tls_mode")).to_have_value("starttls")
    expect(page.locator("#pe-use_tls")).to_be_checked()
    expect(page.locator("#pe-password")).to_have_value("kept as it is")
    expect(page.locator("#pe-password")).to_be_focused()
    expect(page.locator("#pe-filled")).to_contain_text("not saved yet")
    watched.keep_picture("provider-used")


def test_by_keyboard_alone(open_at: OpenAt) -> None:
    """Tab leads from the sender to the offer; Enter in a field still saves."""
    page = open_at().page
    sender(page).focus()
    page.keyboard.type("ada@gmail.com")
    button = page.get_by_role("button", name="Use these")
    expect(button).to_be_visible()
    while not button.evaluate("each => each === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#pe-host")).to_have_value("smtp.gmail.com")
    page.keyboard.type("sixteen letters!")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Settings saved.")).to_be_visible()
    expect(page.locator("#pe-host")).to_have_value("smtp.gmail.com")


def test_picked_provider_is_explained(open_at: OpenAt) -> None:
    """A provider of the list fills in, and what is special about its login is said."""
    watched = open_at()
    page = watched.page
    page.get_by_text("Fill in the settings of a provider").click()
    watched.keep_picture("provider-list")
    page.get_by_role("button", name="Twilio SendGrid").click()
    expect(page.locator("#pe-host")).to_have_value("smtp.sendgrid.net")
    expect(page.locator("[data-provider=sendgrid]")).to_contain_text("the word apikey")
    expect(page.locator("#pe-picked")).to_contain_text("not saved yet")
    expect(page.locator("#pe-password")).to_be_focused()


def test_without_javascript(open_at: OpenAt) -> None:
    """Buttons and links do the same: find, use, and the page on the sender's domain."""
    watched = open_at(java_script_enabled=False)
    page = watched.page
    sender(page).fill("site@shop.example.org")
    page.get_by_label("Send Attempts").fill("7")
    page.get_by_role("button", name="Find the server of this sender").click()
    expect(page.locator("#pe-host")).to_have_value("")
    page.get_by_role("button", name="Use these").click()
    expect(page.get_by_text("Filled in, not saved yet")).to_be_visible()
    expect(page.locator("#pe-host")).to_have_value("smtp.gmail.com")
    expect(page.get_by_label("Send Attempts")).to_have_value("7")
    watched.keep_picture("provider-no-script")
    page.get_by_role("link", name="Look up SPF, DKIM and DMARC").click()
    sender(page).fill("site@shop.example.org")
    page.get_by_label("Server Address").fill("smtp.gmail.com")
    page.get_by_role("button", name="Look up").click()
    expect(page.locator("[data-topic=dkim]")).to_have_attribute("data-verdict", "good")


def test_panel_is_fetched_when_it_is_seen_and_follows_the_fields(open_at: OpenAt) -> None:
    """Nothing is asked while it is out of sight; another sender or server asks anew."""
    watched = open_at()
    page = watched.page
    asked: list[str] = []
    page.on("request", lambda each: asked.append(each.url) if "sender-domain" in each.url else None)
    sender(page).fill("site@shop.example.org")
    page.locator("#pe-host").fill("smtp.gmail.com")
    page.locator("#pe-sender-domain").scroll_into_view_if_needed()
    expect(page.locator("[data-topic=spf]")).to_have_attribute("data-verdict", "bad")
    expect(page.locator("[data-topic=dkim]")).to_have_attribute("data-verdict", "good")
    page.locator("#pe-host").fill("smtp.sendgrid.net")
    page.locator("#pe-host").blur()
    expect(page.locator("[data-topic=spf]")).to_have_attribute("data-verdict", "info")
    assert not any("password" in url or "csrf" in url for url in asked)
    with page.expect_response("**/sender-domain?*fresh=1*"):
        page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("link", name="Look again")).to_be_focused()


def test_record_is_copied(open_at: OpenAt) -> None:
    """Copy puts the record onto the clipboard, ready for the DNS provider's form."""
    page = open_at(permissions=["clipboard-read", "clipboard-write"]).page
    sender(page).fill("site@shop.example.org")
    page.locator("#pe-host").fill("smtp.gmail.com")
    page.locator("#pe-sender-domain").scroll_into_view_if_needed()
    expect(page.locator("#pe-sender-domain")).to_contain_text("through smtp.gmail.com")
    # The press takes the focus from the field, so the panel asks again; the word stays.
    with page.expect_response("**/sender-domain*"):
        page.locator("[data-topic=spf]").get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "v=spf1 mx include:_spf.google.com -all"


@pytest.mark.parametrize(
    ("domain", "look", "options"),
    [
        ("shop", "light", {"color_scheme": "light"}),
        ("shop", "phone", {"viewport": PHONE}),
        ("bare", "phone", {"viewport": PHONE, "color_scheme": "dark"}),
        ("unwell", "dark", {"color_scheme": "dark"}),
    ],
)
def test_page_of_a_domain(open_at: OpenAt, domain: str, look: str, options: dict[str, Any]) -> None:
    """In order, empty or out of reach: axe-core finds nothing, and nothing sticks out."""
    query = f"?default_sender=site@{domain}.example.org&host=smtp.gmail.com"
    watched = open_at(f"/sender-domain{query}", **options)
    expect(watched.page.locator("[data-topic=spf]")).to_be_visible()
    watched.keep_picture(f"sender-domain-{domain}-{look}")
    assert accessibility_faults(watched.page) == []
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
