"""One mail in a session: MAIL, RCPT, DATA, the message, and the answer that settles it.

With PIPELINING (RFC 2920) the commands go out in groups, each in one write, and the replies are
read in order afterwards; without it a group is one command. The rest is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from ..errors import DeliveryError, RecipientRefusal, Stage, Verdict
from .content import Content, Parameters
from .dialogue import Dialogue, Note, Progress
from .faults import WireError
from .model import Envelope, Receipt
from .reply import Reply
from .verdict import recipient_refusal, refusal, verdict_on_all

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
        before_body: Callable[[], None] | None = None,
    ) -> None:
        self.begun = False
        """Whether a command was sent, so that the server may hold half a transaction."""
        self._dialogue = dialogue
        self._progress = progress
        self._capabilities = capabilities
        self._before_body = before_body
        self._accepted: list[str] = []
        self._refused: dict[str, RecipientRefusal] = {}
        self._failure: DeliveryError | None = None

    def run(self, envelope: Envelope, data: bytes) -> Receipt:
        """Send the message.

        Raises:
            DeliveryError: the server accepted it for nobody, or its answer was lost.
        """
        try:
            self._prepare(envelope, data)
            for group in self._groups():
                if self._moot(group[0]):
                    break
                self._exchange(group)
            if self._failure is not None or not self._accepted:
                raise self._failure or self._nobody()
            return self._settle()
        except DeliveryError as error:
            error.recipients = dict(self._refused)
            error.transcript = tuple(self._dialogue.transcript)
            raise

    def _prepare(self, envelope: Envelope, data: bytes) -> None:
        """Refuse what the server cannot take before a word of it is sent."""
        try:
            self._content = Content(data)
            parameters = Parameters(self._capabilities, envelope, self._content)
        except DeliveryError as error:
            with self._progress.stage(error.stage):
                raise
        self._mail = f"MAIL FROM:<{envelope.sender}>{parameters.mail}"
        self._recipients = parameters.deliverable
        for recipient, refused in parameters.undeliverable.items():
            with self._progress.stage(Stage.RECIPIENT) as note:
                self._refuse(recipient, refused, note)

    def _groups(self) -> Iterator[list[_Command]]:
        """The commands, by the write that they go out in."""
        if not self._recipients:
            return
        commands = [
            _Command(Stage.SENDER, self._mail, self._heard_mail),
            *(
                _Command(Stage.RECIPIENT, f"RCPT TO:<{each}>", partial(self._heard_rcpt, each))
                for each in self._recipients
            ),
            _Command(Stage.DATA, "DATA", self._heard_data),
        ]
        size = _GROUP if "PIPELINING" in self._capabilities else 1
        for start in range(0, len(commands), size):
            yield commands[start : start + size]

    def _moot(self, command: _Command) -> bool:
        """Whether what came before has left the command without a point."""
        nobody = command.stage is Stage.DATA and not self._accepted
        return nobody or self._failure is not None

    def _exchange(self, group: list[_Command]) -> None:
        for position, command in enumerate(group):
            if position and self._moot(command):
                self._drain()
                continue
            with self._progress.stage(command.stage) as note:
                if position == 0:
                    self.begun = True
                    self._dialogue.say(*(each.text for each in group))
                reply = self._dialogue.hear()
                if reply.code == 421:
                    raise refusal(command.stage, reply)
                command.heard(reply, note)

    def _drain(self) -> None:
        """Hear a reply that no longer matters; what has failed already is what is reported."""
        with suppress(WireError):
            if self._dialogue.hear().code == 354:
                # The server waits for a message that is for nobody (RFC 2920 section 3.1).
                self._dialogue.say(".")
                self._dialogue.hear()

    def _heard_mail(self, reply: Reply, note: Note) -> None:
        note.detail = str(reply)
        if not reply.positive:
            note.ok = False
            self._failure = refusal(Stage.SENDER, reply)

    def _heard_rcpt(self, recipient: str, reply: Reply, note: Note) -> None:
        note.detail = f"{recipient}: {reply}"
        if reply.positive:
            self._accepted.append(recipient)
        else:
            self._refuse(recipient, recipient_refusal(reply), note)

    def _refuse(self, recipient: str, refused: RecipientRefusal, note: Note) -> None:
        self._refused[recipient] = refused
        note.ok = False
        note.detail = f"{recipient}: {refused.code} {refused.reply}"

    def _heard_data(self, reply: Reply, note: Note) -> None:
        note.detail = str(reply)
        if reply.code != 354:
            note.ok = False
            self._failure = refusal(Stage.DATA, reply)
            return
        if self._before_body is not None:
            self._before_body()
        self._send_content()

    def _send_content(self) -> None:
        stuffed, shown = self._content.stuffed(), f"({self._content.size} bytes)"
        if len(stuffed) <= _SMALL:
            self._dialogue.say_data(stuffed + b".\r\n", shown)
        else:
            self._dialogue.say_data(stuffed, shown)
            self._dialogue.say(".")

    def _settle(self) -> Receipt:
        # From here on the server may have the message whatever becomes of its answer (RFC 1047).
        with self._progress.stage(Stage.ACCEPTED, lost=Verdict.UNKNOWN) as note:
            reply = self._dialogue.hear()
            if not reply.positive:
                raise refusal(Stage.ACCEPTED, reply)
            note.detail = str(reply)
        return Receipt(
            accepted=tuple(self._accepted),
            refused=self._refused,
            code=reply.code,
            enhanced=reply.enhanced,
            reply=reply.text,
            transcript=tuple(self._dialogue.transcript),
        )

    def _nobody(self) -> DeliveryError:
        """The error where every recipient was refused, in the words said to the gravest."""
        verdict = verdict_on_all(self._refused.values())
        said = next(each for each in self._refused.values() if each.verdict is verdict)
        return DeliveryError(
            Stage.RECIPIENT, verdict, said.reply, code=said.code, enhanced=said.enhanced
        )
