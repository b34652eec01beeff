"""The values that go into a session and come out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ..errors import Facts, RecipientRefusal, Stage
from ..text import unseen

_APP_PASSWORD = re.compile(r"[a-z]{4} ?[a-z]{4} ?[a-z]{4} ?[a-z]{4}", re.IGNORECASE)
"""As Google and Yahoo make them, with the blanks between the groups or without."""


class Security(StrEnum):
    """How the connection is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    """Plain first, then TLS or nothing (RFC 3207); usual on port 587."""
    TLS = "tls"
    """TLS from the first byte (RFC 8314); usual on port 465."""


@dataclass(frozen=True)
class Server:
    """Where and how mail is submitted."""

    host: str
    """A host name or an IP literal, which is also the name the certificate must carry."""
    port: int
    security: Security
    username: str = field(default="", repr=False)
    """Empty: no login."""
    password: str = field(default="", repr=False)
    ca_file: str | None = None
    """PEM file of the only authorities to trust; ``None`` means those of the system."""
    ehlo_name: str | None = None
    """The name this machine gives itself; ``None`` means its host name or address."""
    allowed: tuple[str, ...] = ()
    """The only servers to be reached: names, ``*.names`` and networks, each with a port or without,
    as :class:`~plato_email.smtp.policy.Entry` reads them. Empty: any."""

    def facts(self) -> Facts:
        """What a refusal is read with; the password itself is not in it."""
        login = self.username + self.password
        return Facts(
            host=self.host,
            port=self.port,
            tls_at_once=self.security is Security.TLS,
            username=self.username,
            login_is_ascii=login.isascii(),
            hidden=tuple(f"U+{ord(each):04X}" for each in unseen(login)),
            app_password=_APP_PASSWORD.fullmatch(self.password) is not None,
        )


@dataclass(frozen=True)
class Step:
    """One stage that has ended, for a page that shows the session as it goes."""

    stage: Stage
    ok: bool
    milliseconds: float
    detail: str


@dataclass(frozen=True)
class Receipt:
    """The server has taken responsibility for the message, for ``accepted`` at least."""

    accepted: tuple[str, ...]
    refused: Mapping[str, RecipientRefusal]
    code: int
    enhanced: str
    reply: str
    transcript: tuple[str, ...] = field(default=(), repr=False)


class Envelope(Protocol):
    """What a session needs to know of an envelope (RFC 5321 section 2.3.1)."""

    @property
    def sender(self) -> str:
        """MAIL FROM; empty for the null sender."""

    @property
    def recipients(self) -> Sequence[str]:
        """RCPT TO, each address once."""


Observe = Callable[[Step], None]
