"""Commands and replies, with a record of both that holds no credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from ..errors import DeliveryError, Stage, Verdict, said
from .faults import WireError
from .model import Observe, Step
from .reply import Reply, shorten
from .verdict import judge
from .wire import Wire

_TRANSCRIPT_LINES = 400


class Dialogue:
    """Sends command lines and hears replies."""

    def __init__(self, wire: Wire, transcript: list[str]) -> None:
        self.wire = wire
        self.transcript = transcript

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

    def __init__(self, observe: Observe | None, transcript: Callable[[], tuple[str, ...]]) -> None:
        self._observe = observe
        self._transcript = transcript

    @contextmanager
    def stage(
        self, stage: Stage, *, lost: Verdict = Verdict.SERVER, quiet: bool = False
    ) -> Iterator[Note]:
        """Run one stage.

        Args:
            stage: its name.
            lost: the verdict where no usable answer comes.
            quiet: report it only when it fails.
        """
        note, started = Note(), monotonic()
        try:
            yield note
        except WireError as fault:
            error = _delivery_error(stage, fault, lost)
            raise self._failed(stage, error, started) from fault
        except DeliveryError as error:
            self._failed(stage, error, started)
            raise
        if not quiet:
            self._report(stage, note.ok, started, note.detail)

    def _failed(self, stage: Stage, error: DeliveryError, started: float) -> DeliveryError:
        error.transcript = self._transcript()
        self._report(stage, False, started, said(error.code, error.reply))
        return error

    def _report(self, stage: Stage, ok: bool, started: float, detail: object) -> None:
        if self._observe is not None:
            self._observe(Step(stage, ok, (monotonic() - started) * 1000, str(detail)))


def _delivery_error(stage: Stage, fault: WireError, lost: Verdict) -> DeliveryError:
    reply = fault.last_words
    if reply is None or reply.code < 400:
        return DeliveryError(stage, lost, shorten(fault.words[:1].upper() + fault.words[1:] + "."))
    return DeliveryError(
        stage, judge(stage, reply), reply.text, code=reply.code, enhanced=reply.enhanced
    )
