"""The outbox: every statement on messages.

`Outbox.enqueue` runs in the host's transaction. Everything else is a short transaction of its own
on the senders' private engine, and none is open while SMTP talks.
"""

from __future__ import annotations

from .claiming import LEASE, Claiming
from .enqueue import CONTENT, Enqueuing
from .keeping import Keeping
from .reading import Reading
from .recording import Recording
from .upkeep import Upkeep
from .values import (
    Advanced,
    Attempt,
    Claimed,
    Gate,
    MessageRow,
    Nothing,
    Process,
    QueuedMessage,
    RecipientOutcome,
    Result,
    Slice,
    Statistics,
)


class Outbox(Enqueuing, Claiming, Recording, Reading, Upkeep, Keeping):
    """The queue of one site. Safe to share between threads; nothing is kept in memory."""


__all__ = [
    "CONTENT",
    "LEASE",
    "Advanced",
    "Attempt",
    "Claimed",
    "Gate",
    "MessageRow",
    "Nothing",
    "Outbox",
    "Process",
    "QueuedMessage",
    "RecipientOutcome",
    "Result",
    "Slice",
    "Statistics",
]
