"""A mail server that delivers nothing: it keeps what it is given, for the mailbox page.

The mails are files in a folder, so that every process of the site can show them.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesHeaderParser, BytesParser
from email.policy import default as modern
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

if TYPE_CHECKING:
    import socket
    from asyncio import AbstractServer
    from collections.abc import Coroutine
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT_MAILS = 200

# What the catcher answers to these names, at any domain: failures to try the site with.
MOODS = {
    "nobody": "550 5.1.1 Nobody has this address here",
    "full": "552 5.2.2 This mailbox is full",
    "busy": "451 4.3.2 Busy now, try again later",
}


@dataclass(frozen=True)
class CaughtMail:
    """One mail, and when it came."""

    id: str
    at: datetime
    message: EmailMessage


class Mailbox:
    """The newest mails, in a folder that only the owner can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> None:
        """Keep a mail, and drop the oldest beyond the limit."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}.eml"
        draft = path.with_suffix(".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        draft.rename(path)
        for old in self._paths()[KEPT_MAILS:]:
            old.unlink(missing_ok=True)

    def newest(self) -> list[CaughtMail]:
        """Return all mails, newest first, with their headers only."""
        parser = BytesHeaderParser(policy=modern)
        found = [_read(path, parser) for path in self._paths()]
        return [mail for mail in found if mail is not None]

    def get(self, mail_id: str) -> CaughtMail | None:
        """Return one whole mail, or ``None`` where it is gone."""
        for path in self._paths():
            if path.stem == mail_id:
                return _read(path, BytesParser(policy=modern))
        return None

    def empty(self) -> None:
        """Drop every mail."""
        for path in self._paths():
            path.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.eml"), reverse=True)


def _read(path: Path, parser: BytesParser[EmailMessage]) -> CaughtMail | None:
    try:
        with path.open("rb") as file:
            message = parser.parse(file)
    except FileNotFoundError:
        return None
    seconds = int(path.stem.partition("-")[0]) / 1e9
    return CaughtMail(path.stem, datetime.fromtimestamp(seconds, UTC), message)


class _Handler:
    """What aiosmtpd calls as a mail comes in."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        refusal = MOODS.get(address.partition("@")[0].lower())
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient accepted"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if not isinstance(envelope.content, bytes):
            return "451 4.3.0 The content did not arrive"
        self._mailbox.put(_trace(envelope) + envelope.content)
        return "250 2.0.0 Caught"


def _trace(envelope: Envelope) -> bytes:
    """Write the envelope on top, as the last server on a mail's way does: it shows the Bcc."""
    lines = [f"Return-Path: <{envelope.mail_from}>"]
    lines += [f"Delivered-To: {address}" for address in envelope.rcpt_tos]
    return "".join(f"{line}\r\n" for line in lines).encode()


class _Catcher(Controller):
    """A controller that is given its socket instead of binding one."""

    def __init__(self, handler: _Handler, listener: socket.socket) -> None:
        host, port = listener.getsockname()
        super().__init__(
            handler, hostname=host, port=port, enable_SMTPUTF8=True, ident="Grove catcher"
        )
        self._listener = listener

    def _create_server(self) -> Coroutine[Any, Any, AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listener)


def start(mailbox: Mailbox, listener: socket.socket) -> Controller:
    """Serve on ``listener``, in a thread, until ``stop()``."""
    controller = _Catcher(_Handler(mailbox), listener)
    controller.start()
    return controller
