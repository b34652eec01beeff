"""Everything that can go wrong, as a tree.

::

    PlatoEmailError
    ├── ConfigurationError      a key in app.config or the environment is wrong
    ├── MessageError            an argument of send() is wrong; also a ValueError
    ├── SettingsError           a settings field is wrong; also a ValueError
    ├── SettingsConflict        somebody else saved in the meantime
    ├── TooManyTests            the site's tests of a minute are used up
    ├── KeyRingError            the keys themselves cannot be read or made
    ├── SecretUnreadable        one stored secret cannot be decrypted
    └── DeliveryError           a mail did not go out: stage, verdict, reply

A message says the fact, the value and the cure. None carries a secret.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class Stage(StrEnum):
    """The step of an SMTP session that was being taken, in order."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    TLS = "tls"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    ACCEPTED = "accepted"


class Verdict(StrEnum):
    """Whose fault a failure is, and so what happens to the message.

    The first three are nobody's message's fault: no attempt is charged.
    """

    SERVER = "server"
    """The server is down, busy or broken: every sender backs off together."""
    SETUP = "setup"
    """Login, TLS or an address in the settings is refused: an administrator must act."""
    QUOTA = "quota"
    """The provider's limit is reached: the queue pauses for long."""
    TEMPORARY = "temporary"
    """This message was put off (4yz): it is tried again later."""
    PERMANENT = "permanent"
    """This message was refused for good (5yz)."""
    UNKNOWN = "unknown"
    """The answer after the final dot was lost: the message may have been accepted."""

    @property
    def charged(self) -> bool:
        """Whether the try counts as one of the message's Send Attempts."""
        return self in (Verdict.TEMPORARY, Verdict.PERMANENT, Verdict.UNKNOWN)


class PlatoEmailError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(PlatoEmailError):
    """A key in ``app.config`` or the environment has a value that cannot be used."""


class MessageError(PlatoEmailError, ValueError):
    """An argument of ``send()`` cannot be mailed; nothing was queued.

    ``field`` is the name of the argument, for instance ``"recipients"``.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class SettingsError(PlatoEmailError, ValueError):
    """Settings that cannot be stored; ``problems`` maps a field to its sentence."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {text}" for field, text in problems.items()))
        self.problems = dict(problems)


class SettingsConflict(PlatoEmailError):
    """The settings were saved by somebody else since they were loaded; nothing was stored."""

    def __init__(self, saved_by: str) -> None:
        who = saved_by or "somebody else"
        super().__init__(f"These settings were changed by {who} after this page was opened.")
        self.saved_by = saved_by


class TooManyTests(PlatoEmailError):
    """The tests that a site may make in a minute are used up; nothing was done.

    ``at`` (naive UTC) is when the next may begin, in ``seconds`` from now.
    """

    def __init__(self, limit: int, at: datetime, seconds: float) -> None:
        words = f"No more than {limit} a minute: the next test may begin at {at:%H:%M:%S} UTC."
        super().__init__(words)
        self.limit = limit
        self.at = at
        self.seconds = seconds


class KeyRingError(PlatoEmailError):
    """The encryption keys cannot be read, parsed or made."""


class SecretUnreadable(PlatoEmailError):
    """A stored secret cannot be decrypted: its key is gone, or it was altered or moved.

    ``key_id`` names the key it was encrypted with, where that can still be told.
    """

    def __init__(self, what: str, key_id: str | None = None) -> None:
        by = f" (it was encrypted with key {key_id!r})" if key_id else ""
        super().__init__(f"The stored {what} cannot be decrypted{by}. Enter it again.")
        self.what = what
        self.key_id = key_id


def said(code: int | None, reply: str) -> str:
    """Return a reply as one reads it: ``550 5.1.1 Unknown``, or the words where no code came."""
    return reply if code is None else f"{code} {reply}"


class DeliveryError(PlatoEmailError):
    """A mail was not accepted.

    Attributes:
        stage: the step at which it ended.
        verdict: whose fault it is.
        code: the reply code (RFC 5321 section 4.2), or ``None`` where no reply came.
        enhanced: the enhanced status code (RFC 3463), ``"5.7.8"``, or ``""``.
        reply: the server's words, or the system's where the server said nothing;
            trimmed, without credentials.
        recipients: the reply for each recipient that was refused by itself.
        transcript: the dialogue, without credentials.
    """

    def __init__(
        self,
        stage: Stage,
        verdict: Verdict,
        reply: str,
        *,
        code: int | None = None,
        enhanced: str = "",
        recipients: Mapping[str, RecipientRefusal] | None = None,
        transcript: Sequence[str] = (),
    ) -> None:
        super().__init__(f"{stage}: {said(code, reply)}")
        self.stage = stage
        self.verdict = verdict
        self.code = code
        self.enhanced = enhanced
        self.reply = reply
        self.recipients = dict(recipients or {})
        self.transcript = tuple(transcript)


class RecipientRefusal:
    """What the server said to one RCPT command that it did not accept."""

    __slots__ = ("code", "enhanced", "reply", "verdict")

    def __init__(self, code: int, enhanced: str, reply: str, verdict: Verdict) -> None:
        self.code = code
        self.enhanced = enhanced
        self.reply = reply
        self.verdict = verdict

    def __repr__(self) -> str:
        return f"RecipientRefusal({self.code}, {self.enhanced!r}, {self.verdict.value!r})"
