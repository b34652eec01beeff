"""A working mail server that keeps what it is sent (aiosmtpd)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from aiosmtpd.smtp import Session as SMTPSession

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Caught:
    """One mail that a ``Catcher`` accepted."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    """As received: without dot-stuffing, lines end in CRLF."""
    options: tuple[str, ...]
    """The parameters of MAIL, upper case."""
    peer: tuple[str, int]
    username: str
    """Who had logged in, or ""."""
    tls: bool


@dataclass
class Catcher:
    """A working mail server that keeps what it is sent.

    Args:
        tls: a server context; with ``implicit`` from the first byte, else offered by STARTTLS.
        users: passwords by user name; AUTH is offered when there are any.
        login_required: refuse MAIL before a login.
        mechanisms: the AUTH mechanisms offered.
        size_limit: bytes that one mail may have; 0 for any.
        utf8: offer SMTPUTF8.
        refusals: the reply to RCPT, for instance ``"550 5.1.1 unknown"``, by address.
        final: the reply after the final dot, in place of an acceptance.
        at: the port; 0 for any that is free.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    starttls_required: bool = False
    users: Mapping[str, str] = field(default_factory=dict)
    login_required: bool = False
    mechanisms: Iterable[str] = ("PLAIN", "LOGIN")
    size_limit: int = 0
    utf8: bool = True
    refusals: dict[str, str] = field(default_factory=dict)
    final: str = ""
    at: int = 0

    def __post_init__(self) -> None:
        self.mails: list[Caught] = []
        self.logins: list[str] = []
        """The mechanism of every login that was tried."""
        self.connections = 0
        self.port = 0
        self._changed = Condition()
        self._transports: set[asyncio.BaseTransport] = set()

    host = HOST

    def __enter__(self) -> Self:
        listener = socket.create_server((HOST, self.at))
        # Inherited by the connections, which asyncio would otherwise leave to Nagle's algorithm.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._serve, args=(listener,), name="catcher")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(5)

    def wait_for(self, count: int, timeout: float = 5.0) -> list[Caught]:
        """Wait until ``count`` mails have come, and return all there are."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.mails) >= count, timeout):
                raise TimeoutError(f"{len(self.mails)} of {count} mails came")
            return list(self.mails)

    def clear(self) -> None:
        """Forget the mails caught so far."""
        with self._changed:
            self.mails.clear()

    def _serve(self, listener: socket.socket) -> None:
        self._stopping = asyncio.Event()
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve_until_stopped(listener))

    async def _serve_until_stopped(self, listener: socket.socket) -> None:
        context = self.tls if self.implicit else None
        server = await self._loop.create_server(self._protocol, sock=listener, ssl=context)
        await self._stopping.wait()
        server.close()
        for transport in list(self._transports):
            # Some releases of Python 3.11 have no abort() on a transport that speaks TLS.
            getattr(transport, "abort", transport.close)()
        async with asyncio.timeout(2):
            while self._transports:
                await asyncio.sleep(0)

    def _protocol(self) -> SMTP:
        self.connections += 1
        return _Protocol(
            self,
            hostname="catcher.test",
            data_size_limit=self.size_limit,
            enable_SMTPUTF8=self.utf8,
            tls_context=None if self.implicit else self.tls,
            require_starttls=self.starttls_required,
            auth_require_tls=False,
            auth_exclude_mechanism={"PLAIN", "LOGIN"} - set(self.mechanisms),
            authenticator=self._authenticate,
            loop=self._loop,
        )

    def _authenticate(
        self, _server: SMTP, session: Any, _mail: Any, how: str, who: Any
    ) -> AuthResult:
        self.logins.append(how)
        assert isinstance(who, LoginPassword)
        good = self.users.get(who.login.decode()) == who.password.decode()
        session.username = who.login.decode() if good else ""
        return AuthResult(success=good, handled=False)

    # The hooks of aiosmtpd, called by name.

    async def handle_EHLO(
        self, _server: SMTP, session: Any, _mail: Any, name: str, replies: list[str]
    ) -> list[str]:
        session.host_name = name
        return [line for line in replies if self.users or not line.startswith("250-AUTH")]

    async def handle_MAIL(
        self, _server: SMTP, session: Any, mail: Any, sender: str, options: list[str]
    ) -> str:
        if self.login_required and not session.username:
            return "530 5.7.0 Authentication required"
        mail.mail_from, mail.mail_options = sender, list(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, _server: SMTP, _session: Any, mail: Any, recipient: str, _options: list[str]
    ) -> str:
        if recipient in self.refusals:
            return self.refusals[recipient]
        mail.rcpt_tos.append(recipient)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server: SMTP, session: Any, mail: Any) -> str:
        if self.final:
            return self.final
        caught = Caught(
            sender=mail.mail_from,
            recipients=tuple(mail.rcpt_tos),
            data=mail.original_content,
            options=tuple(option.upper() for option in mail.mail_options),
            peer=session.peer,
            username=session.username,
            tls=self.implicit or session.ssl is not None,
        )
        with self._changed:
            self.mails.append(caught)
            self._changed.notify_all()
        return f"250 2.0.0 Ok: queued as {len(self.mails)}"


class _Session(SMTPSession):
    """Takes ``login_data``, which aiosmtpd sets itself and warns about, as any attribute."""

    login_data: Any = None
    username = ""


class _Protocol(SMTP):
    """Knows its catcher, so that no connection outlives it."""

    def __init__(self, catcher: Catcher, **options: Any) -> None:
        super().__init__(catcher, **options)
        self._catcher = catcher

    def _create_session(self) -> SMTPSession:
        return _Session(self.loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._catcher._transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._catcher._transports.difference_update({self.transport, self._original_transport})
        super().connection_lost(error)
