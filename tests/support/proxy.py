"""A network between a program and its server that a test can cut."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock, Thread
from typing import Self

HOST = "127.0.0.1"
RESET = struct.pack("ii", 1, 0)


class Line:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._sockets = (client, server)
        self._swallowing = False

    def cut(self) -> None:
        """Reset the connection on both sides."""
        for each in self._sockets:
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                each.shutdown(socket.SHUT_RDWR)

    def forward(self, source: socket.socket, target: socket.socket) -> None:
        """Carry bytes one way until either side ends."""
        from_client = source is self._sockets[0]
        with suppress(OSError):
            while data := source.recv(65536):
                if from_client:
                    self._swallowing = self._swallowing or self._proxy.wants(data)
                elif self._swallowing:
                    # The server has done it; nobody will hear so.
                    break
                target.sendall(data)
        self.cut()

    def close(self) -> None:
        """Give both sockets back."""
        for each in self._sockets:
            each.close()


class Proxy:
    """Forwards TCP connections to a server as long as it is not cut.

    Args:
        host: where the server is.
        port: its port.
        address: where it listens itself.
        make_socket: makes what it listens with.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        address: str = HOST,
        make_socket: Callable[[], socket.socket] = socket.socket,
    ) -> None:
        self.port = 0
        self._address = address
        self._make_socket = make_socket
        self.swallowed = 0
        """Answers that the client never got."""
        self._target = (host, port)
        self._listener: socket.socket | None = None
        self._lines: list[Line] = []
        self._threads: list[Thread] = []
        self._changed = Lock()
        self._phrase = b""
        self._turn = 0

    def __enter__(self) -> Self:
        self.restore()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for line in self._lines:
            line.close()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut_connections()

    def cut_connections(self) -> None:
        """Break every connection; new ones are welcome."""
        for line in list(self._lines):
            line.cut()

    def restore(self) -> None:
        """Let connections through, on the same port as before."""
        listener = self._make_socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._address, self.port))
        listener.listen(50)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._run(partial(self._accept, listener))

    def swallow_answer_to(self, phrase: bytes, *, turn: int = 1) -> None:
        """Break a connection after the server has obeyed ``phrase``, before the client hears it.

        Args:
            phrase: bytes of a request.
            turn: which of the requests from now on that have them.
        """
        with self._changed:
            self._phrase, self._turn = phrase, turn

    def wants(self, data: bytes) -> bool:
        """Whether the answer to this request is to be swallowed."""
        with self._changed:
            if not self._turn or self._phrase not in data:
                return False
            self._turn -= 1
            self.swallowed += not self._turn
            return not self._turn

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(self, client, server)
            self._lines.append(line)
            self._run(partial(line.forward, client, server))
            self._run(partial(line.forward, server, client))

    def _run(self, work: partial[None]) -> None:
        thread = Thread(target=work, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()
