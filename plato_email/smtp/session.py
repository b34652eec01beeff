"""A session with a mail server: opened once, used for many mails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from types import TracebackType
from typing import Self

from ..errors import Cause, DeliveryError, Verdict
from .dialogue import Dialogue, Progress
from .faults import OutOfStep, WireError
from .model import Envelope, Observe, Receipt, Server
from .opening import Opening
from .transaction import Transaction
from .wire import Deadline

_QUIT_SECONDS = 2.0


class Session:
    """One connection to a mail server, ready for mail. Not for two threads at once.

    Use :meth:`open`; close it, or use it in a ``with`` statement.

    Attributes:
        capabilities: the EHLO keywords of the server with their parameters.
        sent: mails that were accepted.
        tried: mails that were begun, accepted or not.
        last_used: when the last mail ended, on the monotonic clock.
    """

    def __init__(self, dialogue: Dialogue, capabilities: Mapping[str, str]) -> None:
        self.capabilities = dict(capabilities)
        self.sent = 0
        self.tried = 0
        self.last_used = monotonic()
        self._opening = tuple(dialogue.transcript)
        self._facts = dialogue.facts
        self._dialogue = dialogue
        self._offered: Transaction | None = None

    @classmethod
    def open(
        cls, server: Server, *, deadline: float = 60.0, observe: Observe | None = None
    ) -> Self:
        """Connect, introduce ourselves, start TLS and log in.

        Args:
            server: where, how protected, and as whom.
            deadline: seconds for all of it together.
            observe: called with a :class:`Step` as each stage ends, well or not.

        Raises:
            DeliveryError: a stage failed; nothing of a mail was sent.
        """
        opening = Opening(server, Deadline(deadline), observe)
        return cls(opening.run(), opening.capabilities)

    @property
    def usable(self) -> bool:
        """Whether another mail can be sent over this connection."""
        return not self._dialogue.wire.broken

    @property
    def answered(self) -> bool:
        """Whether all answers to a mail that was offered ahead are here already."""
        offered = self._offered
        return offered is not None and self._dialogue.wire.replies >= offered.commands

    @property
    def transcript(self) -> tuple[str, ...]:
        """The dialogue of the opening and of the last mail, without credentials."""
        return (*self._opening, *self._dialogue.transcript)

    def send(
        self,
        envelope: Envelope,
        data: bytes,
        *,
        deadline: float = 300.0,
        observe: Observe | None = None,
        before_body: Callable[[], None] | None = None,
        following: tuple[Envelope, bytes] | None = None,
    ) -> Receipt:
        """Send one mail.

        Args:
            envelope: the sender and the recipients.
            data: the message in canonical form (RFC 5322, lines end in CRLF).
            deadline: seconds for the whole mail.
            observe: called with a :class:`Step` as each stage ends, well or not.
            before_body: called when the server is ready for the message and none of it was
                sent. What it raises ends the connection and is passed on.
            following: the mail that will be sent next. Where the server allows it, its commands
                go out behind this one's final dot. It must then be the next that is sent: any
                other ends the connection, as does closing.

        Raises:
            DeliveryError: no recipient was accepted, or the outcome is unknown. ``code`` is
                ``None`` where the server said nothing. The session stays ``usable`` unless the
                connection was lost or the server closes it.
        """
        self.tried += 1
        transaction = self._transaction(envelope, data, observe)
        self._dialogue.wire.deadline = Deadline(deadline)
        after = None if following is None else self._make(*following, None)
        try:
            receipt = transaction.run(before_body, after)
        except DeliveryError as error:
            error.transcript = self.transcript
            ahead = after is not None and after.offered
            self._recover(error, reset=transaction.begun and not ahead)
            raise
        except BaseException:
            # After the 354 there is no other way to take a message back (RFC 5321 section 4.1.1.4).
            self._dialogue.wire.close()
            raise
        finally:
            self.last_used = monotonic()
            self._offered = after if after is not None and after.offered else None
        self.sent += 1
        if not self.usable:
            self._dialogue.wire.close()
        return receipt

    def check(
        self, envelope: Envelope, *, deadline: float = 15.0, observe: Observe | None = None
    ) -> Receipt:
        """Ask whether mail would be taken: MAIL, RCPT and DATA, but no message.

        Once the server has said 354 the connection is cut, which is the only way to take a mail
        back from there (RFC 5321 section 4.1.1.4).

        Args:
            envelope: the sender and the recipients.
            deadline: seconds in all.
            observe: called with a :class:`Step` as each stage ends, well or not.

        Returns:
            Receipt: who would be accepted and who is refused, with the 354.

        Raises:
            DeliveryError: as :meth:`send`.
        """
        transaction = self._transaction(envelope, b"", observe)
        self._dialogue.wire.deadline = Deadline(deadline)
        try:
            receipt = transaction.rehearse()
        except DeliveryError as error:
            error.transcript = self.transcript
            self._recover(error, reset=transaction.begun)
            raise
        self._dialogue.wire.close()
        return receipt

    def abort(self) -> None:
        """Cut the connection from another thread; a mail under way fails at once."""
        self._dialogue.wire.abort()

    def close(self) -> None:
        """Say QUIT, within two seconds, and close; whatever the server answers."""
        wire = self._dialogue.wire
        if not wire.broken and self._offered is None:
            wire.deadline = Deadline(_QUIT_SECONDS)
            with suppress(WireError):
                self._dialogue.ask("QUIT")
        wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _make(self, envelope: Envelope, data: bytes, observe: Observe | None) -> Transaction:
        facts = replace(self._facts, sender=envelope.sender)
        dialogue = Dialogue(self._dialogue.wire, [], facts)
        progress = Progress(observe, lambda: tuple(dialogue.transcript), facts)
        return Transaction(dialogue, progress, self.capabilities, envelope, data)

    def _transaction(self, envelope: Envelope, data: bytes, observe: Observe | None) -> Transaction:
        """Return the transaction that was offered ahead, or a new one."""
        offered, self._offered = self._offered, None
        if offered is not None and offered.carries(envelope, data):
            self._dialogue = offered.dialogue
            return offered
        if offered is not None:
            self._dialogue.wire.close()
        transaction = self._make(envelope, data, observe)
        self._dialogue = transaction.dialogue
        return transaction

    def _recover(self, error: DeliveryError, *, reset: bool) -> None:
        """Make the session ready for the next mail, or close it."""
        wire = self._dialogue.wire
        gone = wire.broken or error.verdict in (Verdict.SERVER, Verdict.UNKNOWN)
        if not gone and reset:
            gone = not self._reset(error)
        if gone:
            wire.close()

    def _reset(self, error: DeliveryError) -> bool:
        """Say RSET; where its answer shows that the answers were shifted, so was the refusal."""
        try:
            reply = self._dialogue.ask("RSET")
        except WireError as fault:
            if isinstance(fault, OutOfStep) and fault.last_words is None:
                error.cause = Cause.ANSWERS_OUT_OF_STEP
            return False
        if reply.code == 354:
            error.cause = Cause.ANSWERS_OUT_OF_STEP
        return reply.positive
