"""The static files, each under an address that changes with its content."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import url_for

STATIC = Path(__file__).parent.parent / "static"
HTMX = "htmx-4.0.1.min.js"
FILES = frozenset(path.name for path in STATIC.iterdir())


def asset(filename: str) -> str:
    """Return the address of a static file, which caches may keep for ever."""
    return url_for("plato_email.static", filename=filename, v=content_hash(filename))


def is_current(filename: str, version: str | None) -> bool:
    """Tell whether ``version`` is that of the file as it is here.

    While a release is rolled out, an old server may be asked for a new version: what it answers
    must not be kept under that address.
    """
    return filename in FILES and version == content_hash(filename)


@cache
def content_hash(filename: str) -> str:
    """Return the version that the address of a static file carries."""
    return sha256((STATIC / filename).read_bytes()).hexdigest()[:12]
