"""Which commits wait for the disk: all but a claim's, which may be lost and nothing with it."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from tests.support.sites import Host

QUESTIONS = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}
WAITS = {"sqlite": 2, "postgresql": "on"}


def waiting(connection: Connection) -> object:
    """Return what the database says of its commits' waiting; ``None`` where it has one answer."""
    question = QUESTIONS.get(connection.dialect.name)
    return connection.exec_driver_sql(question).scalar() if question else None


def test_a_claim_waits_for_no_disk_and_all_else_does(host: Host) -> None:
    """The setting holds for one transaction, whether it ends well or not."""
    database = host.site.database
    with database.engine.connect() as connection:
        before = waiting(connection)
        wal = host.site.database.is_sqlite and (
            connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        )
    lazy = {"postgresql": "off", "sqlite": 1 if wal else 2}.get(database.engine.name)
    assert before == WAITS.get(database.engine.name)
    assert database.write(waiting, lazily=True) == lazy
    assert database.write(waiting) == before
    with pytest.raises(ZeroDivisionError):
        database.write(lambda _: 1 / 0, lazily=True)
    assert database.write(waiting) == before
    assert database.read(waiting) == before
