"""An SMTP server that throws mail away: it can be slow, and it notes when it took what.

    python benchmarks/sink.py [SECONDS]

Every reply, and every group of replies to what came in one piece, goes out SECONDS later, as if
the server were that far away. It prints its port; when its input ends it prints a JSON list
of (number in the subject, monotonic nanoseconds of the acceptance) and ends.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

NUMBER = re.compile(rb"^Subject: Order (-?\d+)\r$", re.MULTILINE)
GREETING = b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 33554432\r\n"
REPLIES = {b"EHLO": GREETING, b"DATA": b"354 Go on\r\n", b"QUIT": b"221 2.0.0 Bye\r\n"}


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, seconds: float, accepted: list[tuple[int, int]]) -> None:
        self._seconds = seconds
        self._accepted = accepted
        self._buffer = bytearray()
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say(b"220 sink.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer all that is whole, in one write."""
        self._buffer += data
        replies = b""
        while (reply := self._next()) is not None:
            replies += reply
        if replies:
            self._say(replies)

    def _next(self) -> bytes | None:
        end = b"\r\n.\r\n" if self._in_data else b"\r\n"
        found = self._buffer.find(end)
        if found < 0:
            return None
        text = bytes(self._buffer[: found + 2])
        del self._buffer[: found + len(end)]
        if self._in_data:
            return self._accept(text)
        verb = text[:4].upper()
        self._in_data = verb == b"DATA"
        return REPLIES.get(verb, b"250 2.0.0 Ok\r\n")

    def _accept(self, message: bytes) -> bytes:
        self._in_data = False
        match = NUMBER.search(message)
        self._accepted.append((int(match[1]) if match else -1, time.monotonic_ns()))
        return b"250 2.0.0 Taken\r\n"

    def _say(self, reply: bytes) -> None:
        if self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._transport.write, reply)
        else:
            self._transport.write(reply)


async def serve(seconds: float) -> None:
    """Serve until the input ends."""
    accepted: list[tuple[int, int]] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(seconds, accepted), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    print(json.dumps(accepted), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))
