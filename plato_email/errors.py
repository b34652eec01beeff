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
    └── DeliveryError           a mail did not go out: stage, cause, verdict, reply

A message says the fact, the value and the cure. None carries a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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


MAIL_STAGES = frozenset({Stage.SENDER, Stage.RECIPIENT, Stage.DATA, Stage.ACCEPTED})
"""The stages of one mail; those before are the session's."""


class Verdict(StrEnum):
    """What the queue does about a failure.

    The first three are not caused by any one message: all mail waits, and none fails by it.
    """

    SERVER = "server"
    """The server is down, busy or broken: every sender backs off together."""
    SETUP = "setup"
    """Login, TLS or an address in the settings is refused: an administrator must act."""
    QUOTA = "quota"
    """The account's limit is reached: the queue pauses for long."""
    TEMPORARY = "temporary"
    """This message was put off: it is tried again later."""
    PERMANENT = "permanent"
    """This message was refused for good."""
    UNKNOWN = "unknown"
    """The answer after the final dot was lost: the message may have been accepted."""

    @property
    def charged(self) -> bool:
        """Whether the try counts as one of the message's Send Attempts."""
        return self in (Verdict.TEMPORARY, Verdict.PERMANENT, Verdict.UNKNOWN)


class About(StrEnum):
    """What a cause speaks of."""

    ALL = "all"
    """The server, the account or the settings: the next message would meet the same."""
    SENDER = "sender"
    """The message's sender: the next one from it would meet the same."""
    ONE = "one"
    """One recipient or one content: the next message may well be taken."""


