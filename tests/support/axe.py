"""What axe-core, the usual checker of accessibility, finds wrong with a page as it stands."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Run through the browser's debugger, which our Content-Security-Policy does not bind.
_AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
_RUN = """
async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.map(({ id, help, nodes }) =>
    ({ id, help, nodes: nodes.map((node) => node.html.slice(0, 200)) }));
}
"""


def accessibility_faults(page: Page) -> list[str]:
    """Return one line a fault: the rule, what it asks for, and the elements that break it."""
    page.evaluate(_AXE)
    found: list[dict[str, Any]] = page.evaluate(_RUN)
    return [f"{each['id']}: {each['help']}: {' | '.join(each['nodes'])}" for each in found]
