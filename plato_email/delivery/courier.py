"""The courier: one connection, one message after the other, each recorded as it is answered."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from ..errors import MAIL_STAGES, About, Cause, DeliveryError, Stage, Verdict
from ..message import Envelope
from ..modes import route
from .judge import Judge

if TYPE_CHECKING:
    from ..outbox import Advanced, Claimed, Result
    from ..smtp import Receipt, Session
    from .crew import Crew

log = logging.getLogger("plato_email")

ALIKE = 10
"""Different messages in a row that are refused alike before all mail waits: the circuit breaker."""


class _Broken(Exception):
    """Something that nobody foresaw happened while one message was sent."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class LeaseLost(Exception):
    """Another sender has taken the message over; it must not be sent here."""


@dataclass(frozen=True, slots=True)
class Load:
    """A message that is ready to go."""

    message: Claimed
    envelope: Envelope
    data: bytes


class Courier:
    """Carries messages over one connection; the first of a crew speaks for the server."""

    def __init__(self, crew: Crew, number: int) -> None:
        self._crew = crew
        self._number = number
        self._delivery = crew.delivery
        self._done: list[Result] = []
        self._untold: list[Result] = []

    def run(self) -> None:
        """Carry until the slice is empty, the server is at fault, or the sender stops."""
        with self._crew.ledger.shared():
            self._run()

    def _run(self) -> None:
        current, following = self._load(), None
        try:
            while current is not None:
                following = self._load()
                fault = self._carry(current, following)
                if fault is not None:
                    self._blame(fault)
                    break
                if self._crew.stopping:
                    break
                current, following = following, None
        finally:
            if following is not None:
                # Its commands may be on the wire already; only a cut takes them back.
                self._delivery.cut(self._number)
            self._flush()
            self._tell()

    def _load(self) -> Load | None:
        """Take the next message that is wanted and whose bytes are there."""
        while (message := self._crew.take()) is not None:
            if not self._delivery.events.sending(message):
                self._done.append(self._judge(message).vetoed())
                continue
            data = self._crew.content(message)
            if not isinstance(data, bytes):
                judge = self._judge(message)
                self._done.append(judge.lost() if data is None else judge.unreadable(data))
                continue
            envelope = Envelope(message.sender, message.recipients)
            try:
                routed = route(self._crew.settings, envelope, data)
            except DeliveryError as barred:
                self._done.append(self._judge(message).refused(barred))
                continue
            return Load(message, routed.envelope, routed.data)
        return None

    def _carry(self, load: Load, following: Load | None) -> DeliveryError | None:
        """Send one message; return why no other can go, if none can.

        Whatever a message does, it harms only itself.
        """
        judge = self._judge(load.message)
        session: Session | None = None
        try:
            # What fails here, short of SMTP, is no fault of the message: it goes to the poller.
            session = self._delivery.session(self._number, self._crew.settings)
            receipt = self._send(session, load, following, judge)
        except DeliveryError as error:
            return self._refused(load, following, judge, error)
        except LeaseLost:
            log.warning("message %s: the lease was lost, not sent here", load.message.message_id)
            self._crew.lose()
            return None
        except _Broken as broken:
            self._delivery.cut(self._number)
            self._done.append(judge.broken(broken.reason))
            return None
        finally:
            self._tell()
        self._crew.answered = True
        self._delivery.succeed(self._crew.settings, load.message)
        self._done.append(judge.accepted(receipt))
        self._settle(session, following)
        return None

    def _send(self, session: Session, load: Load, following: Load | None, judge: Judge) -> Receipt:
        try:
            return session.send(
                load.envelope,
                load.data,
                deadline=self._delivery.timeout,
                before_body=partial(self._begin, load.message, judge),
                following=None if following is None else (following.envelope, following.data),
            )
        except (DeliveryError, LeaseLost, SQLAlchemyError):
            raise
        except Exception as error:
            log.exception("message %s could not be sent", load.message.message_id)
            raise _Broken(error) from error

    def _begin(self, message: Claimed, judge: Judge) -> None:
        """Record what is done and begin this message, before a byte of it leaves."""
        if self._done or not self._crew.has_begun(message):
            self._post(message)
        self._crew.doubt(message)
        judge.begun = True

    def _post(self, message: Claimed) -> None:
        done, self._done = self._done, []
        try:
            advanced = self._crew.ledger.post(done, message)
        except BaseException:
            self._done = [*done, *self._done]
            raise
        # Told once the message is on its way: the server waits for its first byte now.
        self._untold += _stored(done, advanced)
        if message.id not in advanced.begun:
            raise LeaseLost

    def _settle(self, session: Session, following: Load | None) -> None:
        """Commit now, unless the server is ready for the next and both go in one transaction."""
        if following is None or not session.answered:
            self._flush()

    def _flush(self) -> None:
        if self._done:
            advanced = self._crew.ledger.post(self._done, None)
            done, self._done = self._done, []
            self._untold += _stored(done, advanced)

    def _tell(self) -> None:
        """Tell what was recorded, when nobody waits for us."""
        untold, self._untold = self._untold, []
        for result in untold:
            self._delivery.count(result.outcome)
            self._delivery.events.concluded(result)

    def _refused(
        self, load: Load, following: Load | None, judge: Judge, error: DeliveryError
    ) -> DeliveryError | None:
        """Record a refusal; return why all mail has to wait, if it has to."""
        fresh = self._delivery.is_fresh(self._number)
        if error.verdict.charged:
            self._crew.answered = self._crew.answered or error.code is not None
            return self._charge(load, judge, error, judge.refused(error))
        if error.cause.about is About.SENDER and not self._is_usual_sender(load.message):
            self._crew.answered = self._crew.answered or error.code is not None
            self._done.append(judge.sender_refused(error))
            self._flush()
            return None
        if self._is_its_own(load.message, error, fresh):
            return self._charge(load, judge, error, judge.put_off(error))
        self._delivery.cut(self._number)
        if self._delivery.stopping.is_set():
            self._done.append(judge.refused(error))
            return None
        fault = self._fault(error, fresh)
        if fault is not None:
            self._done.append(judge.stopped(error))
        elif not fresh and (error.code is not None or error.stage is Stage.SENDER):
            # The server had enough of that connection: the message goes over the new one.
            return self._carry(load, following)
        elif error.code is not None:
            self._done.append(judge.refused(error))
        else:
            return self._charge(load, judge, error, judge.dropped(error))
        return fault

    def _charge(
        self, load: Load, judge: Judge, error: DeliveryError, result: Result
    ) -> DeliveryError | None:
        """Record a try that counts, unless every mail meets the same: then all mail waits."""
        everybodys = self._meets_everybody(load.message, error)
        self._done.append(judge.stopped(error) if everybodys else result)
        self._flush()
        return error if everybodys else None

    def _is_its_own(self, message: Claimed, error: DeliveryError, fresh: bool) -> bool:
        """Whether a refusal that would stop all mail is this message's own after all.

        Another message has gone since this one was first refused for that, or goes with the
        settings that it is refused for. A server that ends a used connection says nothing of any
        message.
        """
        if error.stage not in MAIL_STAGES or self._crew.outage is not None:
            return False
        if error.code in (None, 421) and not fresh:
            return False
        lately = error.verdict is Verdict.SETUP and self._delivery.carries(
            self._crew.settings, message
        )
        return lately or (message.stopped and self._is_overtaken(message, error.cause))

    def _is_overtaken(self, message: Claimed, cause: Cause) -> bool:
        """Whether another message has gone since this one was first refused for that."""
        last = self._delivery.accepted_besides(message)
        known = None if last is None else last.at
        try:
            return self._delivery.outbox.went_since(message.id, cause, known=known)
        except SQLAlchemyError:
            log.exception("message %s: its tries could not be read", message.message_id)
            return False

    def _is_usual_sender(self, message: Claimed) -> bool:
        """Whether it is from the Default Sender, as most messages are."""
        return message.sender.lower() == self._crew.settings.sender_address.lower()

    def _meets_everybody(self, message: Claimed, error: DeliveryError) -> bool:
        """Whether this is how the server treats every mail: now, or as the outage began."""
        if error.cause.about is About.ONE:
            return False
        if self._crew.outage == (error.stage, error.cause):
            return True
        return self._delivery.count_alike(error, message) >= ALIKE

    def _fault(self, error: DeliveryError, fresh: bool) -> DeliveryError | None:
        """Find out whether the server is at fault or this message made it drop the line.

        A server that takes a new connection at once is well, if it dropped this one or took its
        leave. A bare drop is then charged to the message, or one poisonous message would hold up
        all mail for ever.
        """
        leaves = error.code == 421 or error.cause is Cause.ANSWERS_OUT_OF_STEP
        dropped = error.code is None or (leaves and not fresh)
        mail = error.stage in MAIL_STAGES and error.stage is not Stage.ACCEPTED
        if error.verdict is not Verdict.SERVER or not mail or not dropped:
            return error
        try:
            self._delivery.session(self._number, self._crew.settings)
        except DeliveryError as still:
            return still
        return None

    def _blame(self, fault: DeliveryError) -> None:
        """Stop all mail, unless only an additional connection is not to be had."""
        if self._number == 0 or fault.verdict is not Verdict.SERVER:
            self._crew.stop_all(fault)
        else:
            log.info("connection %d was not to be had: %s", self._number + 1, fault)

    def _judge(self, message: Claimed) -> Judge:
        return Judge(message, self._crew.settings, self._delivery)


def _stored(done: list[Result], advanced: Advanced) -> list[Result]:
    """Leave out what another sender has taken over: it is for that one to tell."""
    return [result for result in done if result.message.id not in advanced.lost]
