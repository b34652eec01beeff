"""Delete, and bring back: a deleted message leaves the queue whole, and lies apart for an hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, insert, literal, select

from ..database import insert_once
from .base import OutboxPart
from .values import Steered
from .walking import LARGEST_ID

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

UNDO = timedelta(hours=1)
"""How long a deleted message can be brought back."""
STEP = 200
OVER, TAKEN = "over", "taken"


@dataclass(frozen=True, slots=True)
class Restored:
    """One step of bringing messages back.

    Attributes:
        what: became of them; left alone is what was deleted too long ago (`OVER`), or whose
            idempotency key another message has by now (`TAKEN`).
        last: the step went as far as this id; ``None`` where it was the last step.
    """

    what: Steered
    last: int | None


class Deleting(OutboxPart):
    """The statements that move messages out of the queue, back, and away for good."""

    def undelete(self, *, batch: str = "", id: int = 0, after: int = 0) -> Restored:
        """Bring back messages as they were, a step of them: all of a batch, or one.

        What was waiting waits again, and goes when its time has come.

        Args:
            batch: what they were deleted by.
            id: the number of a single one, in place of a batch.
            after: the last id of the step before.
        """
        deleted = self._tables.deleted
        which = deleted.c.batch == batch if batch else deleted.c.id == min(id, LARGEST_ID)
        return self._database.write(partial(self._undelete, which=which, after=after))

    def deleted_at(self, number: int) -> datetime | None:
        """Return when a message was deleted; ``None`` where it was not, or is gone for good."""
        if not 0 < number <= LARGEST_ID:
            return None
        deleted = self._tables.deleted
        query = select(deleted.c.deleted_at).where(
            deleted.c.id == number, deleted.c.deleted_at > self._clock.now() - UNDO
        )
        at: datetime | None = self._database.read(lambda c: c.scalar(query))
        return at

    def _undelete(self, connection: Connection, which: ColumnElement[bool], after: int) -> Restored:
        deleted = self._tables.deleted
        query = select(deleted.c.id, deleted.c.deleted_at).where(which, deleted.c.id > after)
        rows = connection.execute(query.order_by(deleted.c.id).limit(STEP).with_for_update()).all()
        limit = self._clock.now() - UNDO
        fresh = [row.id for row in rows if row.deleted_at > limit]
        back = self._put_back(connection, fresh) if fresh else []
        left = Counter({OVER: len(rows) - len(fresh), TAKEN: len(fresh) - len(back)})
        last = rows[-1].id if len(rows) == STEP else None
        return Restored(Steered(tuple(back), +left), last)

    def _put_back(self, connection: Connection, ids: Sequence[int]) -> list[int]:
        message, deleted = self._tables.message, self._tables.deleted
        names = [column.name for column in message.c]
        later = deleted.alias("later")
        again = exists().where(
            later.c.idempotency_key == deleted.c.idempotency_key, later.c.id > deleted.c.id
        )
        rows = select(*(deleted.c[name] for name in names)).where(deleted.c.id.in_(ids), ~again)
        # One whose key was given to another message meanwhile must not cost the others.
        once = insert_once(connection.dialect.name, message).from_select(names, rows)
        connection.execute(once)
        there = select(message.c.id).where(message.c.id.in_(ids)).order_by(message.c.id)
        back = list(connection.execute(there).scalars())
        connection.execute(delete(deleted).where(deleted.c.id.in_(back)))
        return back

    def _put_away(self, connection: Connection, ids: Sequence[int], batch: str) -> None:
        """Move messages, which are locked, out of the queue; all that hangs on them stays."""
        message, deleted = self._tables.message, self._tables.deleted
        names = [column.name for column in message.c]
        rows = select(*message.c, literal(self._clock.now()), literal(batch))
        rows = rows.where(message.c.id.in_(ids))
        connection.execute(insert(deleted).from_select([*names, "deleted_at", "batch"], rows))
        connection.execute(delete(message).where(message.c.id.in_(ids)))

    def _purge_deleted(self, limit: datetime) -> Iterator[int]:
        """Delete for good what was deleted before ``limit``; yield how many after each step."""
        deleted = self._tables.deleted
        query = select(deleted.c.id).where(deleted.c.deleted_at < limit).limit(STEP)

        def work(connection: Connection) -> int:
            # Locked first: what is brought back meanwhile keeps its content.
            ids = list(connection.execute(query.with_for_update()).scalars())
            connection.execute(delete(deleted).where(deleted.c.id.in_(ids)))
            self._delete_what_hangs_on(connection, ids)
            return len(ids)

        while gone := self._database.write(work):
            yield gone
