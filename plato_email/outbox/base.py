"""What every part of the outbox needs: the database, the tables, the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..database import Clock, Database
    from ..tables import Tables


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
        self._clock = clock
        self._process = process
        self._keep_sent_bodies = keep_sent_bodies
        self._keep_failed = keep_failed
