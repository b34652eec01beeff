"""What is served as a file, and that the pages hold nothing that their policy forbids."""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import plato_email
from plato_email.views.assets import HTMX, STATIC

if TYPE_CHECKING:
    from tests.web.conftest import Admin

TEMPLATES = sorted((Path(plato_email.__file__).parent / "templates" / "plato_email").iterdir())
HTMX_SHA256 = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"


def test_htmx_is_the_published_file() -> None:
    """Not a byte of it was changed, and its licence lies beside it."""
    assert sha256((STATIC / HTMX).read_bytes()).hexdigest() == HTMX_SHA256
    assert "Zero-Clause BSD" in (STATIC / HTMX.replace(".min.js", ".LICENSE")).read_text()


def test_file_template_and_program_name_one_version(admin: Admin) -> None:
    """The version in the file's name is htmx's own, and the page loads that file."""
    version = re.fullmatch(r"htmx-([\d.]+)\.min\.js", HTMX)
    assert version is not None
    assert f'"{version[1]}"' in (STATIC / HTMX).read_text().replace("'", '"')
    scripts = [each["src"] for each in admin.open().all("script")]
    assert any(f"/{HTMX}?v={HTMX_SHA256[:12]}" in src for src in scripts)
    assert [path.name for path in STATIC.glob("htmx*.js")] == [HTMX]


def test_static_addresses_change_with_the_content_and_are_kept_for_ever(admin: Admin) -> None:
    """With the hash in its address a file needs no second request."""
    page = admin.open()
    addresses = [page.one("link", rel="stylesheet")["href"]]
    addresses += [each["src"] for each in page.all("script")]
    for address in addresses:
        answer = admin.client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        answer.close()


def test_another_version_is_served_and_not_kept(admin: Admin) -> None:
    """A server that is one release behind must not fill caches with its file."""
    for version in ("?v=000000000000", ""):
        answer = admin.get(f"/static/plato_email.css{version}")
        assert answer.status_code == 200
        assert "immutable" not in answer.headers["Cache-Control"]
        answer.close()


def test_every_colour_has_a_name_and_the_sheet_is_small() -> None:
    """Colours are named once, so that a host can set them; nothing lies outside .plato-email."""
    sheet = (STATIC / "plato_email.css").read_text()
    named, rules = sheet.split("}", 1)
    assert "--pe-accent: light-dark(" in named
    assert not re.search(r"#[0-9a-f]{3,8}\b", rules)
    assert len(gzip.compress(sheet.encode())) < 7000
    for selector in re.findall(r"^([^\s@}/*][^{]*)\{", rules, re.MULTILINE):
        for each in re.sub(r"\([^()]*\)", "", selector).split(","):
            assert ".plato-email" in each or each.strip() == "to", selector


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_nothing_that_the_policy_forbids(template: Path) -> None:
    """No inline script or style, no handler, nothing for eval, nothing unescaped."""
    text = re.sub(r"\{#.*?#\}", "", template.read_text(), flags=re.DOTALL)
    for forbidden in ("<style", "style=", "hx-on", "js:", "javascript:", "| safe", "|safe", "://"):
        assert forbidden not in text, forbidden
    assert not re.search(r"\son\w+=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"hx-trigger=\"[^\"]*\[", text)
    assert template.suffix == ".html"
