"""What can go wrong below SMTP: on the wire, or in the form of a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reply import Reply


class WireError(Exception):
    """The dialogue cannot go on, and the connection is of no further use.

    ``last_words`` is a complete reply that the server had already sent when it stopped listening.
    """

    def __init__(self, words: str, last_words: Reply | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.last_words = last_words


class TimedOut(WireError):
    """The deadline has passed."""


class Dropped(WireError):
    """The connection was closed or reset."""


class Malformed(WireError):
    """What came is not an SMTP reply, or is one without end."""
