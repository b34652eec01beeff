"""The outbox: every statement on messages.

`Outbox.enqueue` runs in the host's transaction. Everything else is a short transaction of its own
on the senders' private engine, and none is open while SMTP talks.
"""

from __future__ import annotations

from .browsing import Browsing, Count, Fault, Page
from .claiming import LEASE, Claiming
from .deleting import UNDO, Restored
from .enqueue import CONTENT, Enqueuing
from .evidence import Evidence
from .fault import PARTIAL
from .figures import Figures
from .grammar import KEYS, PRIORITY_NAMES, STATUSES, Search, SearchError, read_search
from .keeping import Keeping
from .reading import Reading
from .recording import Recording
from .steering import Act, SteeringRefused
from .upkeep import PURGEABLE, Upkeep
from .values import (
    Advanced,
    Attempt,
    Claimed,
    Gate,
    Hour,
    MessageRow,
    Nothing,
    Process,
    QueuedMessage,
    RecipientOutcome,
    Result,
    Slice,
    Statistics,
    Steered,
)
from .walking import Place


class Outbox(Enqueuing, Claiming, Recording, Evidence, Reading, Browsing, Figures, Upkeep, Keeping):
    """The queue of one site. Safe to share between threads; only counts are kept in memory."""


__all__ = [
    "CONTENT",
    "KEYS",
    "LEASE",
    "PARTIAL",
    "PRIORITY_NAMES",
    "PURGEABLE",
    "STATUSES",
    "UNDO",
    "Act",
    "Advanced",
    "Attempt",
    "Claimed",
    "Count",
    "Fault",
    "Gate",
    "Hour",
    "MessageRow",
    "Nothing",
    "Outbox",
    "Page",
    "Place",
    "Process",
    "QueuedMessage",
    "RecipientOutcome",
    "Restored",
    "Result",
    "Search",
    "SearchError",
    "Slice",
    "Statistics",
    "Steered",
    "SteeringRefused",
    "read_search",
]
