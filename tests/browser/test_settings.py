"""What the settings page says after a press, and what it keeps of what was typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.support.databases import fresh_database
from tests.support.serving_thread import Served
from tests.support.sites import hosted
from tests.support.smtp_servers import Catcher

if TYPE_CHECKING:
    from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A site that nobody has set up."""
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path) as host,
        Served(host) as site,
    ):
        host.site.trials.catcher_ports = ()
        yield site


def fill_in(page: Page, catcher: Catcher) -> None:
    page.goto("/admin/email/settings")
    page.get_by_label("Default Sender").fill("noreply@grove.example")
    page.get_by_label("Server Address").fill(catcher.host)
    page.get_by_label("Server Port").fill(str(catcher.port))
    page.get_by_label("Test recipient").fill("you@grove.example")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_what_was_saved_is_not_said_above_a_later_test(
    open_page: OpenPage, served: Served, script: bool
) -> None:
    """The confirmation of a save goes as soon as something else is done; the recipient stays."""
    page = open_page(served, signed_in=False, java_script_enabled=script).page
    with Catcher(refusals={"you@grove.example": "550 5.1.1 No such user"}) as catcher:
        fill_in(page, catcher)
        saved = page.get_by_text("Settings saved.")
        page.get_by_role("button", name="Save Settings").click()
        expect(saved).to_be_visible()
        expect(page.get_by_label("Test recipient")).to_have_value("you@grove.example")
        page.get_by_role("button", name="Check connection").click()
        expect(page.locator("#pe-trial")).to_have_attribute("data-outcome", "failed")
    expect(saved).to_have_count(0)
    expect(page.get_by_label("Test recipient")).to_have_value("you@grove.example")


def test_typing_ends_what_was_saved(open_page: OpenPage, served: Served) -> None:
    """What is on the page is not what was saved any more."""
    page = open_page(served, signed_in=False).page
    with Catcher() as catcher:
        fill_in(page, catcher)
    saved = page.get_by_text("Settings saved.")
    page.get_by_role("button", name="Save Settings").click()
    expect(saved).to_be_visible()
    page.get_by_label("Batch Size").press_sequentially("7")
    expect(saved).to_have_count(0)


def test_providers_stand_side_by_side(open_page: OpenPage, served: Served) -> None:
    """The list of providers is as wide as the form, and what it has done is said in one line."""
    page = open_page(served, signed_in=False).page
    page.goto("/admin/email/settings")
    page.get_by_text("Fill in the settings of a provider").click()
    first = page.get_by_role("button", name="Google")
    second = page.get_by_role("button", name="Microsoft 365")
    boxes = first.bounding_box(), second.bounding_box()
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["y"] == boxes[1]["y"]
    second.click()
    expect(page.locator("#pe-picked")).to_contain_text("Filled in for Microsoft 365")
    said = page.locator("#pe-picked").bounding_box()
    assert said
    assert said["width"] > 300


def test_login_switched_on_with_nothing_typed(open_page: OpenPage, served: Served) -> None:
    """Both empty fields say so in the open page, and the switch stays on."""
    page = open_page(served, signed_in=False).page
    with Catcher() as catcher:
        fill_in(page, catcher)
    page.get_by_label("Requires authentication").check()
    page.get_by_role("button", name="Check connection").click()
    expect(page.locator("#pe-username-problem")).to_contain_text("The user name is empty")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Requires authentication")).to_be_checked()


def test_pasted_login_is_in_no_address(open_page: OpenPage, served: Served) -> None:
    """What the page asks while one types is written into access logs: no password is in it."""
    page = open_page(served, signed_in=False).page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/admin/email/settings")
    page.get_by_label("Default Sender").fill("me@grove.example")
    page.get_by_label("Server Address").fill("smtps://me:S3CRETQ@smtp.grove.example:587")
    with page.expect_response(lambda response: "/provider" in response.url):
        page.get_by_label("Server Address").blur()
    page.get_by_label("Default Sender").fill("me:S3CRETQ@grove.example")
    with page.expect_response(lambda response: "/provider" in response.url):
        page.get_by_label("Default Sender").blur()
    page.get_by_role("button", name="Save Settings").click()
    expect(page.locator("#pe-host")).to_have_value("smtp.grove.example")
    expect(page.locator("#pe-host-problem")).to_contain_text("no @")
    expect(page.get_by_label("Username")).to_be_visible()
    assert any("/provider" in each for each in asked)
    assert not any("S3CRETQ" in each for each in asked)
    assert "S3CRETQ" not in page.content()
