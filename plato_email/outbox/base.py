"""What every part of the outbox needs: the database, the tables, the clock."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from .results import Results
from .statements import Statements
from .taking import Taking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from ..database import Clock, Database
    from ..tables import State, Tables


class OutboxPart:
    """Holds what the statements run on."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        clock: Clock,
        *,
        process: str = "",
        keep_sent_bodies: bool = False,
        keep_failed: bool = True,
    ) -> None:
        self._database = database
        self._tables = tables
        self._sql = Statements(tables)
        self._results = Results(tables)
        self._taking = Taking(tables)
        self._tended: datetime | None = None
        self._clock = clock
        self._process = process
        self._keep_sent_bodies = keep_sent_bodies
        self._keep_failed = keep_failed

    def _delete_rows(self, connection: Connection, ids: Sequence[int], state: State) -> int:
        """Delete messages that are still in ``state``, with all that hangs on them."""
        if not ids:
            return 0
        tables = self._tables
        message = tables.message
        # Locked first: one that was queued again meanwhile keeps its content.
        query = select(message.c.id).where(message.c.id.in_(ids), message.c.state == state.value)
        ids = list(connection.execute(query.with_for_update()).scalars())
        connection.execute(delete(message).where(message.c.id.in_(ids)))
        self._delete_what_hangs_on(connection, ids)
        return len(ids)

    def _delete_what_hangs_on(self, connection: Connection, ids: Sequence[int]) -> None:
        """Delete contents, recipients and tries of messages that are gone."""
        tables = self._tables
        for table in (tables.content, tables.recipient, tables.attempt):
            connection.execute(delete(table).where(table.c.message_id.in_(ids)))
