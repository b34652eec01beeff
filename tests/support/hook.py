"""A web server that is posted to: it keeps what it gets, and answers as it is told."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import until


@dataclass(frozen=True)
class Posted:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class Hook:
    """Listens on this machine for as long as the block lasts.

    Args:
        answers: the statuses that are answered, the last one for ever.
        tls: a server context.
        hold: when set, no answer is given before it.
    """

    def __init__(
        self,
        *answers: int,
        tls: ssl.SSLContext | None = None,
        hold: threading.Event | None = None,
        location: str = "",
    ) -> None:
        self.posted: list[Posted] = []
        statuses = list(answers or (204,))
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posted.append(Posted(self.path, dict(self.headers.items()), body))
                if hold is not None:
                    hold.wait(30)
                self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
                if location:
                    self.send_header("Location", location)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Leave the output to the tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?to=ops"

    def wait_for(self, count: int) -> list[Posted]:
        """Wait until there were so many requests."""
        until(lambda: len(self.posted) >= count, 10, what=lambda: f"{len(self.posted)} requests")
        return self.posted

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
