"""The lease of a slice, kept alive while one of its messages takes long."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..outbox import LEASE, Outbox, Slice

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger("plato_email")


class Heartbeat:
    """Renews the lease every third of its length, in a thread; a context manager.

    So a crash is healed within one lease, though a single message may take many. Whether the
    lease is still ours is not told here: `Outbox.advance` asks the database before each message.
    """

    def __init__(
        self, outbox: Outbox, held: Slice, on_beat: Callable[[], None] = lambda: None
    ) -> None:
        self._outbox = outbox
        self._held = held
        self._on_beat = on_beat
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="plato-email-lease", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(LEASE)

    def _beat(self) -> None:
        while not self._over.wait(LEASE / 3):
            try:
                self._outbox.renew(self._held)
                self._on_beat()
            except Exception:
                log.exception("the lease could not be renewed")
