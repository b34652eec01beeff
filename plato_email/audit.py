"""Audit: who did what to the mail, when and from where. Entries are added, never changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row, Select

    from .database import Clock, Database
    from .tables import Tables

ACTIONS: Mapping[str, str] = {
    "settings.saved": "Saved the settings",
    "mode.changed": "Changed the mode",
    "test.sent": "Tested with an email",
    "test.checked": "Checked the connection",
    "body.read": "Read a message",
    "message.retried": "Retried",
    "message.cancelled": "Cancelled",
    "message.restored": "Undid a cancellation",
    "message.deleted": "Deleted",
    "message.undeleted": "Undid a deletion",
    "message.readdressed": "Changed a recipient",
    "message.redirected": "Sent on to another address",
    "message.resent": "Queued again as new",
    "queue.purged": "Purged finished messages",
}
"""Every action that is noted, in the words that the page's filter has for it."""

PATIENCE = 5.0
"""Seconds that a note may wait for the database."""
STEP = 200
"""Entries deleted in one transaction."""
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did."""

    id: int
    at: datetime
    """Naive UTC."""
    actor: str
    """A name that colleagues know the person by, or "" where nobody could tell."""
    origin: str
    """The address it was done from."""
    action: str
    """One of `ACTIONS`."""
    subject: str
    """What it was done to, such as the id of a message; "" where the action says it all."""
    detail: Mapping[str, Any]


class AuditLog:
    """The log of one site. Safe to share between threads; each call is its own transaction."""

    def __init__(self, database: Database, tables: Tables, clock: Clock) -> None:
        self._database = database
        self._table = tables.audit
        self._clock = clock

    def note(
        self,
        action: str,
        *,
        by: str,
        origin: str,
        subject: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an entry, committed on return.

        Args:
            action: one of `ACTIONS`.
            by: who did it.
            origin: the address it was done from.
            subject: what it was done to.
            detail: more, as JSON can hold it. Never a secret, and nothing of what a mail says.

        Raises:
            SQLAlchemyError: it could not be stored.
        """
        values = {
            "at": self._clock.now(),
            "actor": by[:200],
            "origin": origin[:64],
            "action": action,
            "subject": subject[:200],
            "detail": json.dumps(dict(detail or {}), ensure_ascii=False),
        }
        self._database.write(
            lambda c: c.execute(insert(self._table).values(values)), patience=PATIENCE
        )

    def page(
        self, *, before: int | None = None, limit: int = 50, action: str = "", by: str = ""
    ) -> tuple[AuditEntry, ...]:
        """Return entries, the newest first, below the id ``before``.

        Args:
            before: an entry's id.
            limit: entries at most.
            action: only this action.
            by: only of this person, by the whole name.
        """
        table = self._table
        query: Select[Any] = select(table).order_by(table.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(table.c.id < max(0, min(before, LARGEST_ID)))
        if action:
            query = query.where(table.c.action == action)
        if by:
            query = query.where(table.c.actor == by)
        return tuple(map(_entry, self._database.read(lambda c: c.execute(query).all())))

    def purge(self, older_than: timedelta) -> Iterator[int]:
        """Delete old entries; yield how many after each small step."""
        table, limit = self._table, self._clock.now() - older_than
        query = select(table.c.id).where(table.c.at < limit).order_by(table.c.at).limit(STEP)
        while ids := self._database.read(lambda c: c.execute(query).scalars().all()):
            self._delete(ids)
            yield len(ids)

    def _delete(self, ids: Sequence[int]) -> None:
        table = self._table
        self._database.write(lambda c: c.execute(delete(table).where(table.c.id.in_(ids))))


def _entry(row: Row[Any]) -> AuditEntry:
    said = (row.actor, row.origin, row.action, row.subject)
    return AuditEntry(row.id, row.at, *said, json.loads(row.detail))
