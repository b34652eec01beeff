"""The trials in the database: what any process may ask for, and what the site's rate counts."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from ..database import insert_once
from ..errors import TooManyTests
from .engine import DEADLINE
from .values import State, Trial, read_trial

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection, Delete

    from ..database import Clock, Database
    from ..tables import Tables

MINUTE = timedelta(seconds=60)
"""What the rate counts over."""
KEPT = timedelta(days=1)
PROOF = timedelta(hours=1)
"""How long a trial counts as the test of settings that are saved after it."""
PATIENCE = timedelta(seconds=DEADLINE + 15)
"""After this long, a trial that has not ended will not: its process is gone."""

_GATE = 1
_COLUMNS = ("token", "started_at", "begun_by", "kind", "recipient", "fingerprint")
_TOKEN = re.compile(r"[0-9a-f]{32}")


class TrialLog:
    """Safe to share between threads; each call is its own transaction unless it says otherwise."""

    def __init__(self, database: Database, tables: Tables, clock: Clock) -> None:
        self._database = database
        self._table = tables.trial
        self._gate = tables.gate
        self._clock = clock
        self.now = clock.now

    def begin(self, trial: Trial, limit: int) -> None:
        """Store a new trial, if the site has begun fewer than ``limit`` in the last minute.

        Exact over all processes: the row that all claims lock is locked for a moment.

        Raises:
            TooManyTests: the limit is reached; nothing was stored.
        """
        table = self._table
        values = {name: getattr(trial, name) for name in _COLUMNS} | _progress(trial)
        recent = (
            select(table.c.started_at)
            .where(table.c.started_at > trial.started_at - MINUTE)
            .order_by(table.c.started_at)
        )
        old = self._old()

        def work(connection: Connection) -> None:
            self._lock(connection)
            begun = connection.execute(recent).scalars().all()
            if len(begun) >= limit:
                free = begun[len(begun) - limit] + MINUTE
                raise TooManyTests(limit, free, (free - trial.started_at).total_seconds())
            connection.execute(insert(table).values(**values))
            connection.execute(old)

        self._database.write(work, patience=5.0)

    def store(self, trial: Trial, *, patience: float = 5.0) -> None:
        """Store how far ``trial`` is."""
        table = self._table
        statement = update(table).where(table.c.token == trial.token).values(**_progress(trial))
        self._database.write(lambda c: c.execute(statement), patience=patience)

    def find(self, token: str) -> Trial | None:
        """Return a trial, or ``None``; one whose process is gone is *lost*."""
        if not _TOKEN.fullmatch(token):
            return None
        query = select(self._table).where(self._table.c.token == token)
        row = self._database.read(lambda c: c.execute(query).first())
        if row is None:
            return None
        trial = read_trial(row)
        if not trial.over and self.now() > trial.started_at + PATIENCE:
            return replace(trial, state=State.LOST)
        return trial

    def latest(self, connection: Connection, fingerprints: Collection[str]) -> Trial | None:
        """Return the last trial of these settings, while it counts; on the caller's connection.

        One that sent nothing gives way to one that did.
        """
        table = self._table
        query = (
            select(table)
            .where(
                table.c.started_at > self.now() - PROOF,
                table.c.fingerprint.in_(fingerprints),
                table.c.outcome != "",
            )
            .order_by(table.c.started_at.desc())
        )
        rows = connection.execute(query).all()
        row = next((row for row in rows if row.outcome != "checked"), rows[0] if rows else None)
        return None if row is None else read_trial(row)

    def purge(self) -> int:
        """Delete trials that nobody waits for any more; return how many."""
        old = self._old()
        return self._database.write(lambda c: c.execute(old).rowcount)

    def _old(self) -> Delete:
        return delete(self._table).where(self._table.c.started_at < self.now() - KEPT)

    def _lock(self, connection: Connection) -> None:
        locked = select(self._gate.c.id).where(self._gate.c.id == _GATE).with_for_update()
        if connection.execute(locked).first() is None:
            made = insert_once(connection.dialect.name, self._gate)
            connection.execute(made.values(id=_GATE, failures=0))
            connection.execute(locked)


def _progress(trial: Trial) -> dict[str, Any]:
    return {"state": trial.state, "outcome": trial.outcome, "report": trial.report()}
