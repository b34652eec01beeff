"""What can go wrong below SMTP: on the wire, or in the form of a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reply import Reply


class WireError(Exception):
    """The dialogue cannot go on, and the connection is of no further use.

    ``last_words`` is a complete reply that the server had already sent when it stopped listening;
    ``sent`` is how many bytes of a write had left before it failed.
    """

    client_certificate_wanted = False
    """Whether the server hung up for want of a certificate of ours (RFC 8446 section 6.2)."""
    seconds = 0.0
    """How long was waited, where that was too long."""

    def __init__(self, words: str, last_words: Reply | None = None, sent: int = 0) -> None:
        super().__init__(words)
        self.words = words
        self.last_words = last_words
        self.sent = sent


class TimedOut(WireError):
    """The deadline has passed."""


class Dropped(WireError):
    """The connection was closed or reset."""


class Malformed(WireError):
    """What came is not an SMTP reply, or is one without end.

    ``protocol`` is what was spoken in its place: ``web``, ``mailbox`` (POP3 or IMAP), or "".
    """

    def __init__(self, words: str, protocol: str = "") -> None:
        super().__init__(words)
        self.protocol = protocol


class OutOfStep(WireError):
    """The server has given more answers than it was asked for, so none can be trusted.

    Taken for the answer to a later command, an early one shifts all that follow, and a refused
    message would count as accepted. ``said`` is the first that nothing had been asked for; only
    421 is never out of place (RFC 5321 section 3.8), so only that counts as last words.
    """

    def __init__(self, words: str, said: Reply | None = None) -> None:
        super().__init__(words, said if said is not None and said.code == 421 else None)
        self.said = said
