"""The courier: carries one slice over SMTP, message by message, and records as it goes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..errors import DeliveryError, Stage, Verdict
from ..message import Envelope
from ..outbox import Claimed, Result, Slice
from .heartbeat import Heartbeat, LeaseLost
from .judge import Judge

if TYPE_CHECKING:
    from ..settings import Settings
    from .rounds import Delivery

log = logging.getLogger("plato_email")

PREFETCH_BYTES = 8 * 1024 * 1024
MAIL_STAGES = (Stage.SENDER, Stage.RECIPIENT, Stage.DATA)
PAUSES = {
    Verdict.SERVER: (15.0, 900.0),
    Verdict.SETUP: (60.0, 3600.0),
    Verdict.QUOTA: (3600.0, 14400.0),
}
"""First and longest wait of all senders, in seconds, by whose fault it is."""


class Courier:
    """Carries one slice, message by message."""

    def __init__(self, delivery: Delivery, held: Slice, settings: Settings) -> None:
        self._delivery = delivery
        self._outbox = delivery.outbox
        self._held = held
        self._settings = settings
        self._waiting = list(held.messages)
        self._done: list[Result] = []
        self._contents: dict[int, bytes] = {}
        self._heartbeat = Heartbeat(delivery.outbox, held)

    def run(self) -> None:
        """Deliver the slice; whatever happens, record what is known and give back the rest."""
        fault: DeliveryError | None = None
        try:
            with self._heartbeat:
                self._delivery.session(self._settings)
                fault = self._carry()
        except DeliveryError as error:
            fault = error
        finally:
            self._advance(None)
            self._outbox.release(self._held, self._waiting)
        if fault is not None:
            self._delivery.hang_up()
            self._outbox.close_gate(fault, *PAUSES[fault.verdict])
            log.warning("no mail can be sent, all senders wait: %s", fault)
        elif self._held.probe:
            self._outbox.open_gate()

    def _carry(self) -> DeliveryError | None:
        """Send one message after the other; return what stops all mail, if anything does."""
        fault: DeliveryError | None = None
        while self._waiting and fault is None and not self._delivery.stopping.is_set():
            message = self._waiting.pop(0)
            if not self._wanted(message):
                continue
            self._heartbeat.watch([message, *self._waiting])
            if not self._advance(message):
                log.warning("message %s: the lease was lost before it began", message.message_id)
                continue
            result, fault = self._try(message)
            if result is not None:
                self._done.append(result)
        return fault

    def _advance(self, begin: Claimed | None) -> bool:
        """Record what is done and begin the next message, in one transaction."""
        done, self._done = self._done, []
        if not done and begin is None:
            return True
        begun = self._outbox.advance(self._held, done=done, begin=begin, rest=self._waiting)
        for result in done:
            self._delivery.tally[result.outcome] += 1
            self._delivery.events.concluded(result)
        return begun

    def _wanted(self, message: Claimed) -> bool:
        """Ask whether the message may go; a veto is a result like any other."""
        if self._delivery.events.sending(message):
            return True
        self._done.append(Judge(message, self._settings, self._delivery).vetoed())
        return False

    def _try(self, message: Claimed) -> tuple[Result | None, DeliveryError | None]:
        """Send one message; return its result and, if no other can go either, why.

        Whatever a message does, it harms only itself.
        """
        judge = Judge(message, self._settings, self._delivery)
        try:
            data = self._content(message)
            if data is None:
                return judge.lost(), None
            receipt = self._delivery.session(self._settings).send(
                Envelope(message.sender, message.recipients),
                data,
                deadline=self._delivery.timeout,
                before_body=self._heartbeat.check,
            )
        except DeliveryError as error:
            if error.verdict.charged:
                return judge.refused(error), None
            return self._after_fault(message, judge, error)
        except LeaseLost:
            log.warning("message %s: the lease was lost, not sent here", message.message_id)
            return None, None
        except Exception as error:
            log.exception("message %s could not be sent", message.message_id)
            self._delivery.hang_up()
            return judge.broken(error), None
        return judge.accepted(receipt), None

    def _after_fault(
        self, message: Claimed, judge: Judge, error: DeliveryError
    ) -> tuple[Result | None, DeliveryError | None]:
        """Find out whether the server is at fault or this message made it drop the line.

        A server that takes a new connection at once is well. It may have closed the old one
        while that was idle: then the message goes over the new one. Any other bare drop is
        charged to the message, or one poisonous message would hold up all mail for ever.
        """
        released = judge.refused(error)
        fresh = self._delivery.connection_is_fresh
        self._delivery.hang_up()
        busy = error.code == 421 and fresh
        if error.verdict is not Verdict.SERVER or error.stage not in MAIL_STAGES or busy:
            return released, error
        try:
            self._delivery.session(self._settings)
        except DeliveryError as still:
            return released, still
        if error.code is not None:
            return released, None
        if error.stage is Stage.SENDER and not fresh:
            return self._try(message)
        return judge.dropped(error), None

    def _content(self, message: Claimed) -> bytes | None:
        if message.id not in self._contents:
            self._contents = self._delivery.contents(self._next_contents(message))
        return self._contents.pop(message.id, None)

    def _next_contents(self, message: Claimed) -> list[Claimed]:
        """Return the messages whose bytes are read together: as many as fit in memory well."""
        chosen, size = [message], message.size
        for following in self._waiting:
            size += following.size
            if size > PREFETCH_BYTES:
                break
            chosen.append(following)
        return chosen
