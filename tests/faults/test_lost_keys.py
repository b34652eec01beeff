"""Keys and secrets that are lost, altered or open to others: a page that says so, never a 500."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from plato_email.encryption import KeyFile
from tests.support.databases import SQLITE
from tests.support.scripted_server import ScriptedServer
from tests.support.sites import Host
from tests.web.conftest import Admin

pytestmark = pytest.mark.parametrize("url", [SQLITE], indirect=True)


def lose(host: Host) -> None:
    """Somebody deletes the key file; the next use makes another."""
    key_file(host).path.unlink()


def open_to_all(host: Host) -> None:
    """Somebody makes the key file readable for others."""
    key_file(host).path.chmod(0o644)


def tear(host: Host) -> None:
    """Somebody saves half of the key file."""
    path = key_file(host).path
    path.write_bytes(path.read_bytes()[:-20])


def truncate(host: Host) -> None:
    """Somebody restores a table in which the ciphertext was cut off."""
    table = host.site.tables.settings
    stored = secrets(host)[1]
    host.site.database.write(lambda c: c.execute(update(table).values(password=stored[:-8])))


def key_file(host: Host) -> KeyFile:
    """The file of the keys."""
    assert host.site.key_file is not None
    return host.site.key_file


def secrets(host: Host) -> tuple[str, str]:
    """What the database has of user name and password."""
    table = host.site.tables.settings
    row = host.site.database.read(
        lambda c: c.execute(select(table.c.username, table.c.password)).one()
    )
    return row[0], row[1]


@pytest.mark.parametrize("harm", [lose, open_to_all, tear, truncate])
def test_case_26_unreadable_password_is_a_state(host: Host, harm: Callable[[Host], None]) -> None:
    """The page opens, says what to do, saves the other fields, and sends no ciphertext."""
    with ScriptedServer(offers=["AUTH PLAIN"]) as server:
        host.configure(server.port, username="me", password="hunter2")
        kept, before = key_file(host).path.read_bytes(), secrets(host)
        harm(host)
        altered = secrets(host)
        admin = Admin(host)
        page = admin.get("/settings")
        assert page.status_code == 200
        assert 'data-plato-email-state="unreadable-secret"' in page.text
        assert "Enter it again" in page.text
        assert "hunter2" not in page.text
        assert admin.save(batch_size="7").status_code == 303
        assert host.site.load_settings().settings.batch_size == 7
        assert secrets(host) == altered
        host.rounds()
        assert b"AUTH" not in server.received
    path = key_file(host).path
    path.unlink(missing_ok=True)
    path.write_bytes(kept)
    path.chmod(0o600)
    table = host.site.tables.settings
    host.site.database.write(lambda c: c.execute(update(table).values(password=before[1])))
    assert host.site.load_settings().settings.password == "hunter2"


def test_case_26_saving_again_encrypts_nothing_twice(host: Host) -> None:
    """Saved five times with a blank password, and once with the ciphertext for one, it is right."""
    host.configure(25, username="me", password="hunter2")
    before = secrets(host)
    admin = Admin(host)
    for number in range(1, 6):
        assert admin.save(batch_size=str(number)).status_code == 303
    assert secrets(host) == before
    assert admin.save(password=before[1]).status_code == 303
    assert host.site.load_settings().settings.password == before[1]
