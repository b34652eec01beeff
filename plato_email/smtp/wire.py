"""Bytes to and from the server, under one deadline."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import suppress
from time import monotonic

from .faults import Dropped, Malformed, OutOfStep, TimedOut, WireError
from .reply import MAX_HEARD, MAX_LINE, Reply, Scrub, read_reply

_CHUNK = 1 << 18
_LAST_WORDS_SECONDS = 0.05
_LAST_LINE = re.compile(rb"^([2-5][0-9]{2})(?:[ \r][^\n]*)?\n", re.MULTILINE)


class Deadline:
    """A moment on the monotonic clock that a whole operation must not outlast.

    A time-out for each read would let a server that sends a byte now and then hold us for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left.

        Raises:
            TimedOut: none are.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise self.missed()
        return left

    def missed(self) -> TimedOut:
        """The error to raise when the time is over."""
        missed = TimedOut(f"no answer in time; {self.seconds:.3g} seconds were allowed")
        missed.seconds = self.seconds
        return missed

    def within(self, seconds: float) -> Deadline:
        """A deadline in so many seconds, or this one where it is nearer."""
        return self if seconds >= self.remaining() else Deadline(seconds)

    def share(self, parts: int, at_most: float) -> Deadline:
        """A nearer deadline: one of ``parts`` equal shares of what is left."""
        return Deadline(min(self.remaining() / parts, at_most))


class Wire:
    """A connected socket that reads replies and never waits beyond ``deadline``.

    It keeps step: nothing is written before every reply to what was written earlier is read, nor
    while bytes are there that nobody has asked for.
    """

    def __init__(
        self, connected: socket.socket, peer: str, deadline: Deadline, scrub: Scrub
    ) -> None:
        self.peer = peer
        """The server's IP address. Not asked of the socket, which forgets it in a reset."""
        self.deadline = deadline
        self.broken = False
        self.owed = 1
        """Replies that the server has yet to give; it speaks first, with its greeting."""
        self._socket = connected
        self._scrub = scrub
        self._buffer = bytearray()
        self._heard = 0
        """Bytes received since the reply began that is being read."""
        self._spoken = False
        """Whether a reply was read, so that it is SMTP that is spoken here."""

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The socket once TLS has begun, for its certificate and cipher."""
        return self._socket if isinstance(self._socket, ssl.SSLSocket) else None

    @property
    def local(self) -> str:
        """Our own IP address, as the server sees it where nothing translates addresses."""
        return str(self._socket.getsockname()[0])

    @property
    def replies(self) -> int:
        """Whole replies that were received and not read yet."""
        return len(_LAST_LINE.findall(self._buffer))

    def write(self, data: bytes, *, answers: int) -> None:
        """Send all of ``data``, which the server gives ``answers`` replies to.

        Raises:
            OutOfStep: the server had spoken ahead; nothing was sent.
            WireError: it could not be sent; with what the server said before it stopped reading.
        """
        self.check_step()
        self.owed = answers
        view = memoryview(data)
        try:
            while view:
                self._socket.settimeout(self.deadline.remaining())
                view = view[self._socket.send(view[:_CHUNK]) :]
        except (WireError, OSError) as error:
            fault = self._fault(error)
            fault.sent = len(data) - len(view)
            fault.last_words = self._last_words()
            raise fault from error

    def read_reply(self) -> Reply:
        """Read the next reply.

        Raises:
            WireError: there is none, or what came is none.
        """
        self._heard = 0
        try:
            reply = read_reply(self._read_line, self._scrub, quoted=self._spoken)
        except (WireError, OSError) as error:
            raise self._fault(error) from error
        self.owed -= 1
        self._spoken = True
        return reply

    def check_step(self) -> None:
        """See that every reply is read and no other has come.

        Raises:
            OutOfStep: one has, with the server's words where it takes its leave.
            Dropped: the server has closed the connection.
        """
        if self.broken:
            raise Dropped("the connection is closed")
        try:
            if not self.owed and not self._unread():
                return
        except (WireError, OSError) as error:
            raise self._fault(error) from error
        self.broken = True
        said = self._last_words()
        words = f"the server said something that nothing had been asked for: {said or 'no reply'}"
        raise OutOfStep(words, said)

    @property
    def surplus(self) -> tuple[int, ...]:
        """Codes of the replies received beyond those owed, but for a leave-taking."""
        codes = [int(code) for code in _LAST_LINE.findall(self._buffer)]
        codes = [code for code in codes if code != 421]
        return tuple(codes[: max(0, len(codes) - self.owed)])

    def start_tls(self, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
        """Turn the connection into TLS for ``host``.

        Raises:
            ssl.SSLError: the handshake or the certificate failed.
            WireError: the server went away or did not answer.
        """
        self._socket.settimeout(self.deadline.remaining())
        try:
            secure = context.wrap_socket(
                self._socket, server_hostname=host, do_handshake_on_connect=False
            )
            self._socket = secure
            secure.do_handshake()
        except ssl.SSLError as error:
            if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                raise self._fault(error) from error
            raise
        except OSError as error:
            raise self._fault(error) from error
        return secure

    def abort(self) -> None:
        """Cut the connection; another thread that waits on it returns at once."""
        self.broken = True
        with suppress(OSError):
            # On the plain socket: SSLSocket.shutdown would take the TLS state from its reader.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back; what was received and not read is forgotten."""
        self.broken = True
        self._buffer.clear()
        with suppress(OSError):
            self._socket.close()

    def _read_line(self) -> bytes:
        """Read a line; of one that is too long, the beginning."""
        line = b""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                line = line or bytes(self._buffer[:MAX_LINE])
                self._buffer.clear()
            if self._heard > MAX_HEARD:
                raise Malformed(f"the reply is longer than {MAX_HEARD >> 20} MiB")
            self._fill()
        line = line or bytes(self._buffer[: min(end, MAX_LINE)])
        del self._buffer[: end + 1]
        return line

    def _unread(self) -> bool:
        if self._buffer:
            return True
        # Not a select(): a readable TLS socket may hold no more than a session ticket.
        with suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._socket.settimeout(0)
            self._fill_now()
        return bool(self._buffer)

    def _fill(self) -> None:
        self._socket.settimeout(self.deadline.remaining())
        self._fill_now()

    def _fill_now(self) -> None:
        received = self._socket.recv(MAX_LINE)
        if not received:
            raise Dropped("the server closed the connection")
        self._buffer += received
        self._heard += len(received)

    def _last_words(self) -> Reply | None:
        self.deadline = Deadline(_LAST_WORDS_SECONDS)
        with suppress(WireError, OSError):
            return read_reply(self._read_line, self._scrub)
        return None

    def _fault(self, error: WireError | OSError) -> WireError:
        """``error`` as one of the faults that a session knows; the connection is broken by it."""
        self.broken = True
        if isinstance(error, Malformed):
            return Malformed(error.words, error.protocol)
        if isinstance(error, WireError):
            fault = type(error)(error.words)
            fault.seconds = error.seconds
            return fault
        if isinstance(error, TimeoutError):
            return self.deadline.missed()
        if isinstance(error, ssl.SSLEOFError):
            return Dropped("the server closed the connection")
        lost = Dropped(f"the connection was lost ({error.strerror or error})")
        # The alert comes with the first read after the handshake.
        lost.client_certificate_wanted = "CERTIFICATE_REQUIRED" in str(getattr(error, "reason", ""))
        return lost
