"""The ledger: what several connections have to record, committed together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..outbox import Advanced, Claimed, Outbox, Result, Slice

LONGEST_WAIT = 0.002
"""Seconds that a commit waits at most for the others."""
MOST_SKIPPED = 31
"""Commits in a row that wait for nobody, after many that waited in vain."""


class _Entry:
    """What one courier waits for; ``turn`` is let go when it need wait no longer."""

    def __init__(self, done: Sequence[Result], begin: Claimed | None) -> None:
        self.done = done
        self.begin = begin
        self.outcome: Advanced | None = None
        self.error: BaseException | None = None
        self.turn = threading.Lock()
        self.turn.acquire()

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
    connection pays no hand-over between threads, and many share each commit. Who writes waits a
    moment for the couriers that are on their way: no longer than half of what the last commit
    took, and ever more seldom where that is in vain, as it is with a server far away.
    """

    def __init__(self, outbox: Outbox, held: Slice) -> None:
        self.concluded: set[int] = set()
        """The ids of messages whose result was given to the outbox."""
        self.unused = 0
        """How many of them never came near the server."""
        self._outbox = outbox
        self._held = held
        self._lock = threading.Lock()
        self._complete = threading.Condition(self._lock)
        self._entries: list[_Entry] = []
        self._writing = False
        self._couriers = 0
        self._patience = 0.0
        self._in_vain = self._to_skip = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Count a courier among those that are waited for, as long as the block runs."""
        with self._lock:
            self._couriers += 1
        try:
            yield
        finally:
            with self._lock:
                self._couriers -= 1
                self._complete.notify()

    def post(self, done: Sequence[Result], begin: Claimed | None) -> Advanced:
        """Record ``done`` and begin ``begin``; return once that is committed.

        Returns:
            What came of all that was committed together, these included.
        """
        entry = _Entry(done, begin)
        with self._lock:
            self._entries.append(entry)
            waits, self._writing = self._writing, True
            if waits:
                self._complete.notify()
        if waits:
            entry.turn.acquire()
        if not entry.settled:
            self._write(self._gathered())
        return entry.answer()

    def _gathered(self) -> list[_Entry]:
        """Return the entries to write; one that is missing is waited for a moment."""
        with self._lock:
            if self._couriers > 1:
                self._wait_for_others()
            batch, self._entries = self._entries, []
        return batch

    def _wait_for_others(self) -> None:
        if self._to_skip:
            self._to_skip -= 1
            return
        came = self._complete.wait_for(lambda: len(self._entries) >= self._couriers, self._patience)
        self._in_vain = 0 if came else min(2 * self._in_vain + 1, MOST_SKIPPED)
        self._to_skip = self._in_vain

    def _write(self, batch: Sequence[_Entry]) -> None:
        error: BaseException | None = None
        outcome: Advanced | None = None
        done = [result for entry in batch for result in entry.done]
        began = time.monotonic()
        try:
            outcome = self._outbox.advance(
                self._held,
                done=done,
                begin=[entry.begin for entry in batch if entry.begin is not None],
            )
            self.concluded.update(result.message.id for result in done)
            self.unused += sum(result.unused for result in done)
        except BaseException as caught:  # noqa: BLE001 - each who waits must be told
            error = caught
        self._patience = min((time.monotonic() - began) / 2, LONGEST_WAIT)
        for entry in batch:
            entry.outcome, entry.error = outcome, error
            entry.turn.release()
        self._hand_on()

    def _hand_on(self) -> None:
        """Let the first of those who came meanwhile write."""
        with self._lock:
            self._writing = bool(self._entries)
            if self._entries:
                self._entries[0].turn.release()
