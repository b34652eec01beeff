"""The poller: a thread that works, sleeps, wakes, survives and stops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from plato_email.poller import Poller


class Rounds:
    """Counts rounds and lets a test wait for the next one."""

    def __init__(self, *delays: float) -> None:
        self.count = 0
        self._delays = list(delays)
        self._changed = threading.Condition()

    def __call__(self) -> float:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
            return self._delays.pop(0) if self._delays else 3600.0

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, 5)


@contextmanager
def running(poller: Poller) -> Iterator[Poller]:
    poller.start()
    try:
        yield poller
    finally:
        assert poller.stop()


def test_work_says_when_it_wants_to_be_called_again() -> None:
    """A delay of 0 means at once; a long one sleeps."""
    rounds = Rounds(0.0, 0.0, 3600.0)
    with running(Poller(rounds)):
        rounds.wait_for(3)
    assert rounds.count == 3


def test_wake_ends_the_sleep() -> None:
    """A wake-up starts a round at once."""
    rounds = Rounds()
    with running(Poller(rounds)) as poller:
        rounds.wait_for(1)
        poller.wake()
        rounds.wait_for(2)
    assert rounds.count == 2


def test_wake_during_work_is_not_lost() -> None:
    """Woken while it works, it works once more before it sleeps."""
    rounds = Rounds()
    poller: Poller

    def work() -> float:
        delay = rounds()
        if rounds.count == 1:
            poller.wake()
        return delay

    poller = Poller(work)
    with running(poller):
        rounds.wait_for(2)
    assert rounds.count == 2


def test_an_exception_is_told_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    """Work that raises is logged and told; the thread goes on."""
    caplog.set_level(logging.ERROR)
    told: list[BaseException] = []
    rounds = Rounds()

    def work() -> float:
        if rounds() and rounds.count == 1:
            raise ValueError("a bug")
        return 3600.0

    with running(Poller(work, failed=told.append)) as poller:
        rounds.wait_for(2)
        assert poller.alive
    assert [str(error) for error in told] == ["a bug"]
    assert "goes on" in caplog.text


def test_stop_is_harmless_before_start_and_twice() -> None:
    """Stopping what never ran, or has ended, is no error."""
    poller = Poller(Rounds())
    assert poller.stop()
    poller.start()
    assert poller.stop()
    assert poller.stop()
    assert not poller.alive


def test_finish_runs_in_the_thread_when_it_ends() -> None:
    """Connections are put away by the thread that made them."""
    ended: list[str] = []
    poller = Poller(Rounds(), finish=lambda: ended.append(threading.current_thread().name))
    with running(poller):
        pass
    assert ended == ["plato-email"]


def test_it_starts_again_after_a_stop() -> None:
    """A stopped poller can be started anew, and only once at a time."""
    rounds = Rounds()
    poller = Poller(rounds)
    with running(poller):
        rounds.wait_for(1)
    with running(poller):
        poller.start()
        rounds.wait_for(2)
    assert rounds.count == 2
