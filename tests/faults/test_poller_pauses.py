"""A poller whose work fails again and again, and then does not."""

from __future__ import annotations

import threading

import pytest

from plato_email import poller
from plato_email.delivery import TICK


def test_case_08_longest_pause_is_within_a_tick() -> None:
    """However long a database was away, the poller looks again within the usual interval."""
    assert poller.LONGEST_PAUSE <= TICK


def test_case_09_wake_up_ends_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit, which needed the database, ends the pause that the database's absence began."""
    monkeypatch.setattr(poller, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(poller, "LONGEST_PAUSE", 60.0)
    failed, worked = threading.Semaphore(0), threading.Event()
    away = True

    def work() -> float:
        if away:
            raise ConnectionError
        worked.set()
        return 3600.0

    mails = poller.Poller(work, failed=lambda _: failed.release())
    mails.start()
    for _ in range(6):
        assert failed.acquire(timeout=10)
    away = False
    mails.wake()
    assert worked.wait(10)
    assert mails.stop()
