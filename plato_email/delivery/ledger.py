"""The ledger: what several connections have to record, committed together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..outbox import Claimed, Outbox, Result, Slice


class _Entry:
    """What one courier waits for."""

    def __init__(self, done: Sequence[Result], begin: Claimed | None) -> None:
        self.done = done
        self.begin = begin
        self.settled = False
        self.begun = True
        self.error: BaseException | None = None


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

    def post(self, done: Sequence[Result], begin: Claimed | None) -> bool:
        """Record ``done`` and begin ``begin``; return once that is committed.

        Returns:
            Whether ``begin`` may be sent.
        """
        entry = _Entry(done, begin)
        with self._changed:
            self._entries.append(entry)
            self._changed.wait_for(lambda: entry.settled or not self._writing)
            if entry.settled:
                return _answer(entry)
            self._writing = True
            batch, self._entries = self._entries, []
        self._write(batch)
        return _answer(entry)

    def _write(self, batch: Sequence[_Entry]) -> None:
        error: BaseException | None = None
        begun: frozenset[int] = frozenset()
        try:
            begun = self._outbox.advance(
                self._held,
                done=[result for entry in batch for result in entry.done],
                begin=[entry.begin for entry in batch if entry.begin is not None],
            )
        except BaseException as caught:  # noqa: BLE001 - each who waits must be told
            error = caught
        with self._changed:
            for entry in batch:
                entry.settled, entry.error = True, error
                entry.begun = entry.begin is None or entry.begin.id in begun
            self._writing = False
            self._changed.notify_all()


def _answer(entry: _Entry) -> bool:
    if entry.error is not None:
        raise entry.error
    return entry.begun
