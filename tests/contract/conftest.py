"""The same tests on every database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.support.databases import KINDS, fresh_database
from tests.support.sites import Host, hosted


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """An empty database of each kind in turn."""
    with fresh_database(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def host(url: URL, tmp_path: Path) -> Iterator[Host]:
    """A site on each kind of database in turn."""
    with hosted(url, tmp_path) as site:
        yield site
