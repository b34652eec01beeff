"""A site for the cases, whose tests ask no port beside the one that is set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.support.databases import SQLITE, fresh_database
from tests.support.hours import Hours
from tests.support.sites import Host, hosted
from tests.zoo.keeper import authority

EVERYWHERE = (
    SQLITE,
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
)
"""The databases."""


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """An empty SQLite file, or what a test asks for."""
    with fresh_database(getattr(request, "param", SQLITE), tmp_path) as made:
        yield made


@pytest.fixture
def connections() -> int:
    """SMTP connections at a time: one, so that the order of the mails can be told."""
    return 1


@pytest.fixture
def host(url: URL, tmp_path: Path, connections: int) -> Iterator[Host]:
    """A site that trusts the authority of the tests."""
    config = {"PLATO_EMAIL_CA_FILE": authority().ca_file, "PLATO_EMAIL_CONNECTIONS": connections}
    with hosted(url, tmp_path, **config) as site:
        # What else listens on the machine that the tests run on is none of theirs.
        site.site.trials.usual_ports = site.site.trials.catcher_ports = ()
        yield site


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    """Time that passes when the senders would sleep."""
    return Hours(monkeypatch)
