"""The lease of a slice, kept alive while one of its messages takes long."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..outbox import LEASE, Claimed, Outbox, Slice

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger("plato_email")


class LeaseLost(Exception):
    """Another sender has taken the message over; it must not be sent here."""


class Heartbeat:
    """Keeps the lease of a slice while a message takes long; a context manager.

    A thread that sleeps a third of a lease and renews by primary key, so that a crash is healed
    within one lease though one message may take many.
    """

    def __init__(self, outbox: Outbox, held: Slice) -> None:
        self._outbox = outbox
        self._held = held
        self._messages: Sequence[Claimed] = held.messages
        self._lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="plato-email-lease", daemon=True)

    def watch(self, messages: Sequence[Claimed]) -> None:
        """Name the messages that are still to be kept."""
        self._messages = messages

    def check(self) -> None:
        """Raise `LeaseLost` if another sender may have taken over."""
        if self._lost:
            raise LeaseLost

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
            messages = self._messages
            try:
                kept = self._outbox.renew(self._held, messages)
            except Exception:
                log.exception("the lease could not be renewed")
                kept = False
            # The message in hand may have been recorded between the look and the statement.
            if not kept and messages is self._messages:
                self._lost = True
