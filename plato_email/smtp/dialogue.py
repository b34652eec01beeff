"""Commands and replies, with a record of both that holds no credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic

from ..errors import DeliveryError, Facts, RecipientRefusal, Stage, said
from ..providers import by_host
from .classify import classify, classify_lost
from .faults import WireError
from .model import Observe, Step
from .reply import Reply, shorten
from .wire import Wire

_TRANSCRIPT_LINES = 400


class Dialogue:
    """Sends command lines and hears replies; a refusal is read with ``facts``."""

    def __init__(self, wire: Wire, transcript: list[str], facts: Facts) -> None:
        self.wire = wire
        self.transcript = transcript
        self.facts = facts

    def ask(self, command: str) -> Reply:
        """Send one command and hear its reply."""
        self.say(command)
        return self.hear()

    def say(self, *commands: str) -> None:
        """Send commands in one write (RFC 2920 where there is more than one)."""
        self._write(self.noted(*commands), len(commands))

    def noted(self, *commands: str) -> bytes:
        """Record commands that will be sent behind mail data, and return their bytes."""
        for command in commands:
            self._note(f"C: {command}")
        return b"".join(_line(command) for command in commands)

    def say_secret(self, command: str, shown: str) -> None:
        """Send a line that is recorded as ``shown``."""
        self._note(f"C: {shown}")
        self._write(_line(command), 1)

    def say_data(self, data: bytes, shown: str, *, answers: int) -> None:
        """Send mail data, which is recorded as ``shown`` and gets so many answers."""
        self._note(f"C: {shown}")
        self._write(data, answers)

    def hear(self) -> Reply:
        """Read the next reply."""
        reply = self.wire.read_reply()
        self._note_reply(reply)
        return reply

    def refusal(self, stage: Stage, reply: Reply) -> DeliveryError:
        """The error for a reply that ends the session or the message."""
        return refusal(stage, reply, self.facts)

    def recipient_refusal(self, reply: Reply) -> RecipientRefusal:
        """What is kept of a refused RCPT."""
        error = self.refusal(Stage.RECIPIENT, reply)
        return RecipientRefusal(reply.code, reply.enhanced, reply.text, error.cause)

    def _write(self, data: bytes, answers: int) -> None:
        try:
            self.wire.write(data, answers=answers)
        except WireError as fault:
            if fault.last_words is not None:
                self._note_reply(fault.last_words)
            raise

    def _note_reply(self, reply: Reply) -> None:
        for line in reply.lines:
            self._note(shorten(f"S: {reply.code} {line}"))

    def _note(self, line: str) -> None:
        if len(self.transcript) < _TRANSCRIPT_LINES:
            self.transcript.append(line)


def refusal(stage: Stage, reply: Reply, facts: Facts) -> DeliveryError:
    """The error for a reply that is not the one hoped for."""
    provider = by_host(facts.host.lower().rstrip("."))
    words = " ".join(reply.lines)
    cause = classify(stage, reply.code, reply.enhanced, words, provider, facts)
    return DeliveryError(
        stage, cause, reply.text, code=reply.code, enhanced=reply.enhanced, facts=facts
    )


def _line(command: str) -> bytes:
    if "\r" in command or "\n" in command:
        raise ValueError("an SMTP command is one line")
    return command.encode("utf-8") + b"\r\n"


@dataclass
class Note:
    """What a running stage has to tell about itself."""

    detail: object = ""
    """Made into words only where somebody watches."""
    ok: bool = True


class Progress:
    """Times the stages, reports each as it ends, and turns wire faults into delivery errors."""

    def __init__(
        self, observe: Observe | None, transcript: Callable[[], tuple[str, ...]], facts: Facts
    ) -> None:
        self._observe = observe
        self._transcript = transcript
        self._facts = facts

    @contextmanager
    def stage(self, stage: Stage, *, quiet: bool = False) -> Iterator[Note]:
        """Run one stage.

        Args:
            stage: its name.
            quiet: report it only when it fails.
        """
        note, started = Note(), monotonic()
        try:
            yield note
        except WireError as fault:
            error = _delivery_error(stage, fault, self._facts)
            raise self._failed(stage, error, started) from fault
        except DeliveryError as error:
            self._complete(error)
            self._failed(stage, error, started)
            raise
        if not quiet:
            self._report(stage, note.ok, started, note.detail)

    def _complete(self, error: DeliveryError) -> None:
        """Add which server it was, where the part that failed cannot know."""
        found = error.facts
        if not found.host:
            error.facts = replace(
                self._facts,
                certificate=found.certificate,
                unreached=found.unreached,
                in_container=found.in_container,
            )

    def _failed(self, stage: Stage, error: DeliveryError, started: float) -> DeliveryError:
        error.transcript = self._transcript()
        self._report(stage, False, started, said(error.code, error.reply))
        return error

    def _report(self, stage: Stage, ok: bool, started: float, detail: object) -> None:
        if self._observe is not None:
            self._observe(Step(stage, ok, (monotonic() - started) * 1000, str(detail)))


def _delivery_error(stage: Stage, fault: WireError, facts: Facts) -> DeliveryError:
    reply = fault.last_words
    if reply is not None and reply.code >= 400:
        return refusal(stage, reply, facts)
    words = shorten(fault.words[:1].upper() + fault.words[1:] + ".")
    facts = replace(facts, seconds=fault.seconds)
    return DeliveryError(stage, classify_lost(stage, fault, facts), words, facts=facts)