class Cause(StrEnum):
    """Why a mail did not go out: what the queue does and what the page says follow from it.

    Each has its verdict. ``None``: the reply decides, as RFC 5321 section 4.2.1 has it: 4yz is
    tried again, 5yz is not.
    """

    _verdict: Verdict | None
    about: About

    def __new__(cls, name: str, verdict: Verdict | None, about: About = About.ALL) -> Self:
        """Make a member whose value is its name alone."""
        cause = str.__new__(cls, name)
        cause._value_ = name
        cause._verdict = verdict
        cause.about = about
        return cause

    # Reaching the server
    HOST_MISSING = "host-missing", Verdict.SETUP
    HOST_MALFORMED = "host-malformed", Verdict.SETUP
    HOST_NOT_ALLOWED = "host-not-allowed", Verdict.SETUP
    ADDRESS_NEVER_USED = "address-never-used", Verdict.SETUP
    NAME_LOOKUP_SLOW = "name-lookup-slow", Verdict.SERVER
    NAME_LOOKUP_FAILED = "name-lookup-failed", Verdict.SERVER
    HOST_WITHOUT_ADDRESS = "host-without-address", Verdict.SERVER
    HOST_NOT_FOUND = "host-not-found", Verdict.SERVER
    CONNECTION_REFUSED = "connection-refused", Verdict.SERVER
    CONNECTION_FORBIDDEN = "connection-forbidden", Verdict.SERVER
    IPV6_BROKEN = "ipv6-broken", Verdict.SERVER
    PORT_25_BLOCKED = "port-25-blocked", Verdict.SERVER
    CONNECTION_TIMED_OUT = "connection-timed-out", Verdict.SERVER
    NETWORK_UNREACHABLE = "network-unreachable", Verdict.SERVER
    CONNECTION_FAILED = "connection-failed", Verdict.SERVER

    # Greeting and EHLO
    TLS_EXPECTED = "tls-expected", Verdict.SERVER
    WEB_SERVER = "web-server", Verdict.SERVER
    MAILBOX_SERVER = "mailbox-server", Verdict.SERVER
    NOT_A_MAIL_SERVER = "not-a-mail-server", Verdict.SERVER
    PROXY_CANNOT_CONNECT = "proxy-cannot-connect", Verdict.SERVER
    GREETING_SILENT = "greeting-silent", Verdict.SERVER
    GREETING_BUSY = "greeting-busy", Verdict.SERVER
    GREETING_REFUSED = "greeting-refused", Verdict.SERVER
    GREETING_LOST = "greeting-lost", Verdict.SERVER
    CLIENT_CERTIFICATE_WANTED = "client-certificate-wanted", Verdict.SETUP
    REVERSE_NAME_MISSING = "reverse-name-missing", Verdict.SETUP
    MACHINE_NOT_ALLOWED = "machine-not-allowed", Verdict.SETUP
    MACHINE_BLOCKED = "machine-blocked", Verdict.SETUP
    TOO_MANY_CONNECTIONS = "too-many-connections", Verdict.SERVER
    OWN_NAME_MALFORMED = "own-name-malformed", Verdict.SETUP
    OWN_NAME_REFUSED = "own-name-refused", Verdict.SETUP
    INTRODUCTION_FAILED = "introduction-failed", Verdict.SERVER

    # TLS
    STARTTLS_EXPECTED = "starttls-expected", Verdict.SETUP
    STARTTLS_STRIPPED = "starttls-stripped", Verdict.SETUP
    STARTTLS_MISSING_LOCALLY = "starttls-missing-locally", Verdict.SETUP
    STARTTLS_MISSING_AT_CATCHER = "starttls-missing-at-catcher", Verdict.SETUP
    STARTTLS_MISSING = "starttls-missing", Verdict.SETUP
    STARTTLS_TAMPERED = "starttls-tampered", Verdict.SETUP
    STARTTLS_UNAVAILABLE = "starttls-unavailable", Verdict.SERVER
    STARTTLS_REFUSED = "starttls-refused", Verdict.SETUP
    CERTIFICATE_SELF_SIGNED = "certificate-self-signed", Verdict.SETUP
    CERTIFICATE_NAME = "certificate-name", Verdict.SETUP
    CERTIFICATE_EXPIRED = "certificate-expired", Verdict.SETUP
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid", Verdict.SETUP
    CERTIFICATE_INTERCEPTED = "certificate-intercepted", Verdict.SETUP
    CERTIFICATE_UNTRUSTED = "certificate-untrusted", Verdict.SETUP
    CERTIFICATE_WEAK = "certificate-weak", Verdict.SETUP
    CERTIFICATE_REFUSED = "certificate-refused", Verdict.SETUP
    CA_FILE_UNUSABLE = "ca-file-unusable", Verdict.SETUP
    TLS_KEY_TOO_SHORT = "tls-key-too-short", Verdict.SETUP
    TLS_RENEGOTIATION = "tls-renegotiation", Verdict.SETUP
    TLS_TOO_OLD = "tls-too-old", Verdict.SETUP
    TLS_NO_COMMON_CIPHER = "tls-no-common-cipher", Verdict.SETUP
    TLS_SILENT = "tls-silent", Verdict.SERVER
    TLS_DROPPED = "tls-dropped", Verdict.SERVER
    TLS_FAILED = "tls-failed", Verdict.SETUP

    # Login
    LOGIN_UNENCRYPTED = "login-unencrypted", Verdict.SETUP
    LOGIN_AFTER_TLS = "login-after-tls", Verdict.SETUP
    LOGIN_NOT_OFFERED = "login-not-offered", Verdict.SETUP
    LOGIN_BY_TOKEN_ONLY = "login-by-token-only", Verdict.SETUP
    LOGIN_MECHANISM = "login-mechanism", Verdict.SETUP
    LOGIN_NOT_TEXT = "login-not-text", Verdict.SETUP
    LOGIN_HIDDEN_CHARACTERS = "login-hidden-characters", Verdict.SETUP
    LOGIN_NOT_ASCII = "login-not-ascii", Verdict.SETUP
    USER_NAME_FIXED = "user-name-fixed", Verdict.SETUP
    USER_NAME_INCOMPLETE = "user-name-incomplete", Verdict.SETUP
    GOOGLE_SIGN_IN_BLOCKED = "google-sign-in-blocked", Verdict.SETUP
    GOOGLE_APP_PASSWORD = "google-app-password", Verdict.SETUP
    GOOGLE_PASSWORD_REFUSED = "google-password-refused", Verdict.SETUP
    MICROSOFT_SECURITY_DEFAULTS = "microsoft-security-defaults", Verdict.SETUP
    MICROSOFT_PASSWORDS_GONE = "microsoft-passwords-gone", Verdict.SETUP
    MICROSOFT_LOGIN_OFF = "microsoft-login-off", Verdict.SETUP
    MICROSOFT_PASSWORD_REFUSED = "microsoft-password-refused", Verdict.SETUP
    APP_PASSWORD = "app-password", Verdict.SETUP
    PROVIDER_CREDENTIALS = "provider-credentials", Verdict.SETUP
    PASSWORD_EXPIRED = "password-expired", Verdict.SETUP
    ACCOUNT_LOCKED = "account-locked", Verdict.SETUP
    LOGIN_NOT_PERMITTED = "login-not-permitted", Verdict.SETUP
    LOGIN_TOO_OFTEN = "login-too-often", Verdict.SERVER
    LOGIN_UNAVAILABLE = "login-unavailable", Verdict.SERVER
    TLS_REQUIRED = "tls-required", Verdict.SETUP
    PASSWORD_REFUSED = "password-refused", Verdict.SETUP
    LOGIN_LOST = "login-lost", Verdict.SERVER
    LOGIN_FAILED = "login-failed", Verdict.SETUP

    # The account: whether it may send, and how much
    ACCOUNT_NOT_ACTIVE = "account-not-active", Verdict.SETUP
    ACCOUNT_RIGHT_MISSING = "account-right-missing", Verdict.SETUP
    TEST_ACCOUNT = "test-account", Verdict.SETUP
    LOGIN_REQUIRED = "login-required", Verdict.SETUP
    RELAYING_DENIED_NO_LOGIN = "relaying-denied-no-login", Verdict.SETUP
    RELAYING_DENIED = "relaying-denied", Verdict.SETUP
    SENDING_TOO_FAST = "sending-too-fast", Verdict.SERVER
    QUOTA_REACHED = "quota-reached", Verdict.QUOTA
    LIMIT_REACHED = "limit-reached", Verdict.TEMPORARY

    # The sender of the mail
    SENDER_NOT_VERIFIED = "sender-not-verified", Verdict.SETUP, About.SENDER
    SENDER_NOT_OWNED = "sender-not-owned", Verdict.SETUP, About.SENDER
    SENDER_NOT_ASCII = "sender-not-ascii", Verdict.SETUP, About.SENDER
    SENDER_DOMAIN = "sender-domain", Verdict.SETUP, About.SENDER
    SENDER_NOT_AUTHENTICATED = "sender-not-authenticated", None
    SENDER_REFUSED = "sender-refused", None

    # The dialogue and the server while a mail is carried
    OUTCOME_UNKNOWN = "outcome-unknown", Verdict.UNKNOWN, About.ONE
    ANSWERS_OUT_OF_STEP = "answers-out-of-step", Verdict.SERVER
    CONNECTION_LOST = "connection-lost", Verdict.SERVER
    SERVER_CLOSING = "server-closing", Verdict.SERVER
    SERVER_ERROR = "server-error", Verdict.TEMPORARY
    SERVER_FULL = "server-full", Verdict.TEMPORARY
    PUT_OFF = "put-off", Verdict.TEMPORARY

    # One recipient, one content
    MESSAGE_TOO_LARGE = "message-too-large", None, About.ONE
    MESSAGE_LOOPED = "message-looped", None, About.ONE
    ADDRESS_NOT_ASCII = "address-not-ascii", None, About.ONE
    CONTENT_NOT_ASCII = "content-not-ascii", None, About.ONE
    CONTENT_MALFORMED = "content-malformed", None, About.ONE
    ADDRESS_MALFORMED = "address-malformed", None, About.ONE
    ATTACHMENT_REFUSED = "attachment-refused", None, About.ONE
    TAKEN_FOR_SPAM = "taken-for-spam", None, About.ONE
    TOO_MANY_RECIPIENTS = "too-many-recipients", Verdict.TEMPORARY, About.ONE
    GREYLISTED = "greylisted", Verdict.TEMPORARY, About.ONE
    MAILBOX_FULL = "mailbox-full", None, About.ONE
    RECIPIENT_SUPPRESSED = "recipient-suppressed", None, About.ONE
    RECIPIENT_OVERRUN = "recipient-overrun", None, About.ONE
    RECIPIENT_DISABLED = "recipient-disabled", None, About.ONE
    RECIPIENT_UNKNOWN = "recipient-unknown", None, About.ONE
    RECIPIENT_REFUSED = "recipient-refused", None
    MESSAGE_REFUSED = "message-refused", None

    # What this package decides by itself; the words that are stored say it all
    MAIL_HELD = "mail-held", Verdict.SETUP
    NOT_ON_ALLOW_LIST = "not-on-allow-list", Verdict.PERMANENT, About.ONE
    CANCELLED_BY_SITE = "cancelled-by-site", Verdict.PERMANENT, About.ONE
    KEY_MISSING = "key-missing", Verdict.TEMPORARY, About.ONE
    CONTENT_GONE = "content-gone", Verdict.PERMANENT, About.ONE
    INTERNAL_ERROR = "internal-error", Verdict.TEMPORARY, About.ONE
    SENDER_DIED = "sender-died", Verdict.UNKNOWN, About.ONE

    @classmethod
    def read(cls, stored: str | None) -> Cause | None:
        """The cause of that name; ``None`` where there is none, or none of this version."""
        return _CAUSES.get(stored or "")

    def verdict(self, code: int | None) -> Verdict:
        """What the queue does.

        Args:
            code: the reply code, which tells a passing refusal from a final one where the cause
                leaves that open; ``None``: no reply came, or the refusal is ours and final.
        """
        if code == 421 and (self._verdict is None or self._verdict.charged):
            # The server takes its leave: no message is to blame (RFC 5321 section 3.8).
            return Verdict.UNKNOWN if self._verdict is Verdict.UNKNOWN else Verdict.SERVER
        if self._verdict is not None:
            return self._verdict
        return Verdict.TEMPORARY if code is not None and code // 100 == 4 else Verdict.PERMANENT


