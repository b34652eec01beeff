"""What most tests need: a site on a database of its own, and a server that catches its mail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import fresh_database
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Catcher


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    """A mail server that takes everything."""
    with Catcher() as server:
        yield server


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A site on a SQLite file."""
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path) as site:
        yield site


@pytest.fixture
def sending(host: Host, catcher: Catcher) -> Host:
    """A site whose settings hand mail to ``catcher``."""
    host.configure(catcher.port)
    return host
