"""A real browser: Debian's Chromium (or any other), driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

SCREENSHOTS = Path(__file__).parent.parent / "screenshots"
Scheme = Literal["light", "dark"]

# It runs as root in CI, without a GPU, and must not look for hosts of its own.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} blocked ${event.blockedURI} on ${location.href}`);
});
"""


def find_chromium() -> str | None:
    """Return the program named by ``CHROMIUM``, or a Chromium on the path."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def launched(program: str) -> Iterator[Browser]:
    """Run the browser, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page, and everything that went wrong on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.troubles: list[str] = []
        page.add_init_script(_REPORT_VIOLATIONS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium writes of every answer from 400 on; those are looked at one by one.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.troubles.append(f"console: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status == 404 or response.status >= 500:
            self.troubles.append(f"{response.status} {response.url}")

    def keep_picture(self, name: str) -> None:
        """Keep a picture of the whole page below ``tests/screenshots``."""
        SCREENSHOTS.mkdir(exist_ok=True)
        # Hiding the caret would take a style that the pages' policy forbids.
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, caret="initial")
