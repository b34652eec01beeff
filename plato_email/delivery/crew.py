"""The crew: one claimed slice, shared by as many couriers as there are connections."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from ..errors import Cause, DeliveryError, SecretUnreadable, Verdict
from ..outbox import LEASE
from .courier import Courier
from .ledger import Ledger

if TYPE_CHECKING:
    from ..outbox import Claimed, Slice
    from ..settings import StoredSettings
    from .rounds import Delivery

log = logging.getLogger("plato_email")

PREFETCH_BYTES = 8 * 1024 * 1024
MAILS_WORTH_A_CONNECTION = 3
SLICE_SECONDS = 5.0
"""Seconds after which a slow slice gives bulk back, to look for mail of high priority."""
PAUSES = {
    Verdict.SERVER: (1.0, 900.0),
    Verdict.SETUP: (60.0, 3600.0),
    Verdict.QUOTA: (3600.0, 14400.0),
}
"""First and longest wait of all senders, in seconds; it doubles from one to the other."""
LOGIN_PAUSES = {
    Cause.LOGIN_TOO_OFTEN: (300.0, 3600.0),
    Cause.LOGIN_UNAVAILABLE: (15.0, 900.0),
    Cause.LOGIN_LOST: (15.0, 900.0),
}
"""The same for causes where each new try is one more login that the server counts."""


def pauses(error: DeliveryError) -> tuple[float, float]:
    """Return the first and the longest wait of all senders after ``error``."""
    usual = PAUSES.get(error.verdict, PAUSES[Verdict.SERVER])
    return LOGIN_PAUSES.get(error.cause, usual)


class Crew:
    """Delivers one slice; whatever happens, gives back what was not sent.

    Args:
        delivery: the sender.
        held: the slice.
        stored: the settings.
        since: before it was claimed, on the monotonic clock.
    """

    def __init__(
        self, delivery: Delivery, held: Slice, stored: StoredSettings, since: float
    ) -> None:
        self.delivery = delivery
        self.settings = stored.settings
        self._version = stored.version
        self.ledger = Ledger(delivery.outbox, held)
        self.outage = held.outage
        """Stage and cause of the outage that this slice probes, if it does."""
        self.fault: DeliveryError | None = None
        """What stops all mail, once a courier has met it."""
        self._held = held
        self._waiting = deque(held.messages)
        self._lost = False
        self._bulk_went = False
        self.answered = False
        """Whether the server has answered for a message, so that it is known to be well."""
        self._contents: dict[int, bytes | SecretUnreadable] = {}
        self._lock = threading.Lock()
        self._since = since
        self._until = time.monotonic() + SLICE_SECONDS
        self._in_doubt: set[int] = set()

    @property
    def stopping(self) -> bool:
        """Whether no further message should be taken."""
        return self.fault is not None or self._lost or self.delivery.stopping.is_set()

    def run(self) -> None:
        """Deliver the slice; if the server is at fault, close the gate for every sender."""
        try:
            with self.delivery.heartbeat.keeping(self._held):
                self._carry()
        finally:
            # The database guards it by state and token, too. What may have left is not given back.
            settled = self.ledger.concluded | self._in_doubt
            left = [each for each in self._held.messages if each.id not in settled]
            self.delivery.outbox.release(self._held, left, unused=self.ledger.unused)
        if self.fault is not None:
            self.delivery.hang_up()
            self.delivery.outbox.close_gate(
                self.fault,
                *pauses(self.fault),
                server=self.settings.address,
                probe=self._held.probe,
                settings_version=self._version,
            )
            log.warning("no mail can be sent, all senders wait: %s", self.fault)
        elif self._held.probe and self.answered:
            self.delivery.outbox.open_gate()

    def take(self) -> Claimed | None:
        """Take the next message, unless the work is over."""
        if self.stopping:
            return None
        try:
            message = self._waiting.popleft()
        except IndexError:
            return None
        if message.priority > 0:
            if self._bulk_went and self._must_yield():
                return None
            # One at least of each slice, or bulk would starve behind a stream of urgent mail.
            self._bulk_went = True
        return message

    def has_begun(self, message: Claimed) -> bool:
        """Whether a message was begun with its claim, so lately that nobody else can have it."""
        return message.begun and time.monotonic() - self._since < LEASE / 4

    def doubt(self, message: Claimed) -> None:
        """Give this message back no more: it may leave from here on."""
        self._in_doubt.add(message.id)

    def lose(self) -> None:
        """Take no more: another sender has taken the slice over."""
        self._lost = True

    def content(self, message: Claimed) -> bytes | SecretUnreadable | None:
        """Return the bytes of a message; read together with those of the next ones."""
        if (stored := self._held.contents.get(message.id)) is not None:
            return self.delivery.opened(message, stored)
        with self._lock:
            if message.id not in self._contents:
                self._contents |= self.delivery.contents(self._next_contents(message))
            return self._contents.pop(message.id, None)

    def stop_all(self, fault: DeliveryError) -> None:
        """Let every courier end after the message in hand."""
        self.fault = self.fault or fault

    def _must_yield(self) -> bool:
        """Whether bulk goes back to the queue, so that a new claim takes the urgent first.

        Urgent mail of this process is known at once; that of others is looked for now and then.
        """
        return self.delivery.urgent.is_set() or time.monotonic() > self._until

    def _carry(self) -> None:
        wanted = -(-len(self._held.messages) // MAILS_WORTH_A_CONNECTION)
        first, *others = [
            Courier(self, number)
            for number in range(max(1, min(self.delivery.connections, wanted)))
        ]
        threads = [
            threading.Thread(target=self._run, args=[each], name="plato-email-courier", daemon=True)
            for each in others
        ]
        for thread in threads:
            thread.start()
        try:
            first.run()
        finally:
            for thread in threads:
                thread.join()

    def _run(self, courier: Courier) -> None:
        """Run a courier beside the first; the lease frees what it leaves behind."""
        try:
            with self.delivery.in_context():
                courier.run()
        except Exception:
            log.exception("a courier failed; the others go on")

    def _next_contents(self, message: Claimed) -> list[Claimed]:
        """Return the messages whose bytes are read together: as many as fit in memory well."""
        chosen, size = [message], message.size
        for following in tuple(self._waiting):
            size += following.size
            if size > PREFETCH_BYTES:
                break
            if following.id not in self._contents:
                chosen.append(following)
        return chosen
