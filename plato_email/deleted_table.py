"""The table of deleted messages: where a message lies until nobody can want it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Index, String, Table

if TYPE_CHECKING:
    from sqlalchemy import MetaData

OWN = ("deleted_at", "batch")
"""The columns that a message has here alone."""


def deleted_table(metadata: MetaData, message: Table) -> Table:
    """Return the table, whose rows are those of ``message`` as they were, and when they went.

    A row of its own place, not a state: what is deleted is then in no list, no count, no search and
    no index of the queue. See docs/decisions/0022-deleted-rows-leave-the-table.md.
    """
    same = [
        Column(c.name, c.type, primary_key=c.primary_key, autoincrement=False) for c in message.c
    ]
    table = Table(
        "plato_email_deleted",
        metadata,
        *same,
        Column("deleted_at", message.c.created_at.type, nullable=False),
        # All that one press of the button deleted, so that one press brings it back.
        Column("batch", String(32), nullable=False),
    )
    Index("ix_plato_email_deleted_at", table.c.deleted_at)
    Index("ix_plato_email_deleted_batch", table.c.batch, table.c.id)
    Index("ix_plato_email_deleted_key", table.c.idempotency_key)
    return table
