"""This process's sender in the background: a `Poller` around a worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from .database import MISSING_TABLES, tables_are_missing
from .delivery import TICK
from .poller import Poller

if TYPE_CHECKING:
    from .worker import Worker

log = logging.getLogger("plato_email")

LAST_WORD = 1.0
"""Seconds that a cut connection may take to be noticed."""
SECOND_LOOK = 2.0
"""Seconds after which missing tables are looked for again: a factory may be making them."""


class BackgroundPoller:
    """Starts, wakes and stops the worker of one process; the worker is made in its thread.

    Args:
        make_worker: makes the worker; called once, when there is work for the first time.
        in_context: what each round runs in.
    """

    def __init__(
        self,
        make_worker: Callable[[], Worker],
        in_context: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._make_worker = make_worker
        self._in_context = in_context
        self._worker: Worker | None = None
        self._tables_were_missing = False
        self._poller = Poller(self._round, finish=self._finish, failed=self._failed)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._poller.alive

    def start(self) -> None:
        """Start the thread, unless it runs already."""
        if not self.alive:
            self._worker = None
            self._poller.start()

    def wake(self, *, urgent: bool = False) -> None:
        """Say that there is something to send; ``urgent``: mail of high priority."""
        if self._worker is not None:
            self._worker.delivery.expect(urgent=urgent)
        self._poller.wake()

    def ask_to_stop(self) -> None:
        """Begin to stop and do not wait; safe in a signal handler."""
        if self._worker is not None:
            self._worker.delivery.stopping.set()
        self._poller.ask_to_stop()

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop: the messages in hand are finished, the others are given back.

        After ``timeout`` seconds the connections are cut: a message whose final dot was not sent
        is given back too. Returns whether the thread has ended.
        """
        self.ask_to_stop()
        if self._poller.stop(timeout):
            return True
        if self._worker is not None:
            self._worker.delivery.abort()
        return self._poller.stop(LAST_WORD)

    def join(self, timeout: float) -> None:
        """Wait for the thread to end, ``timeout`` seconds at most."""
        self._poller.join(timeout)

    def _round(self) -> float:
        with self._in_context():
            if self._worker is None:
                self._worker = self._make_worker()
            try:
                return self._worker.round()
            except DBAPIError as error:
                if not tables_are_missing(error):
                    raise
                return self._wait_for_tables()

    def _wait_for_tables(self) -> float:
        if self._tables_were_missing:
            log.warning(MISSING_TABLES)
            return TICK
        self._tables_were_missing = True
        return SECOND_LOOK

    def _finish(self) -> None:
        if self._worker is not None:
            self._worker.finish()

    def _failed(self, error: BaseException) -> None:
        if self._worker is not None:
            self._worker.report(error)
