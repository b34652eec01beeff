"""What breaks: senders, servers, databases, clocks. On every database where it can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.support.databases import KINDS, fresh_database
from tests.support.nursery import Nursery, nursery
from tests.support.sink import Sink
from tests.support.sites import Host, hosted


@pytest.fixture(params=(KINDS[0], *KINDS[2:]))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """An empty database of each kind in turn."""
    with fresh_database(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def host(url: URL, tmp_path: Path) -> Iterator[Host]:
    """A site on each kind of database in turn."""
    with hosted(url, tmp_path) as site:
        yield site


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A mail server that takes everything and counts the copies."""
    with Sink() as server:
        yield server


@pytest.fixture
def senders(host: Host, tmp_path: Path) -> Iterator[Nursery]:
    """Sender processes of ``host`` that take a silent one for dead after two seconds."""
    with nursery(host, tmp_path, PLATO_TEST_LEASE="2", PLATO_TEST_UNKNOWN_RETRY="1") as started:
        yield started
