"""The ledger: what several connections have to record, committed together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..outbox import Advanced, Claimed, Outbox, Result, Slice


class _Entry:
    """What one courier waits for."""

    def __init__(self, done: Sequence[Result], begin: Claimed | None) -> None:
        self.done = done
        self.begin = begin
        self.outcome: Advanced | None = None
        self.error: BaseException | None = None

    @property
    def settled(self) -> bool:
        return self.outcome is not None or self.error is not None

    def answer(self) -> Advanced:
        if self.outcome is None:
            raise self.error or RuntimeError("the ledger was never written")
        return self.outcome


class Ledger:
    """Group commit: while one transaction runs, the entries of the others gather for the next.

    The courier that finds nobody writing writes for all who wait, itself included. So a single
    connection pays no hand-over between threads, and many share each commit.
    """

    def __init__(self, outbox: Outbox, held: Slice) -> None:
        self._outbox = outbox
        self._held = held
        self._changed = threading.Condition()
        self._entries: list[_Entry] = []
        self._writing = False

    def post(self, done: Sequence[Result], begin: Claimed | None) -> Advanced:
        """Record ``done`` and begin ``begin``; return once that is committed.

        Returns:
            What came of all that was committed together, these included.
        """
        entry = _Entry(done, begin)
        with self._changed:
            self._entries.append(entry)
            self._changed.wait_for(lambda: entry.settled or not self._writing)
            if entry.settled:
                return entry.answer()
            self._writing = True
            batch, self._entries = self._entries, []
        self._write(batch)
        return entry.answer()

    def _write(self, batch: Sequence[_Entry]) -> None:
        error: BaseException | None = None
        outcome: Advanced | None = None
        try:
            outcome = self._outbox.advance(
                self._held,
                done=[result for entry in batch for result in entry.done],
                begin=[entry.begin for entry in batch if entry.begin is not None],
            )
        except BaseException as caught:  # noqa: BLE001 - each who waits must be told
            error = caught
        with self._changed:
            for entry in batch:
                entry.outcome, entry.error = outcome, error
            self._writing = False
            self._changed.notify_all()
