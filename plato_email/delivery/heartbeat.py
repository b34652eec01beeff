"""The lease of a slice, kept alive while one of its messages takes long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..outbox import LEASE, Outbox, Slice

log = logging.getLogger("plato_email")


class Heartbeat:
    """Renews the lease of the slice in hand after a third of its length at the latest.

    So a crash is healed within one lease, though a single message may take many. Whether the
    lease is still ours is not told here: `Outbox.advance` asks the database before each message.

    The thread outlives the slice by a moment, so that mail after mail does not pay for a new one.

    Args:
        outbox: the queue.
        on_beat: called after each renewal.
    """

    def __init__(self, outbox: Outbox, on_beat: Callable[[], None] = lambda: None) -> None:
        self._outbox = outbox
        self._on_beat = on_beat
        self._lock = threading.Lock()
        self._held: Slice | None = None
        self._since = 0.0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keeping(self, held: Slice) -> Iterator[None]:
        """Keep the lease of ``held`` while the block runs; no renewal is under way after it."""
        with self._lock:
            self._held, self._since = held, time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._beat, name="plato-email-lease", daemon=True
                )
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held = None

    def stop(self) -> None:
        """End the thread, with no slice in hand."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._over.set()
            thread.join()
            self._over.clear()

    def _beat(self) -> None:
        while True:
            # Twice in the time allowed: a slice that was taken just now is met at the second.
            self._over.wait(LEASE / 6)
            with self._lock:
                if self._held is None:
                    self._thread = None
                    return
                if time.monotonic() - self._since >= LEASE / 6:
                    self._renew(self._held)

    def _renew(self, held: Slice) -> None:
        try:
            self._outbox.renew(held)
            self._since = time.monotonic()
            self._on_beat()
        except Exception:
            log.exception("the lease could not be renewed")
