"""The circuit breaker: a server that refuses every mail alike is an outage, not many bad mails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ..errors import About

if TYPE_CHECKING:
    from ..errors import DeliveryError

MESSAGES = 10
"""Different messages in a row that are refused alike before all mail waits."""


class Breaker:
    """Counts different messages that met the same, with no success in between.

    Causes that speak of one recipient or one content count for nothing: ten dead addresses in a
    row are no outage. Safe to share between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._met: tuple[str, str] | None = None
        self._messages: set[int] = set()

    def trips(self, error: DeliveryError, message: int) -> bool:
        """Count a refusal; return whether the server is now known to refuse every mail."""
        if error.cause.about is About.ONE:
            return False
        met = (error.stage, error.cause)
        with self._lock:
            if met != self._met:
                self._met = met
                self._messages.clear()
            self._messages.add(message)
            return len(self._messages) >= MESSAGES

    def succeed(self) -> None:
        """The server took a message: begin anew."""
        with self._lock:
            self._met = None
            self._messages.clear()
