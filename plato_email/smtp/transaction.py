"""One mail in a session: MAIL, RCPT, DATA, the message, and the answer that settles it.

With PIPELINING (RFC 2920) the commands go out in groups, each in one write, and the replies are
read in order afterwards; without it a group is one command. The rest is the same for both.

The commands of the mail that follows may go out behind the final dot, in the same write (same
RFC, section 3.1): a mail then takes one turn instead of two. It is not in doubt before its own
body is sent, so there is never more than one mail in doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from ..errors import DeliveryError, RecipientRefusal, Stage
from .classify import gravest
from .content import Content, Parameters
from .dialogue import Dialogue, Note, Progress
from .faults import Dropped, OutOfStep, WireError
from .model import Envelope, Receipt
from .reply import Reply

_GROUP = 100
"""Commands in one write: few enough that their replies fit into the sockets' buffers, so that
neither side waits for the other to read."""
_SMALL = 1 << 16
"""Bytes up to which copying a message is cheaper than a second write for the final dot."""


class _Command(NamedTuple):
    stage: Stage
    text: str
    heard: Callable[[Reply, Note], None]


class Transaction:
    """Carries one message over to the server."""

    def __init__(
        self,
        dialogue: Dialogue,
        progress: Progress,
        capabilities: Mapping[str, str],
        envelope: Envelope,
        data: bytes,
    ) -> None:
        self.begun = False
        """Whether a command was sent, so that the server may hold half a transaction."""
        self.offered = False
        """Whether the commands went out behind the mail before."""
        self.dialogue = dialogue
        self.progress = progress
        self._capabilities = capabilities
        self._envelope = envelope
        self._data = data
        self._groups: list[list[_Command]] | None = None
        """By the write that they go out in; ``None`` while it is not known what can be said."""
        self._before_body: Callable[[], None] | None = None
        self._following: Transaction | None = None
        self._accepted: list[str] = []
        self._refused: dict[str, RecipientRefusal] = {}
        self._rehearsal = False
        self._go_ahead: Reply | None = None
        self._failure: DeliveryError | None = None
        self._cut: WireError | None = None
        """What broke the connection when the final dot may have left already."""

    @property
    def commands(self) -> int:
        """Commands that the server answers before the message is sent."""
        return sum(map(len, self._groups or ()))

    def carries(self, envelope: Envelope, data: bytes) -> bool:
        """Whether this is the transaction of that very mail."""
        return self._envelope is envelope and self._data is data

    def run(
        self,
        before_body: Callable[[], None] | None = None,
        following: Transaction | None = None,
    ) -> Receipt:
        """Send the message.

        Args:
            before_body: called when the server is ready for the message.
            following: the next mail, whose commands may go out behind this one.

        Raises:
            DeliveryError: the server accepted it for nobody, or its answer was lost.
        """
        self._before_body, self._following = before_body, following
        with self._telling():
            self._announce()
            return self._settle()

    def rehearse(self) -> Receipt:
        """Go up to the server's 354 and say nothing more; the connection must be cut after it.

        Raises:
            DeliveryError: as :meth:`run`.
        """
        self._rehearsal = True
        with self._telling():
            return self._receipt(self._announce())

    def offer(self) -> bytes:
        """Return the commands as they may go out behind the mail before; none if they may not."""
        if "PIPELINING" not in self._capabilities:
            return b""
        try:
            groups = self._prepare()
        except DeliveryError:
            # It is refused, and reported, when its turn comes.
            self._refused.clear()
            self._groups = None
            return b""
        if len(groups) != 1:
            return b""
        self.begun = self.offered = True
        return self.dialogue.noted(*(command.text for command in groups[0]))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Put into an error what is known of the recipients, and what was said."""
        try:
            yield
        except DeliveryError as error:
            error.recipients = dict(self._refused)
            error.transcript = tuple(self.dialogue.transcript)
            raise

    def _announce(self) -> Reply:
        """Say who the message is from and for; return the server's leave to send it."""
        for group in self._groups if self._groups is not None else self._prepare():
            if self._moot(group[0]):
                break
            self._exchange(group)
        if self._go_ahead is None or not self._accepted:
            raise self._refusal()
        return self._go_ahead

    def _prepare(self) -> list[list[_Command]]:
        """Refuse what the server cannot take before a word of it is sent; return the commands."""
        envelope = self._envelope
        try:
            self._content = Content(self._data)
            parameters = Parameters(self._capabilities, envelope, self._content)
        except DeliveryError as error:
            with self.progress.stage(error.stage):
                raise
        mail = f"MAIL FROM:<{envelope.sender}>{parameters.mail}"
        self._groups = self._grouped(mail, parameters.deliverable)
        for recipient, refused in parameters.undeliverable.items():
            with self.progress.stage(Stage.RECIPIENT) as note:
                self._refuse(recipient, refused, note)
        return self._groups

    def _grouped(self, mail: str, recipients: Sequence[str]) -> list[list[_Command]]:
        """The commands, by the write that they go out in; none where nobody can be mailed."""
        if not recipients:
            return []
        commands = [
            _Command(Stage.SENDER, mail, self._heard_mail),
            *(
                _Command(Stage.RECIPIENT, f"RCPT TO:<{each}>", partial(self._heard_rcpt, each))
                for each in recipients
            ),
            _Command(Stage.DATA, "DATA", self._heard_data),
        ]
        size = _GROUP if "PIPELINING" in self._capabilities else 1
        return [commands[start : start + size] for start in range(0, len(commands), size)]

    def _moot(self, command: _Command) -> bool:
        """Whether what came before has left the command without a point."""
        nobody = command.stage is Stage.DATA and not self._accepted
        return nobody or self._failure is not None

    def _exchange(self, group: list[_Command]) -> None:
        for position, command in enumerate(group):
            if position and self._moot(command):
                self._drain(command)
                continue
            with self.progress.stage(command.stage) as note:
                if position == 0 and not self.offered:
                    self.begun = True
                    self.dialogue.say(*(each.text for each in group))
                reply = self.dialogue.hear()
                if reply.code == 421 or _misplaced(command, reply):
                    raise self.dialogue.refusal(command.stage, reply)
                command.heard(reply, note)

    def _drain(self, command: _Command) -> None:
        """Hear a reply that no longer matters; what has failed already is what is reported."""
        with self.progress.stage(command.stage, quiet=True):
            try:
                reply = self.dialogue.hear()
                if command.stage is Stage.DATA and reply.code == 354:
                    # The server waits for a message that is for nobody (RFC 2920 section 3.1).
                    self.dialogue.say(".")
                    self.dialogue.hear()
                elif _misplaced(command, reply):
                    raise OutOfStep(f"the server answered {command.stage} with {reply}")
            except OutOfStep:
                raise
            except WireError:
                # The connection is gone, which takes nothing from what was said before.
                return

    def _heard_mail(self, reply: Reply, note: Note) -> None:
        note.detail = reply
        if not reply.positive:
            note.ok = False
            self._failure = self.dialogue.refusal(Stage.SENDER, reply)

    def _heard_rcpt(self, recipient: str, reply: Reply, note: Note) -> None:
        note.detail = f"{recipient}: {reply}"
        if reply.positive:
            self._accepted.append(recipient)
        else:
            self._refuse(recipient, self.dialogue.recipient_refusal(reply), note)

    def _refuse(self, recipient: str, refused: RecipientRefusal, note: Note) -> None:
        self._refused[recipient] = refused
        note.ok = False
        note.detail = f"{recipient}: {refused.code} {refused.reply}"

    def _heard_data(self, reply: Reply, note: Note) -> None:
        note.detail = reply
        if reply.code != 354:
            note.ok = False
            self._failure = self.dialogue.refusal(Stage.DATA, reply)
            return
        self._go_ahead = reply
        if self._rehearsal:
            return
        if self._before_body is not None:
            self._before_body()
        self._send_content()

    def _send_content(self) -> None:
        stuffed, shown = self._content.stuffed(), f"({self._content.size} bytes)"
        ahead = self._following.offer() if self._following else b""
        answers = 1 + (self._following.commands if self._following and ahead else 0)
        end = b".\r\n" + ahead
        if len(stuffed) > _SMALL:
            self.dialogue.say_data(stuffed, shown, answers=0)
            self._check_silence()
            self._send_end(end, ".", answers, dot_at=0)
        else:
            self._send_end(stuffed + end, shown, answers, dot_at=len(stuffed))

    def _check_silence(self) -> None:
        """What is said before the dot is the last word on the message, not an answer ahead."""
        try:
            self.dialogue.wire.check_step()
        except OutOfStep as fault:
            raise Dropped(fault.words, fault.said) from fault

    def _send_end(self, data: bytes, shown: str, answers: int, dot_at: int) -> None:
        """Send what ends with the final dot; once that may have left, only the answer can tell."""
        try:
            self.dialogue.say_data(data, shown, answers=answers)
        except WireError as fault:
            if fault.sent <= dot_at:
                raise
            self._cut = fault

    def _settle(self) -> Receipt:
        # From here on the server may have the message whatever becomes of its answer (RFC 1047).
        with self.progress.stage(Stage.ACCEPTED) as note:
            reply = self._final_reply()
            if not reply.positive:
                raise self.dialogue.refusal(Stage.ACCEPTED, reply)
            note.detail = reply
        return self._receipt(reply)

    def _receipt(self, reply: Reply) -> Receipt:
        return Receipt(
            accepted=tuple(self._accepted),
            refused=self._refused,
            code=reply.code,
            enhanced=reply.enhanced,
            reply=reply.text,
            transcript=tuple(self.dialogue.transcript),
        )

    def _final_reply(self) -> Reply:
        if self._cut is not None:
            if self._cut.last_words is None:
                raise self._cut
            return self._cut.last_words
        reply = self.dialogue.hear()
        if any(code // 100 != reply.code // 100 for code in self.dialogue.wire.surplus):
            raise OutOfStep("the server gave more answers than there were questions")
        return reply

    def _refusal(self) -> DeliveryError:
        """Why the message cannot go, unless the answers are those to other questions."""
        error = self._failure or self._nobody()
        with self.progress.stage(error.stage, quiet=True):
            try:
                self.dialogue.wire.check_step()
            except OutOfStep as fault:
                if fault.last_words is None:
                    raise
            except WireError:
                # It has left, which takes nothing from what it said.
                return error
        return error

    def _nobody(self) -> DeliveryError:
        """The error where every recipient was refused, in the words said to the gravest."""
        said = gravest(self._refused.values())
        return DeliveryError(
            Stage.RECIPIENT,
            said.cause,
            said.reply,
            code=said.code,
            enhanced=said.enhanced,
            facts=self.dialogue.facts,
        )


def _misplaced(command: _Command, reply: Reply) -> bool:
    """Whether no server in step gives this kind of reply to the command."""
    return reply.code // 100 == (2 if command.stage is Stage.DATA else 3)
