"""Evidence: what the last tries say of the server, whichever process made them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from ..errors import About, Cause, Stage
from ..tables import State
from .base import OutboxPart

RECENT = 100
"""Tries that are looked back on."""


class Evidence(OutboxPart):
    """Questions about the server that the tries of all senders answer together."""

    def refused_alike(self, stage: Stage, cause: Cause, *, since: datetime | None) -> set[int]:
        """Return the messages that were refused alike, in a row, after ``since``.

        Only tries that were charged count. What speaks of one recipient or one content counts
        neither for nor against it, nor does what no server said.
        """
        attempt = self._tables.attempt
        recent = select(attempt).order_by(attempt.c.id.desc()).limit(RECENT)
        found: set[int] = set()
        for row in self._database.read(lambda c: c.execute(recent).all()):
            met = Cause.read(row.cause)
            if row.outcome == "partly" or (since is not None and row.at <= since):
                break
            if row.outcome not in ("deferred", "failed"):
                continue
            if (row.stage, met) == (stage, cause):
                found.add(row.message_id)
            elif met is not None and met.about is not About.ONE:
                break
        return found

    def went_since(self, number: int, cause: Cause, *, known: datetime | None) -> bool:
        """Whether another message was sent since a message was first refused for ``cause``.

        Args:
            number: its id; it is not sent itself.
            cause: for what.
            known: when this process last saw another accepted, which may not be recorded yet.
        """
        attempt = self._tables.attempt
        same = (attempt.c.message_id == number, attempt.c.cause == cause.value)
        query = select(attempt.c.at).where(*same).order_by(attempt.c.id).limit(1)
        first: datetime | None = self._database.read(lambda c: c.execute(query).scalar())
        sent = self.last_sent(known=known)
        return first is not None and sent is not None and sent > first

    def last_sent(self, *, known: datetime | None) -> datetime | None:
        """Return when a message was last sent, as recorded or ``known``; ``None`` if none was."""
        message = self._tables.message
        sent = (message.c.state == State.SENT.value, message.c.finished_at.is_not(None))
        newest = message.c.finished_at.desc()
        query = select(message.c.finished_at).where(*sent).order_by(newest).limit(1)
        recorded = self._database.read(lambda c: c.execute(query).scalar())
        return max((at for at in (recorded, known) if at is not None), default=None)
