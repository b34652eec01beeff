"""Hours that pass at once, on the clock that senders in this process go by."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from plato_email.database import DatabaseClock
from plato_email.worker import Worker

MANY = 10_000


class Hours:
    """The database's clock, put forward as a test says."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        """Seconds."""
        now = DatabaseClock.now

        def later(clock: DatabaseClock) -> datetime:
            return now(clock) + timedelta(seconds=self.passed)

        patch.setattr(DatabaseClock, "now", later)

    def run(self, *workers: Worker, until: float) -> None:
        """Let senders work in turn, and sleep no second, until so many seconds have passed."""
        for _ in range(MANY):
            delay = min(worker.delivery.round() for worker in workers)
            if delay <= 0:
                continue
            if self.passed + delay > until:
                break
            self.passed += delay
        else:
            raise AssertionError("the senders never come to rest")
        self.passed = until
        for worker in workers:
            worker.delivery.hang_up()
