"""The worker: what a sender does each round beside delivering: it reports, and it tidies up."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from .delivery import TICK
from .outbox import PARTIAL, UNDO
from .tables import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from .alerts import Watch
    from .audit import AuditLog
    from .config import Config
    from .database import Clock
    from .delivery import Delivery
    from .outbox import Outbox
    from .trial import TrialLog

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

    def __init__(
        self,
        delivery: Delivery,
        outbox: Outbox,
        audit: AuditLog,
        trials: TrialLog,
        watch: Watch,
        clock: Clock,
        config: Config,
    ) -> None:
        self.delivery = delivery
        delivery.on_beat = self._beat
        self._outbox = outbox
        self._audit = audit
        self._trials = trials
        self._watch = watch
        self._config = config
        self._id = secrets.token_hex(16)
        self._started_at = clock.now()
        self._reported = float("-inf")
        self._trouble: tuple[str, float] | None = None
        """What the database does not know yet, being perhaps itself the trouble; and when."""
        self._tidied = float("-inf")

    def round(self) -> float:
        """Do one round; return the seconds until the next."""
        try:
            delay = self.delivery.round()
        except SQLAlchemyError:
            raise
        except Exception:
            self._watch.look()
            raise
        self._watch.look()
        if self._trouble or time.monotonic() - self._reported >= REPORT_EVERY:
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
        self._watch.finish()

    def report(self, error: BaseException | None = None) -> None:
        """Tell the page that this sender is alive, and what went wrong if anything did."""
        if error is not None:
            said = f"{type(error).__name__}: {_first_line(error)}"
            self._trouble = (said, time.monotonic())
        told = self._trouble
        said, at = told or ("", 0.0)
        self._outbox.report(self._id, self._started_at, said, ago=time.monotonic() - at)
        self._reported = time.monotonic()
        if self._trouble is told:
            self._trouble = None

    def finish(self) -> None:
        """Hang up and sign off."""
        self.delivery.finish()
        self._watch.finish()
        self._outbox.leave(self._id)

    def _beat(self) -> None:
        """What is due also while a slice takes long."""
        self.report()
        self._watch.look()

    def tidy(self, progress: Callable[[int], None] = lambda _: None) -> int:
        """Delete what retention says, in small steps; return how many messages went."""
        gone = 0
        for status, age in retention(self._config):
            for count in self._outbox.purge(status, age):
                gone += count
                progress(count)
        bodies = timedelta(days=self._config["KEEP_SENT_BODIES_DAYS"])
        while self._outbox.drop_sent_contents(bodies):
            pass
        for _ in self._audit.purge(timedelta(days=self._config["KEEP_AUDIT_DAYS"])):
            pass
        self._trials.purge()
        return gone


def retention(config: Config) -> list[tuple[str, timedelta]]:
    """Return how long messages are kept once they are finished, by what became of them."""
    sent = timedelta(days=config["KEEP_SENT_DAYS"])
    failed = timedelta(days=config["KEEP_FAILED_DAYS"])
    return [
        (State.SENT, sent),
        # Where failed ones are not kept at all, its bytes are gone, and it is as any that was sent.
        (PARTIAL, failed or sent),
        (State.FAILED, failed),
        (State.CANCELLED, sent),
        (State.EXPIRED, sent),
        ("deleted", UNDO),
    ]


def _first_line(error: BaseException) -> str:
    """A driver's error may carry the statement and its values; its first line does not."""
    return (str(error).splitlines() or [""])[0][:300]