_CAUSES = {cause.value: cause for cause in Cause}

CERTIFICATE_CAUSES = frozenset(
    {
        Cause.CERTIFICATE_SELF_SIGNED,
        Cause.CERTIFICATE_NAME,
        Cause.CERTIFICATE_EXPIRED,
        Cause.CERTIFICATE_NOT_YET_VALID,
        Cause.CERTIFICATE_INTERCEPTED,
        Cause.CERTIFICATE_UNTRUSTED,
        Cause.CERTIFICATE_WEAK,
        Cause.CERTIFICATE_REFUSED,
    }
)
"""The server speaks TLS, and its certificate is not accepted."""


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


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server's certificate says of itself; each is empty where that is not known."""

    names: tuple[str, ...] = ()
    """Host names before addresses, five at most; the common name where it has no other."""
    common_name_only: bool = False
    """Whether ``names`` is its common name, which counts for host names, not for addresses."""
    issuer: str = ""
    begins: date | None = None
    ends: date | None = None
    fingerprint: str = ""
    """SHA-256 over the certificate, in pairs of hexadecimal digits."""
    issuer_missing: bool = False
    """Whether the certificate of its issuer was neither sent nor is known here."""

    begun: bool = False
    """Whether its own time has begun: if it counts as not yet valid, its issuer's has not."""
    current: bool = False
    """Whether its own time is not over: if it counts as expired, its issuer's is."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """An address of the server that was tried in vain."""

    address: str
    """With its port: ``192.0.2.1:587``, ``[2001:db8::1]:587``."""
    reason: str
    """``refused``, ``timeout``, ``unreachable``, ``forbidden`` or ``other``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a session knew when a mail did not go out, as values that no sentence has to carry."""

    host: str = ""
    """The server as it is set: what answered, or should have."""
    port: int = 0
    tls_at_once: bool = False
    username: str = field(default="", repr=False)
    """Empty: no login."""
    login_is_ascii: bool = True
    hidden: tuple[str, ...] = ()
    """Characters of the login that cannot be seen, as ``U+00A0``."""
    app_password: bool = False
    """Whether the password has the form of an app password: 16 letters."""
    sender: str = ""
    """The envelope's sender, where a mail was under way."""
    certificate: Certificate | None = None
    """That of a server whose certificate was refused."""
    unreached: tuple[Unreached, ...] = ()
    offered: tuple[str, ...] = ()
    """The mechanisms of login that the server offered."""
    seconds: float = 0.0
    """How long was waited, where no answer came."""
    catcher: str = ""
    """The name of the mail catcher that greeted, such as ``Mailpit``."""
    in_container: bool = False
    """Whether this machine is a container, whose loopback is its own."""


