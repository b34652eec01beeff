"""A mail server that does what a script says: any reply at any stage, or none, or rubbish."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from threading import Event, Thread
from typing import Self

HOST = "127.0.0.1"

Act = Callable[["Conversation"], None]
Reply = str | bytes | Act
"""Words (CRLF is added), bytes as they are, or something to do."""


Script = Mapping[str, Reply | Sequence[Reply]]


class Over(Exception):
    """The conversation has ended."""


def drop(conversation: Conversation) -> None:
    """Close the connection without a word."""
    raise Over


def reset(conversation: Conversation) -> None:
    """Reset the connection, so that the client's next call fails at once."""
    conversation.reset()
    raise Over


def hang(conversation: Conversation) -> None:
    """Say nothing until the client goes away or the server is stopped."""
    conversation.wait_for_end()
    raise Over


def drip(words: str, *, every: float) -> Act:
    """Send ``words`` a byte at a time, ``every`` so many seconds."""

    def act(conversation: Conversation) -> None:
        for byte in words.encode():
            conversation.send(bytes([byte]))
            if conversation.stopping.wait(every):
                raise Over

    return act


def last(words: str) -> Act:
    """Say ``words`` and close the connection."""

    def act(conversation: Conversation) -> None:
        conversation.send(words)
        raise Over

    return act


def start_tls(context: ssl.SSLContext, *, behind: bytes = b"") -> Act:
    """Accept STARTTLS, with ``behind`` sent in the same breath, and speak TLS."""

    def act(conversation: Conversation) -> None:
        conversation.send(b"220 2.0.0 Ready to start TLS\r\n" + behind)
        conversation.start_tls(context)

    return act


def take_data_until(stop: bytes, then: Reply) -> Act:
    """Say 354, read until ``stop`` has come, and go on with ``then``."""

    def act(conversation: Conversation) -> None:
        conversation.send("354 Go ahead")
        conversation.read_until(stop)
        conversation.act(then)
        raise Over

    return act


_USUAL: dict[str, Reply] = {
    "greeting": "220 scripted.test ESMTP",
    "HELO": "250 scripted.test",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    ".": "250 2.0.0 Ok: queued as 1A2B3C",
    "RSET": "250 2.0.0 Ok",
    "AUTH": "235 2.7.0 Authentication successful",
    "QUIT": "221 2.0.0 Bye",
}


class Conversation:
    """One connection to a ``ScriptedServer``."""

    def __init__(self, server: ScriptedServer, connected: socket.socket) -> None:
        self.received = bytearray()
        """Every byte of the client, decrypted where TLS was spoken."""
        self.commands: list[str] = []
        self.mails: list[bytes] = []
        """What came between 354 and the final dot, still dot-stuffed."""
        self.ended = Event()
        self.stopping = server.stopping
        self._server = server
        self._socket = connected
        self._buffer = bytearray()
        self._turns: dict[str, int] = {}
        self._last = b""

    def send(self, words: str | bytes) -> None:
        """Send words with CRLF, or bytes as they are."""
        data = words.encode() + b"\r\n" if isinstance(words, str) else words
        self._last = data
        self._socket.sendall(data)

    def act(self, reply: Reply) -> None:
        """Say or do ``reply``."""
        if callable(reply):
            reply(self)
        else:
            self.send(reply)

    def read_until(self, stop: bytes) -> bytes:
        """Read up to and including ``stop``."""
        while (found := self._buffer.find(stop)) < 0:
            self._receive()
        taken = bytes(self._buffer[: found + len(stop)])
        del self._buffer[: found + len(stop)]
        return taken

    def wait_for_end(self) -> None:
        """Read and keep what comes until nothing can come any more."""
        while True:
            self._receive()

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on in TLS."""
        self._socket = context.wrap_socket(self._socket, server_side=True)

    def reset(self) -> None:
        """Close with RST in place of FIN."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def run(self, context: ssl.SSLContext | None) -> None:
        """Hold the conversation to its end."""
        try:
            with contextlib.suppress(Over, OSError):
                if context is not None:
                    self.start_tls(context)
                self._answer("greeting")
                while True:
                    self._turn()
        finally:
            self._socket.close()
            self.ended.set()

    def cut(self) -> None:
        """End the conversation from another thread."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _turn(self) -> None:
        line = self.read_until(b"\r\n").decode(errors="replace").rstrip()
        self.commands.append(line)
        if self._last.startswith(b"334"):
            self._answer("response")
            return
        verb = line.partition(" ")[0].upper()
        self._answer(verb)
        if verb == "DATA" and self._last.startswith(b"354"):
            self.mails.append(self._read_mail())
            self._answer(".")
        if verb == "QUIT":
            raise Over

    def _read_mail(self) -> bytes:
        while len(self._buffer) < 3:
            self._receive()
        if self._buffer.startswith(b".\r\n"):
            del self._buffer[:3]
            return b""
        return self.read_until(b"\r\n.\r\n").removesuffix(b".\r\n")

    def _answer(self, key: str) -> None:
        """The reply to ``key``; of several the next, and the last again and again."""
        replies = self._server.script.get(key, f"502 5.5.1 {key} is not implemented")
        if isinstance(replies, str | bytes) or callable(replies):
            self.act(replies)
            return
        turn = self._turns.get(key, 0)
        self._turns[key] = turn + 1
        self.act(replies[min(turn, len(replies) - 1)])

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise Over
        self.received += data
        self._buffer += data


class ScriptedServer:
    """A mail server that does what it is told.

    Args:
        script: replies by ``greeting``, verb, ``.`` (the final dot) or ``response`` (to a 334);
            a list gives one after another. What is not named is answered as usual.
        offers: the EHLO keywords, for instance ``"PIPELINING"`` or ``"AUTH PLAIN"``.
        tls: speak TLS from the first byte.
    """

    host = HOST

    def __init__(
        self,
        script: Script | None = None,
        *,
        offers: Iterable[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        lines = ["scripted.test", *offers]
        ehlo = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
        self.script: dict[str, Reply | Sequence[Reply]] = {
            **_USUAL,
            "EHLO": "\r\n".join(ehlo),
            **(script or {}),
        }
        self.conversations: list[Conversation] = []
        self.stopping = Event()
        self.port = 0
        self._tls = tls
        self._threads: list[Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for conversation in self.conversations:
            conversation.cut()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    @property
    def received(self) -> bytes:
        """All bytes of all connections."""
        return b"".join(bytes(each.received) for each in self.conversations)

    @property
    def commands(self) -> list[str]:
        """All commands of all connections."""
        return [command for each in self.conversations for command in each.commands]

    @property
    def mails(self) -> list[bytes]:
        """What came between 354 and the final dot on all connections, still dot-stuffed."""
        return [mail for each in self.conversations for mail in each.mails]

    def wait_until_left(self, timeout: float = 5.0) -> None:
        """Wait until every connection so far has ended, and so nothing more can come."""
        for conversation in self.conversations:
            if not conversation.ended.wait(timeout):
                raise TimeoutError("the client is still connected")

    def _start(self, run: Callable[[], None]) -> None:
        thread = Thread(target=run, name="scripted server")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = Conversation(self, connected)
            self.conversations.append(conversation)
            self._start(partial(conversation.run, self._tls))
