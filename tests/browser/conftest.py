"""One browser for all tests here; a page for each, which must end without a trouble."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, StorageState, expect

from tests.support.browser import Watched, find_chromium, launched
from tests.support.demo_site import PASSWORD, DemoSite

OpenPage = Callable[..., Watched]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Run Chromium; without it these tests are skipped, but not in CI."""
    program = find_chromium()
    if program is None:
        reason = "no Chromium on the path; install it, or set CHROMIUM to the program"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with launched(program) as browser:
        yield browser


@pytest.fixture(scope="session")
def sessions() -> dict[str, StorageState]:
    """Keep the administrator's cookies of each site, to sign in once."""
    return {}


@pytest.fixture
def open_page(chromium: Browser, sessions: dict[str, StorageState]) -> Iterator[OpenPage]:
    """Return a function that opens a page of its own session, and check it at the end."""
    with ExitStack() as stack:
        pages: list[Watched] = []

        def open_one(site: DemoSite, *, signed_in: bool = True, **options: Any) -> Watched:
            known = sessions.get(site.url) if signed_in else None
            context = chromium.new_context(base_url=site.url, storage_state=known, **options)
            stack.callback(context.close)
            context.set_default_timeout(15_000)
            watched = Watched(context.new_page())
            pages.append(watched)
            if signed_in and known is None:
                sign_in(watched)
                sessions[site.url] = context.storage_state()
            return watched

        yield open_one
        assert [trouble for page in pages for trouble in page.troubles] == []


def sign_in(watched: Watched) -> None:
    """Sign in as the administrator."""
    page = watched.page
    page.goto("/sign-in")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def set_up(watched: Watched, site: DemoSite) -> None:
    """Type the catcher into Email Settings and save."""
    page = watched.page
    page.goto("/admin/email/settings")
    page.get_by_label("Server Address").fill(site.smtp_host)
    page.get_by_label("Server Port").fill(str(site.smtp_port))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-plato-email-state=unverified]")).to_be_visible()


def write_on_board(watched: Watched, text: str) -> None:
    """Write a comment."""
    page = watched.page
    page.goto("/")
    page.get_by_label("Write a comment").fill(text)
    page.get_by_role("button", name="Write").click()
    expect(page.get_by_role("status").first).to_contain_text("is on the board")


@pytest.fixture(scope="module")
def fresh_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    """Run a demo that nobody has set up."""
    with DemoSite(tmp_path_factory.mktemp("fresh")) as site:
        yield site


@pytest.fixture(scope="session")
def site(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    """Run a demo whose mail goes to its catcher, set up as its greeting says, with a mail sent."""
    with DemoSite(tmp_path_factory.mktemp("ready")) as site:
        context = chromium.new_context(base_url=site.url)
        watched = Watched(context.new_page())
        sign_in(watched)
        set_up(watched, site)
        write_on_board(watched, "@ada, the first mail of this site goes to you.")
        context.close()
        yield site
