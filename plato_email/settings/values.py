"""What the settings are, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

from ..message import parse_address
from ..smtp import Security, Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

TLS_MODES = ("automatic", "starttls", "tls")


class Mode(StrEnum):
    """Who gets mail at all. See docs/how-to/staging-and-emergencies.md."""

    LIVE = "live"
    """Its recipients."""
    REDIRECT = "redirect"
    """One address, whoever it was for."""
    ALLOW = "allow"
    """Only recipients on a list."""
    HOLD = "hold"
    """Nobody: mail is queued and none is sent."""


TLS_PORT = 465
"""Submission over TLS from the first byte (RFC 8314 section 3.3)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One set of settings, with the password readable: never logged, shown, pickled or copied."""

    default_sender: str = ""
    """Who mail is from unless it says otherwise: an address, with a display name or without."""
    host: str = ""
    port: int = 25
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    use_tls: bool = False
    """TLS or no mail at all."""
    tls_mode: str = "automatic"
    """One of `TLS_MODES`; automatic is TLS on port 465 and STARTTLS on any other."""
    poll_interval: int = 30
    """Seconds that ``batch_size`` is counted over."""
    batch_size: int = 100
    """Messages taken from the queue in one interval, by all processes together."""
    send_attempts: int = 5
    """Tries of one message before it is given up."""
    polling_enabled: bool = True
    mode: str = Mode.LIVE.value
    """A `Mode`."""
    redirect_to: str = ""
    """The address that all mail goes to in mode redirect."""
    allowed_recipients: str = ""
    """Addresses and domains that mail goes to in mode allow; see allowed.py."""

    @property
    def held(self) -> bool:
        """Whether the mode lets nothing out; a redirection without an address does not either."""
        return self.mode == Mode.HOLD or (self.mode == Mode.REDIRECT and not self.redirect_to)

    @property
    def lets_mail_out(self) -> bool:
        """Whether senders send at all."""
        return self.polling_enabled and not self.held

    @property
    def security(self) -> Security:
        """How the connection is protected."""
        if not self.use_tls:
            return Security.NONE
        if self.tls_mode == "automatic":
            return Security.TLS if self.port == TLS_PORT else Security.STARTTLS
        return Security(self.tls_mode)

    @property
    def configured(self) -> bool:
        """Whether there is enough to send mail with."""
        return bool(self.host and self.default_sender)

    @property
    def requires_login(self) -> bool:
        """Whether the server is logged in to."""
        return bool(self.username)

    @property
    def login_context(self) -> tuple[str, ...]:
        """What a password belongs to: change one of these and it must be typed again."""
        return (self.host, str(self.port), self.security.value, self.username)

    @property
    def address(self) -> str:
        """The server with its port, as it is stored with what it answered."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def sender_address(self) -> str:
        """The bare address of the default sender, or "" where there is none."""
        return parse_address(self.default_sender).addr_spec if self.default_sender else ""

    def server(
        self,
        ca_file: str | None = None,
        ehlo_name: str | None = None,
        allowed: tuple[str, ...] = (),
    ) -> Server:
        """Return what an SMTP session is opened with."""
        return Server(
            host=self.host,
            port=self.port,
            security=self.security,
            username=self.username,
            password=self.password,
            ca_file=ca_file,
            ehlo_name=ehlo_name,
            allowed=allowed,
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("Settings hold a password: load them where they are used.")


@dataclass(frozen=True, slots=True)
class Pin:
    """A value of ``app.config`` or the environment that overrules the stored one."""

    key: str
    """The name of the configuration key, which the page shows."""
    value: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class LastTest:
    """The last test mail."""

    at: datetime
    """Naive UTC."""
    outcome: str
    """``sent``, ``failed`` or ``partly``."""
    title: str
    current: bool
    """Whether the settings are still the ones that were tested."""


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """The settings in force, and what is known about them."""

    settings: Settings
    version: int = 0
    """Counts the saves; 0 means that nothing was ever saved."""
    updated_at: datetime | None = None
    """Naive UTC."""
    updated_by: str = ""
    unreadable: frozenset[str] = frozenset()
    """The fields whose stored secret cannot be decrypted; they read as ""."""
    key_problem: str = ""
    """Why no secret at all can be decrypted, where the keys themselves are the reason."""
    pinned: Mapping[str, str] = field(default_factory=dict)
    """Field -> configuration key that overrules what is stored."""
    tested: LastTest | None = None
    login_since: datetime | None = field(default=None, compare=False)
    """Since when the server and the user name are known to be these (naive UTC)."""


def unreadable(fields: Iterable[str]) -> str:
    """Say of secrets that cannot be decrypted which they are and what to do."""
    return (
        f"The stored {' and '.join(sorted(fields))} cannot be decrypted. "
        "Enter it again in Email Settings."
    )
