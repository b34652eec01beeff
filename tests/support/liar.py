"""A mail server that keeps the protocol's turns and may say anything in each of them.

It knows what it has taken: a mail is taken where a 2yz is its own answer to the final dot, whatever
else it says before or behind. That is the truth which a client's report is measured by.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Event, Thread
from typing import NamedTuple, Self

HOST = "127.0.0.1"
OUTSIDE = -1
"""The mail number of what is said before the first mail."""


@dataclass(frozen=True)
class Say:
    """A well-formed reply."""

    code: int = 0
    """0: the one that is right in that turn."""
    words: str = "2.0.0 words"
    lines: int = 1
    early: str = ""
    """A reply that nothing was asked for, in the same write."""
    dripping: bool = False
    """Byte by byte, though soon enough."""
    echo: bool = False
    """With the line that it answers, in a login."""

    @property
    def positive(self) -> bool:
        """2yz."""
        return self.code // 100 == 2


@dataclass(frozen=True)
class Trouble:
    """No reply that anybody could use."""

    name: str
    do: Callable[[_Talk], None] = field(repr=False, compare=False)
    slow: bool = False
    """Whether only the deadline ends it."""


Action = Say | Trouble


class Turn(NamedTuple):
    """When something is said: to which command of which mail."""

    mail: int
    key: str
    """``greeting``, a verb or ``.``; ``response0`` stands behind a 334, ``RCPT0`` for a RCPT."""


USUAL = {
    "greeting": 220,
    "AUTH": 235,
    "response0": 235,
    "response1": 235,
    "MAIL": 250,
    "DATA": 354,
    ".": 250,
    "QUIT": 221,
}


def spoken(plan: Mapping[Turn, Action], turn: Turn) -> Action:
    """What a plan has said in a turn: what is right where it has nothing else."""
    action = plan.get(turn, Say())
    if isinstance(action, Say) and not action.code:
        return replace(action, code=USUAL.get(turn.key, 250))
    return action


class _Over(Exception):
    """The conversation has ended."""


class _Talk:
    """One connection."""

    def __init__(self, liar: Liar, connected: socket.socket) -> None:
        self.commands: list[str] = []
        self.received = bytearray()
        self.clear = -1
        """How much was received before TLS; -1 where there is none."""
        self.taken: list[bytes] = []
        """The mails, without the added dots, that were answered with a 2yz."""
        self.mail = OUTSIDE
        self._liar = liar
        self._socket = connected
        self._buffer = bytearray()
        self._people = 0

    def run(self) -> None:
        """Hold the conversation to its end."""
        with contextlib.suppress(_Over, OSError):
            self._act("greeting", "")
            while True:
                self._turn(self._read_to(b"\r\n").decode("utf-8", "replace").rstrip())
        self._socket.close()

    def cut(self) -> None:
        """End it from another thread."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def wait(self) -> None:
        """Say nothing until the client is gone."""
        while True:
            self._receive()

    def drop(self) -> None:
        """Say nothing more, so that the client sees the end and nothing is lost before it."""
        self._socket.shutdown(socket.SHUT_WR)
        self.wait()

    def reset(self) -> None:
        """Close with RST in place of FIN, which takes along what the client has not read yet."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise _Over

    def drip_on(self) -> None:
        """Send a byte now and then, and no end of them."""
        while not self._liar.stopping.wait(0.02):
            self.send(b"2")

    def pour(self, line: bytes) -> None:
        """Send the same for ever."""
        while not self._liar.stopping.is_set():
            self.send(line)

    def _turn(self, line: str) -> None:
        self.commands.append(line)
        verb = line.partition(" ")[0].upper()
        if verb == "MAIL":
            self.mail, self._people = self.mail + 1, 0
        key = verb
        if verb == "RCPT":
            key, self._people = f"RCPT{self._people}", self._people + 1
        action = self._act(key, line if verb == "AUTH" else "")
        if verb == "AUTH":
            self._hear_credentials(action)
        elif verb == "STARTTLS" and isinstance(action, Say) and action.positive:
            self._start_tls()
        elif verb == "DATA" and isinstance(action, Say) and action.code == 354:
            self._take_mail()
        elif verb == "QUIT":
            raise _Over

    def _hear_credentials(self, action: Action) -> None:
        turns = count()
        while isinstance(action, Say) and action.code == 334:
            line = self._read_to(b"\r\n").decode("utf-8", "replace").rstrip()
            action = self._act(f"response{next(turns)}", line)

    def _start_tls(self) -> None:
        if self._liar.tls is not None:
            self.clear = len(self.received)
            self._socket = self._liar.tls.wrap_socket(self._socket, server_side=True)

    def _take_mail(self) -> None:
        while len(self._buffer) < 3:
            self._receive()
        start = b"\r\n" + self._buffer
        self._buffer[:] = start
        data = self._read_to(b"\r\n.\r\n")[2:-3].replace(b"\r\n..", b"\r\n.")
        action = self._act(".", "")
        if isinstance(action, Say) and action.positive:
            self.taken.append(data)

    def _act(self, key: str, line: str) -> Action:
        action = self._liar.action(Turn(self.mail, key))
        if isinstance(action, Trouble):
            action.do(self)
        else:
            self._say(action, self._liar.offers if key == "EHLO" and action.positive else (), line)
        return action

    def _say(self, action: Say, offers: Sequence[str], line: str) -> None:
        words = f"{action.words} {line}" if action.echo and line else action.words
        texts = [words] * action.lines + list(offers)
        replies = [f"{action.code}-{text}" for text in texts[:-1]]
        replies += [f"{action.code} {texts[-1]}", *([action.early] if action.early else [])]
        data = "".join(f"{reply}\r\n" for reply in replies).encode()
        for piece in (data[n : n + 1] for n in range(len(data))) if action.dripping else [data]:
            self.send(piece)

    def _read_to(self, stop: bytes) -> bytes:
        while (found := self._buffer.find(stop)) < 0:
            self._receive()
        taken = bytes(self._buffer[: found + len(stop)])
        del self._buffer[: found + len(stop)]
        return taken

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise _Over
        self.received += data
        self._buffer += data


def _raw(data: bytes) -> Callable[[_Talk], None]:
    return lambda talk: talk.send(data)


TROUBLES = (
    Trouble("drop", _Talk.drop),
    Trouble("reset", _Talk.reset),
    Trouble("endless lines", lambda talk: talk.pour(b"250-and so on\r\n" * 100)),
    Trouble("endless line", lambda talk: talk.pour(b"250 " + b"x" * 1000)),
    Trouble("http", _raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    Trouble("two codes", _raw(b"250-one\r\n550 two\r\n")),
    Trouble("bytes", _raw(b"\xff\xfe\x00\r\n")),
    Trouble("blank line", _raw(b"\r\n")),
    Trouble("low code", _raw(b"150 wait\r\n")),
    Trouble("hang", _Talk.wait, slow=True),
    Trouble("drip", _Talk.drip_on, slow=True),
)


class Liar:
    """The server, for as long as its ``with`` block runs.

    Args:
        plan: what is said in which turn; everything else as usual.
        offers: the EHLO keywords.
        tls: what STARTTLS leads to.
    """

    host = HOST

    def __init__(
        self,
        plan: Mapping[Turn, Action],
        *,
        offers: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.plan = dict(plan)
        self.offers = tuple(offers)
        self.tls = tls
        self.talks: list[_Talk] = []
        self.stopping = Event()
        self._threads: list[Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for talk in self.talks:
            talk.cut()
        for thread in self._threads:
            thread.join(5)

    @property
    def taken(self) -> list[bytes]:
        """Every mail that was answered with a 2yz."""
        return [mail for talk in self.talks for mail in talk.taken]

    def action(self, turn: Turn) -> Action:
        """What is said in that turn."""
        return spoken(self.plan, turn)

    def _start(self, run: Callable[[], None]) -> None:
        thread = Thread(target=run, name="liar")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            talk = _Talk(self, connected)
            self.talks.append(talk)
            self._start(talk.run)
