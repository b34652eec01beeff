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


def test_case_r15_stopped_while_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends while it boots stops the thread that it is just starting."""
    starting, worked = threading.Event(), threading.Event()

    class Slow(threading.Thread):
        """A thread that takes its time between being there and running."""

        def start(self) -> None:
            starting.set()
            # The one that stops is on its way meanwhile; nothing tells when it has come to wait.
            stopper.join(0.2)
            super().start()

    def work() -> float:
        worked.set()
        return 3600.0

    stopped: list[bool] = []
    mails = poller.Poller(work)
    stopper = threading.Thread(target=lambda: stopped.append(starting.wait(10) and mails.stop()))
    stopper.start()
    monkeypatch.setattr(threading, "Thread", Slow)
    mails.start()
    stopper.join(10)
    assert stopped == [True]
    assert not mails.alive


def test_case_r15_stopped_where_it_could_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the interpreter is ending no thread can be started, and none is waited for."""

    class Late(threading.Thread):
        """A thread as Python refuses it while it shuts down."""

        def start(self) -> None:
            raise RuntimeError("can't start new thread at interpreter shutdown")

    monkeypatch.setattr(threading, "Thread", Late)
    mails = poller.Poller(lambda: 3600.0)
    with pytest.raises(RuntimeError, match="interpreter shutdown"):
        mails.start()
    assert mails.stop()
    mails.join(1)
