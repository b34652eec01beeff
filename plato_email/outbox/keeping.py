"""Keep: which keys stored messages are encrypted with, and moving them to a new one."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from ..encryption import KeyRing
from ..errors import SecretUnreadable
from .base import OutboxPart
from .enqueue import CONTENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

STEP = 100
HEAD = 20
"""Bytes of an envelope that hold the id of its key."""


class Keeping(OutboxPart):
    """Rotation of the keys that messages are stored under."""

    def content_count(self) -> int:
        """Return how many messages have stored bytes."""
        query = select(func.count()).select_from(self._tables.content)
        return int(self._database.read(lambda c: c.scalar(query)) or 0)

    def content_keys(self) -> Counter[str]:
        """Count the stored messages by the id of their key."""
        used: Counter[str] = Counter()
        last = -1
        while rows := self._database.read(partial(self._heads, last=last)):
            last = rows[-1].message_id
            used.update(KeyRing.key_id(bytes(row.head)) or "unreadable" for row in rows)
        return used

    def reencrypt(self, ring: KeyRing) -> Iterator[tuple[int, int]]:
        """Move messages to the ring's first key; yield (moved, unreadable) after each step."""
        last = -1
        while rows := self._database.read(partial(self._after, last=last)):
            last = rows[-1].message_id
            old = [row for row in rows if KeyRing.key_id(row.data) != ring.primary.id]
            moved = [(row, data) for row in old if (data := _opened(ring, row)) is not None]
            if moved:
                self._database.write(partial(self._replace, ring=ring, moved=moved))
            yield len(rows) - len(old) + len(moved), len(old) - len(moved)

    def _heads(self, connection: Connection, last: int) -> Sequence[Any]:
        content = self._tables.content
        head = func.substr(content.c.data, 1, HEAD).label("head")
        query = select(content.c.message_id, head).where(content.c.message_id > last)
        return connection.execute(query.order_by(content.c.message_id).limit(STEP * 10)).all()

    def _after(self, connection: Connection, last: int) -> Sequence[Any]:
        content, message = self._tables.content, self._tables.message
        # What was deleted may be brought back.
        deleted = self._tables.deleted
        header = func.coalesce(message.c.message_id, deleted.c.message_id)
        query = (
            select(content.c.message_id, content.c.data, header.label("header"))
            .join(message, message.c.id == content.c.message_id, isouter=True)
            .join(deleted, deleted.c.id == content.c.message_id, isouter=True)
            .where(content.c.message_id > last, header.is_not(None))
            .order_by(content.c.message_id)
            .limit(STEP)
        )
        return connection.execute(query).all()

    def _replace(
        self, connection: Connection, ring: KeyRing, moved: Sequence[tuple[Any, bytes]]
    ) -> None:
        content = self._tables.content
        for row, plain in moved:
            # Guarded by the old bytes: a row that changed meanwhile is left alone.
            connection.execute(
                update(content)
                .where(content.c.message_id == row.message_id, content.c.data == row.data)
                .values(data=ring.protect_bytes(plain, CONTENT, row.header))
            )


def _opened(ring: KeyRing, row: Any) -> bytes | None:
    try:
        return ring.unprotect_bytes(row.data, CONTENT, row.header)
    except SecretUnreadable:
        return None
