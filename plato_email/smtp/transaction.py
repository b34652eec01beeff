"""One mail in a session: MAIL, RCPT, DATA, the message, and the answer that settles it.

With PIPELINING (RFC 2920) the commands go out in groups, each in one write, and the replies are
read in order afterwards; without it a group is one command. The rest is the same for both.

The commands of the mail that follows may go out behind the final dot, in the same write (same
RFC, section 3.1): a mail then takes one turn instead of two. It is not in doubt before its own
body is sent, so there is never more than one mail in doubt.
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
        self._mail = ""
        self._before_body: Callable[[], None] | None = None
        self._following: Transaction | None = None
        self._accepted: list[str] = []
        self._refused: dict[str, RecipientRefusal] = {}
        self._failure: DeliveryError | None = None

    @property
    def commands(self) -> int:
        """Commands that the server answers before the message is sent."""
        return 2 + len(self._recipients)

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
        try:
            if not self._mail:
                self._prepare()
            for group in self._groups():
                if self._moot(group[0]):
                    break
                self._exchange(group)
            if self._failure is not None or not self._accepted:
                raise self._failure or self._nobody()
            return self._settle()
        except DeliveryError as error:
            error.recipients = dict(self._refused)
            error.transcript = tuple(self.dialogue.transcript)
            raise

    def offer(self) -> bytes:
        """Return the commands as they may go out behind the mail before; none if they may not."""
        if "PIPELINING" not in self._capabilities:
            return b""
        try:
            self._prepare()
        except DeliveryError:
            # It is refused, and reported, when its turn comes.
            self._refused.clear()
            self._mail = ""
            return b""
        groups = list(self._groups())
        if len(groups) != 1:
            return b""
        self.begun = self.offered = True
        return self.dialogue.noted(*(command.text for command in groups[0]))

    def _prepare(self) -> None:
        """Refuse what the server cannot take before a word of it is sent."""
        envelope = self._envelope
        try:
            self._content = Content(self._data)
            parameters = Parameters(self._capabilities, envelope, self._content)
        except DeliveryError as error:
            with self.progress.stage(error.stage):
                raise
        self._mail = f"MAIL FROM:<{envelope.sender}>{parameters.mail}"
        self._recipients = parameters.deliverable
        for recipient, refused in parameters.undeliverable.items():
            with self.progress.stage(Stage.RECIPIENT) as note:
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
            with self.progress.stage(command.stage) as note:
                if position == 0 and not self.offered:
                    self.begun = True
                    self.dialogue.say(*(each.text for each in group))
                reply = self.dialogue.hear()
                if reply.code == 421:
                    raise refusal(command.stage, reply)
                command.heard(reply, note)

    def _drain(self) -> None:
        """Hear a reply that no longer matters; what has failed already is what is reported."""
        with suppress(WireError):
            if self.dialogue.hear().code == 354:
                # The server waits for a message that is for nobody (RFC 2920 section 3.1).
                self.dialogue.say(".")
                self.dialogue.hear()

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
        end = b".\r\n" + (self._following.offer() if self._following else b"")
        if len(stuffed) <= _SMALL:
            self.dialogue.say_data(stuffed + end, shown)
        else:
            self.dialogue.say_data(stuffed, shown)
            self.dialogue.say_data(end, ".")

    def _settle(self) -> Receipt:
        # From here on the server may have the message whatever becomes of its answer (RFC 1047).
        with self.progress.stage(Stage.ACCEPTED, lost=Verdict.UNKNOWN) as note:
            reply = self.dialogue.hear()
            if not reply.positive:
                raise refusal(Stage.ACCEPTED, reply)
            note.detail = str(reply)
        return Receipt(
            accepted=tuple(self._accepted),
            refused=self._refused,
            code=reply.code,
            enhanced=reply.enhanced,
            reply=reply.text,
            transcript=tuple(self.dialogue.transcript),
        )

    def _nobody(self) -> DeliveryError:
        """The error where every recipient was refused, in the words said to the gravest."""
        verdict = verdict_on_all(self._refused.values())
        said = next(each for each in self._refused.values() if each.verdict is verdict)
        return DeliveryError(
            Stage.RECIPIENT, verdict, said.reply, code=said.code, enhanced=said.enhanced
        )
