"""The documentation as tests see it: pages, their programs, their links."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])

_PROGRAM = re.compile(r"<!-- program: (\S+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name(page: Path) -> str:
    """Return what a test is called by."""
    return str(page.relative_to(ROOT))


def read(page: str) -> str:
    """Return a page by its path below the project's folder."""
    return (ROOT / page).read_text(encoding="utf-8")


def program(page: str, wanted: str) -> str:
    """Return the program that ``page`` shows under the file name ``wanted``."""
    programs: dict[str, str] = dict(_PROGRAM.findall(read(page)))
    return programs[wanted]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return [code for found, code in _FENCE.findall(text) if found == language]


def links(page: Path) -> list[str]:
    """Return where a page leads, code left out."""
    return _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {_slug(heading) for heading in _HEADING.findall(text)}


def _slug(heading: str) -> str:
    """Lower case, punctuation dropped, blanks as hyphens."""
    kept = (c for c in heading.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")
