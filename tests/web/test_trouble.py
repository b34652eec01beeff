"""When the site itself cannot answer, the page says what to do and shows no stack trace."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from tests.support.databases import fresh_database
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Catcher

if TYPE_CHECKING:
    from pathlib import Path

    from tests.web.conftest import Admin


@pytest.mark.parametrize("path", ["/settings", "/queue", "/messages"])
def test_missing_tables_are_told_with_their_cure(admin: Admin, host: Host, path: str) -> None:
    """A site whose migrations were not run gets a sentence on every page."""
    with host.app.app_context():
        host.db.drop_all()
    answer = admin.get(path)
    assert answer.status_code == 503
    assert "Run your migrations" in answer.text
    assert "Traceback" not in answer.text


def test_health_tells_missing_tables_as_json(admin: Admin, host: Host) -> None:
    """A monitor gets 503 and the reason."""
    with host.app.app_context():
        host.db.drop_all()
    answer = admin.get("/health")
    assert answer.status_code == 503
    assert "migrations" in answer.get_json()["error"]


def test_unusable_key_file_is_told_with_its_cure(admin: Admin, host: Host) -> None:
    """A key file that others may read stops the save with the command that mends it."""
    host.site.key_ring()
    assert host.site.key_file is not None
    host.site.key_file.path.chmod(0o644)
    answer = admin.save(
        host="127.0.0.1",
        port="25",
        default_sender="site@example.com",
        requires_login="1",
        username="me",
        password="secret",
    )
    assert answer.status_code == 503
    assert "chmod 600" in answer.text


@pytest.mark.parametrize("path", ["/settings", "/queue", "/messages", "/health"])
def test_locked_file_is_told_before_anybody_gives_up(admin: Admin, host: Host, path: str) -> None:
    """While another program has the whole SQLite file, a page waits three seconds and says so."""
    other = sqlite3.connect(str(host.site.database.engine.url.database))
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    answer = admin.get(path)
    waited = time.monotonic() - began
    other.close()
    assert answer.status_code == 503
    assert "The database did not answer in time" in answer.text
    assert 2.5 < waited < 10
    assert admin.get(path).status_code == 200


def test_database_in_memory_is_told_apart_from_a_missing_sender(tmp_path: Path) -> None:
    """Where no sender can ever look, the banner does not ask to start one."""
    from tests.web.conftest import Admin

    with hosted(make_url("sqlite://"), tmp_path) as host:
        host.configure(25)
        banner = Admin(host).open().one(data_plato_email_state="poller-silent")
    assert "The database is in memory" in banner.text
    assert "flask email run" not in banner.text


def test_absurd_ids_are_not_there(admin: Admin) -> None:
    """An id beyond what a database can hold is one that does not exist."""
    assert admin.get(f"/messages/{2**70}").status_code == 404
    assert admin.get(f"/messages?before={10**30}").status_code == 200


def test_pinned_password_stays_with_the_saved_server(tmp_path: Path) -> None:
    """Somebody who types another server gets no test with the configured password."""
    from tests.web.conftest import Admin

    pins = {"PLATO_EMAIL_USERNAME": "me", "PLATO_EMAIL_PASSWORD": "pinned-secret"}
    with (
        Catcher(users={"me": "pinned-secret"}) as own,
        Catcher(users={"me": "?"}) as foreign,
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, **pins) as host,
    ):
        host.configure(own.port)
        admin = Admin(host)
        assert admin.test(recipient="a@example.com").status_code == 200
        assert len(own.mails) == 1
        answer = admin.test(recipient="a@example.com", port=str(foreign.port))
        assert (answer.status_code, foreign.connections) == (422, 0)
        assert "Save these settings first" in answer.text