class DeliveryError(PlatoEmailError):
    """A mail was not accepted.

    Attributes:
        stage: the step at which it ended.
        cause: why; see :class:`Cause`.
        verdict: what the queue does about it.
        code: the reply code (RFC 5321 section 4.2), or ``None`` where no reply came.
        enhanced: the enhanced status code (RFC 3463), ``"5.7.8"``, or ``""``.
        reply: the server's words, or the system's where the server said nothing;
            trimmed, without the password.
        recipients: the reply for each recipient that was refused by itself.
        transcript: the dialogue, without the password.
        facts: what else was known.
    """

    def __init__(
        self,
        stage: Stage,
        cause: Cause,
        reply: str,
        *,
        code: int | None = None,
        enhanced: str = "",
        recipients: Mapping[str, RecipientRefusal] | None = None,
        transcript: Sequence[str] = (),
        facts: Facts | None = None,
    ) -> None:
        super().__init__(f"{stage}: {said(code, reply)}")
        self.stage = stage
        self.cause = cause
        self.code = code
        self.enhanced = enhanced
        self.reply = reply
        self.recipients = dict(recipients or {})
        self.transcript = tuple(transcript)
        self.facts = facts or Facts()

    @property
    def verdict(self) -> Verdict:
        """What the queue does about it."""
        return self.cause.verdict(self.code)


class RecipientRefusal:
    """What the server said to one RCPT command that it did not accept."""

    __slots__ = ("cause", "code", "enhanced", "reply")

    def __init__(self, code: int, enhanced: str, reply: str, cause: Cause) -> None:
        self.code = code
        self.enhanced = enhanced
        self.reply = reply
        self.cause = cause

    @property
    def verdict(self) -> Verdict:
        """What the queue does about it."""
        return self.cause.verdict(self.code)

    def __repr__(self) -> str:
        return f"RecipientRefusal({self.code}, {self.enhanced!r}, {self.cause.value!r})"
