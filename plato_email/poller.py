"""The poller: one thread that does some work, sleeps as long as the work says, and never dies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("plato_email")

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""Seconds between failures: at first, and at most, which is how late an outage's end is seen."""


class Poller:
    """Runs ``work`` again and again in a daemon thread.

    Args:
        work: does one round and returns the seconds until the next; 0 means at once.
        finish: called in the thread when it ends, to put things away.
        failed: told of an exception that ``work`` raised; the thread goes on after a pause.
        name: the thread's name.
    """

    def __init__(
        self,
        work: Callable[[], float],
        *,
        finish: Callable[[], None] = lambda: None,
        failed: Callable[[BaseException], None] = lambda _: None,
        name: str = "plato-email",
    ) -> None:
        self._work = work
        self._finish = finish
        self._failed = failed
        self._name = name
        self._woken = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        # Also taken by a signal handler that stops, in the thread that is just starting.
        self._lock = threading.RLock()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread, unless it runs already."""
        with self._lock:
            if self.alive:
                return
            self._stop.clear()
            thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
            # Where the interpreter is ending it cannot be started, and there is none to wait for.
            thread.start()
            self._thread = thread

    def wake(self) -> None:
        """End the present sleep: there is work. Cheap, and safe from any thread."""
        self._woken.set()

    def stop(self, timeout: float = 5.0) -> bool:
        """Ask the thread to end and wait for it; return whether it has.

        Harmless when it never started or is called twice.
        """
        self.ask_to_stop()
        with self._lock:
            thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end, ``timeout`` seconds at most."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def ask_to_stop(self) -> None:
        """Ask the thread to end and do not wait; safe in a signal handler."""
        self._stop.set()
        self._woken.set()

    def _loop(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            # Cleared before the work: a wake-up during it is not lost.
            self._woken.clear()
            try:
                delay = self._work()
                pause = FIRST_PAUSE
            except Exception as error:
                log.exception("the mail poller failed and goes on in %.0f s", pause)
                self._tell(error)
                self._rest(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            if delay > 0:
                self._woken.wait(delay)
        try:
            self._finish()
        except Exception:
            log.exception("the mail poller could not sign off")

    def _rest(self, pause: float) -> None:
        """Wait after a failure; a wake-up, which a commit sends, says that the worst is over."""
        self._stop.wait(FIRST_PAUSE)
        if pause > FIRST_PAUSE:
            self._woken.wait(pause - FIRST_PAUSE)

    def _tell(self, error: BaseException) -> None:
        try:
            self._failed(error)
        except Exception:
            log.exception("the failure could not be reported")
