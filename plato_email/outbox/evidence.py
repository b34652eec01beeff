"""Evidence: what the last tries say of the server, whichever process made them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from ..errors import About, Cause, Stage
from ..tables import State
from .base import OutboxPart

if TYPE_CHECKING:
    from sqlalchemy import Connection

RECENT = 100
"""Tries that are looked back on."""


class Evidence(OutboxPart):
    """Questions about the server that the tries of all senders answer together."""

    def refused_alike(self, stage: Stage, cause: Cause, *, since: datetime | None) -> set[int]:
        """Return the messages that were refused alike since the last one was sent.

        What speaks of one recipient or one content counts neither for nor against it, nor does
        what no server said.

        Args:
            stage: where they were refused.
            cause: for what.
            since: when this process last saw a message accepted, which may not be recorded yet.
        """
        attempt = self._tables.attempt
        recent = select(attempt).order_by(attempt.c.id.desc()).limit(RECENT)
        rows, sent = self._database.read(lambda c: (c.execute(recent).all(), self._last_sent(c)))
        gone = [at for at in (sent, since) if at is not None]
        found: set[int] = set()
        for row in rows:
            met = Cause.read(row.cause)
            if row.outcome == "partly" or any(row.at <= at for at in gone):
                break
            if (row.stage, met) == (stage, cause):
                found.add(row.message_id)
            elif row.outcome in ("deferred", "failed") and met and met.about is not About.ONE:
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
        first = select(attempt.c.at).where(*same).order_by(attempt.c.id).limit(1)
        refused, sent = self._database.read(
            lambda c: (c.execute(first).scalar(), self._last_sent(c))
        )
        if refused is None:
            return False
        return any(at is not None and at > refused for at in (sent, known))

    def _last_sent(self, connection: Connection) -> datetime | None:
        message = self._tables.message
        sent = (message.c.state == State.SENT.value, message.c.finished_at.is_not(None))
        query = select(message.c.finished_at).where(*sent)
        return connection.execute(query.order_by(message.c.finished_at.desc()).limit(1)).scalar()
