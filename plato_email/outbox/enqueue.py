"""Enqueue: the only statements that run in the host's own transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from ..database import insert_once, utcnow
from ..errors import MessageError
from ..tables import State
from .base import OutboxPart
from .values import QueuedMessage, dump_recipients, load_recipients

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from ..encryption import KeyRing
    from ..message import Composed

CONTENT = "message.content"
"""The purpose that stored bytes are encrypted for; bound to the Message-ID."""


class Enqueuing(OutboxPart):
    """What ``send()`` does in the host's transaction: two INSERTs."""

    def enqueue(self, connection: Connection, composed: Composed, ring: KeyRing) -> QueuedMessage:
        """Add a message to the queue; it exists if and only if the caller's transaction commits.

        With an idempotency key that is already known, nothing is added and the message that has
        it is returned.

        Raises:
            MessageError: the caller's own Message-ID is in the queue already.
        """
        row = _row(composed)
        data = ring.protect_bytes(composed.data, CONTENT, composed.message_id)
        if composed.idempotency_key is None and not composed.brings_message_id:
            number = self._insert(connection, row, data)
        else:
            known = _insert_once(connection, self._tables.message, row)
            if known is not None:
                return known
            number = _number_of(connection, self._tables.message, composed.message_id)
            self._store_content(connection, number, data)
        return QueuedMessage(
            number,
            composed.message_id,
            composed.envelope.recipients,
            composed.subject,
            urgent=composed.priority == 0,
        )

    def _insert(self, connection: Connection, row: dict[str, Any], data: bytes) -> int:
        sql, later = self._sql, "available_at" in row
        if connection.dialect.name == "postgresql":
            both = sql.enqueue_later_at_once if later else sql.enqueue_at_once
            return int(both.run(connection, row | {"data": data}).first().id)
        number = (sql.enqueue_later if later else sql.enqueue).run(connection, row).lastrowid
        self._store_content(connection, number, data)
        return int(number)

    def _store_content(self, connection: Connection, number: int, data: bytes) -> None:
        self._sql.store_content.run(connection, {"message_id": number, "data": data})


def _row(composed: Composed) -> dict[str, Any]:
    row = {
        "state": State.QUEUED.value,
        "priority": composed.priority,
        "message_id": composed.message_id,
        "idempotency_key": composed.idempotency_key,
        "sender": composed.envelope.sender,
        "recipients": dump_recipients(composed.envelope.recipients),
        "subject": composed.subject[:255],
        "size": len(composed.data),
        "attachments": composed.attachments,
        "sensitive": composed.sensitive,
        "expires_at": composed.expires_at,
    }
    if composed.send_at is not None:
        row["available_at"] = composed.send_at
    return row


def _insert_once(connection: Connection, table: Table, row: dict[str, Any]) -> QueuedMessage | None:
    """Insert unless the idempotency key is known; then return the message that has it.

    An ordinary INSERT that fails would void the host's whole transaction on PostgreSQL.
    """
    row = {"available_at": utcnow(), **row, "created_at": utcnow()}
    statement = insert_once(connection.dialect.name, table).values(**row)
    if connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1:
        return None
    columns = (table.c.id, table.c.message_id, table.c.recipients, table.c.subject)
    key = row["idempotency_key"] or ""
    query = select(*columns).where(table.c.idempotency_key == key)
    if connection.dialect.name in ("mysql", "mariadb"):
        # A plain read would look at the snapshot from before the other's commit.
        query = query.with_for_update(read=True)
    found = connection.execute(query).first()
    if found is None:
        raise MessageError(
            "Message-ID",
            f"{row['message_id']} is in the queue already. Leave the header out to get a new one.",
        )
    recipients = load_recipients(found.recipients)
    return QueuedMessage(found.id, found.message_id, recipients, found.subject, duplicate=True)


def _number_of(connection: Connection, table: Table, message_id: str) -> int:
    return int(connection.scalar(select(table.c.id).where(table.c.message_id == message_id)) or 0)
