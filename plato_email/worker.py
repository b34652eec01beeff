"""The worker: what a sender does each round beside delivering: it reports, and it tidies up."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from .delivery import TICK
from .tables import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from .config import Config
    from .database import Clock
    from .delivery import Delivery
    from .outbox import Outbox

log = logging.getLogger("plato_email")

SOON = 0.1
"""Seconds that a claim of another process takes at most, and more: worth waiting for."""
REPORT_EVERY = 20.0
TIDY_EVERY = 3600.0


def process_name() -> str:
    """Return the name that this process is shown by: machine and process id."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}"


class Worker:
    """One sender: the poller thread of a web process, or ``flask email run``."""

    def __init__(self, delivery: Delivery, outbox: Outbox, clock: Clock, config: Config) -> None:
        self.delivery = delivery
        delivery.on_beat = self.report
        self._outbox = outbox
        self._config = config
        self._id = secrets.token_hex(16)
        self._started_at = clock.now()
        self._reported = float("-inf")
        self._tidied = float("-inf")

    def round(self) -> float:
        """Do one round; return the seconds until the next."""
        delay = self.delivery.round()
        if time.monotonic() - self._reported >= REPORT_EVERY:
            self.report()
        if delay > 0 and time.monotonic() - self._tidied >= TIDY_EVERY:
            self._tidied = time.monotonic()
            self.tidy()
        return min(delay, TICK)

    def drain(self) -> None:
        """Do rounds until nothing is due, or the sender stops; wait while others are claiming."""
        stopping = self.delivery.stopping
        while not stopping.is_set() and (delay := self.round()) < SOON:
            stopping.wait(delay)

    def report(self, error: BaseException | None = None) -> None:
        """Tell the page that this sender is alive, and what went wrong if anything did."""
        said = None if error is None else f"{type(error).__name__}: {_first_line(error)}"
        self._outbox.report(self._id, self._started_at, said)
        self._reported = time.monotonic()

    def finish(self) -> None:
        """Hang up and sign off."""
        self.delivery.hang_up()
        self._outbox.leave(self._id)

    def tidy(self, progress: Callable[[int], None] = lambda _: None) -> int:
        """Delete what retention says, in small steps; return how many messages went."""
        gone = 0
        for state, days in self.retention():
            for count in self._outbox.purge(state, timedelta(days=days)):
                gone += count
                progress(count)
        bodies = timedelta(days=self._config["KEEP_SENT_BODIES_DAYS"])
        while self._outbox.drop_sent_contents(bodies):
            pass
        return gone

    def retention(self) -> list[tuple[State, int]]:
        """Return the days that each finished state is kept."""
        sent, failed = self._config["KEEP_SENT_DAYS"], self._config["KEEP_FAILED_DAYS"]
        return [
            (State.SENT, sent),
            (State.FAILED, failed),
            (State.CANCELLED, sent),
            (State.EXPIRED, sent),
        ]


def _first_line(error: BaseException) -> str:
    """A driver's error may carry the statement and its values; its first line does not."""
    return (str(error).splitlines() or [""])[0][:300]
