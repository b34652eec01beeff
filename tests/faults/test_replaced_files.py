"""An SQLite file that is replaced under a running sender, as a backup is put back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, func, make_url, select

from tests.support.databases import SQLITE, SQLITE_WAL, fresh_database
from tests.support.nursery import Nursery
from tests.support.pauses import Pause
from tests.support.queue_facts import count_states, rows, wait_for_states
from tests.support.scripted_server import ScriptedServer
from tests.support.sink import Sink, queue
from tests.support.sites import Host, hosted
from tests.support.waiting import until

REPLACED = "another file has taken the place"


@pytest.fixture(params=[SQLITE, SQLITE_WAL])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """An empty file of each kind in turn."""
    with fresh_database(request.param, tmp_path) as made:
        yield made


def back_up(url: URL, copy: Path) -> None:
    """Copy the database as SQLite itself does."""
    with (
        closing(sqlite3.connect(str(url.database))) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def put_back(host: Host, url: URL, copy: Path) -> None:
    """Move ``copy`` over the database; what belongs to the old file alone goes with it."""
    with host.app.app_context():  # the site itself is restarted
        host.db.engine.dispose()
    for end in ("-wal", "-shm"):
        Path(f"{url.database}{end}").unlink(missing_ok=True)
    copy.replace(str(url.database))


def test_case_r12_backup_is_sent_without_a_restart(
    host: Host, url: URL, senders: Nursery, sink: Sink, tmp_path: Path
) -> None:
    """What the other file holds is sent; the log says once that there is another."""
    host.configure(sink.port, poll_interval=1)
    ids = queue(host, 3)
    back_up(url, tmp_path / "backup.db")
    sender = senders.start()
    wait_for_states(host, sent=3)
    put_back(host, url, tmp_path / "backup.db")
    until(lambda: count_states(host) == {"sent": 3} and len(sink.mails) == 6)
    ids += queue(host, 1)
    wait_for_states(host, sent=4)
    assert senders.end(sender) == 0
    assert [len(sink.copies()[each]) for each in ids] == [2, 2, 2, 1]
    assert senders.log.count(REPLACED) == 1
    assert "Traceback" not in senders.log


def test_case_r12_backup_is_copied_into_the_file(
    host: Host, url: URL, senders: Nursery, sink: Sink, tmp_path: Path
) -> None:
    """A backup that SQLite itself copies into the file in use is no other file."""
    host.configure(sink.port, poll_interval=1)
    ids = queue(host, 3)
    back_up(url, tmp_path / "backup.db")
    sender = senders.start()
    wait_for_states(host, sent=3)
    back_up(url.set(database=str(tmp_path / "backup.db")), Path(str(url.database)))
    until(lambda: count_states(host) == {"sent": 3} and len(sink.mails) == 6)
    assert senders.end(sender) == 0
    assert [len(sink.copies()[each]) for each in ids] == [2, 2, 2]
    assert REPLACED not in senders.log


def test_case_r12_result_for_the_old_file_is_not_the_new_ones(
    host: Host, url: URL, senders: Nursery, tmp_path: Path
) -> None:
    """What a server said of a mail in the old file is not written to another of the same number."""
    dot = Pause("450 4.2.1 later")
    with ScriptedServer({".": dot}) as server:
        host.configure(server.port, poll_interval=1)
        queue(host, 1)
        with hosted(make_url(f"sqlite:///{tmp_path / 'other.db'}"), tmp_path) as other:
            other.configure(server.port, poll_interval=1)
            (mine,) = queue(other, 1, send_at=datetime.now(UTC) + timedelta(hours=1))
        sender = senders.start()
        dot.wait_until_reached()
        put_back(host, url, tmp_path / "other.db")
        dot.end()
        until(lambda: "not stored" in senders.log, what=lambda: senders.log)
        assert {i: row.attempts for i, row in rows(host).items()} == {mine: 0}
        assert senders.end(sender) == 0
        attempt = host.site.tables.attempt
        tries = host.site.database.read(
            lambda c: c.scalar(select(func.count()).select_from(attempt))
        )
        assert tries == 0


def test_case_r12_file_that_is_away_for_a_moment(
    host: Host, url: URL, senders: Nursery, sink: Sink, tmp_path: Path
) -> None:
    """A file that is not there is waited for, and no empty one is made in its place."""
    host.configure(sink.port, poll_interval=1)
    queue(host, 1)
    sender = senders.start()
    wait_for_states(host, sent=1)
    back_up(url, tmp_path / "backup.db")
    put_back(host, url, tmp_path / "backup.db")
    there, away = Path(str(url.database)), tmp_path / "away.db"
    there.rename(away)
    until(lambda: f"no file {there}" in senders.log, what=lambda: senders.log)
    assert not there.exists()
    away.rename(there)
    queue(host, 1)
    wait_for_states(host, sent=2)
    assert senders.end(sender) == 0
