"""What goes in and out of the outbox: frozen values, never rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ..tables import State
from .fault import PARTIAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..errors import RecipientRefusal

REPLY_LENGTH = 500
"""Characters kept of what a server said."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """What ``send()`` returns: the message as it stands in the queue.

    Attributes:
        id: the row's number; never given to another message.
        message_id: the Message-ID header, identical on every try.
        duplicate: true when the idempotency key was already known, and nothing was added.
        urgent: whether its priority is high.
    """

    id: int
    message_id: str
    recipients: tuple[str, ...]
    subject: str = field(repr=False)
    duplicate: bool = False
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message in this sender's hands."""

    id: int
    message_id: str
    sender: str
    recipients: tuple[str, ...]
    """Envelope recipients that no server has accepted yet."""
    subject: str = field(repr=False)
    priority: int
    attempts: int
    """Tries before this one."""
    size: int
    created_at: datetime
    cause: str = ""
    """Why the last try failed, or ""."""
    stopped: bool = False
    """Whether the last try stopped the queue: it was refused for a reason that is all mail's."""
    answered: Mapping[str, str] = field(default_factory=dict)
    """What earlier tries brought, by recipient: accepted, refused or deferred."""
    begun: bool = False
    """Whether it was begun, and its attempt counted, as it was claimed."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Messages claimed together, under one lease token."""

    token: str
    take: int
    messages: tuple[Claimed, ...]
    probe: bool
    """Whether this is the one try that finds out if a failing server is well again."""
    more: bool = True
    """Whether there may be more to claim."""
    outage: tuple[str, str] | None = None
    """Stage and cause of the outage that this probes; see ``probe``."""
    contents: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """Stored, encrypted bytes that were read along, by the message's id."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """There was nothing to claim.

    Attributes:
        wait: seconds after which there may be; ``None`` when nobody can tell.
        reason: "empty", "busy" (another process is claiming), "rate" or "failing".
    """

    wait: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """How one try of one message ended; what `Outbox.advance` records."""

    message: Claimed
    state: State
    """SENT, FAILED, CANCELLED, or QUEUED for another try."""
    outcome: str
    """The word that the attempt is remembered by: sent, partly, deferred, failed, ..."""
    started_at: datetime
    milliseconds: int
    stage: str
    code: int | None = None
    enhanced: str = ""
    reply: str = ""
    cause: str = ""
    """A value of `errors.Cause`, or ""."""
    server: str = ""
    """The server that answered, or did not, with its port; "" where none was asked."""
    charged: bool = True
    """Whether the try counts as one of the message's Send Attempts."""
    begun: bool = True
    """Whether the message was begun, and so the try was counted already."""
    unknown: bool = False
    retry_in: float = 0.0
    """Seconds until the next try, where state is QUEUED."""
    unused: bool = False
    """Whether it never came near the server, so that its share of the rate is free."""
    repeats: bool = False
    """Whether it brought what the last try brought, which is noted already."""
    accepted: tuple[str, ...] = ()
    refused: Mapping[str, RecipientRefusal] = field(default_factory=dict)


class Advanced(NamedTuple):
    """What `Outbox.advance` could do."""

    begun: frozenset[int]
    """The ids that may be sent; the others were lost to another sender."""
    lost: frozenset[int]
    """The ids whose result was not stored, for another sender has taken them over."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Why, since when and until when all senders wait."""

    failures: int
    failing_since: datetime
    retry_at: datetime
    verdict: str
    stage: str
    code: int | None
    enhanced: str
    reply: str
    cause: str
    server: str


@dataclass(frozen=True, slots=True)
class Process:
    """A sender, as it last reported itself."""

    name: str
    started_at: datetime
    seen_at: datetime
    error: str
    error_at: datetime | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """The queue in numbers; ``sent`` and ``failed`` count the last 24 hours."""

    queued: int
    deferred: int
    sending: int
    sent: int
    failed: int
    oldest_waiting: float | None
    """Seconds that the oldest message which could go now has waited."""
    taken: int
    """Messages taken from the queue in the present interval."""
    taken_first: float | None = None
    """Seconds since the first of them was taken; ``None`` where none was."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What became final in one hour of the clock."""

    start: datetime
    """Naive UTC."""
    sent: int
    failed: int


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as a list shows it: no body, and no subject where it is sensitive."""

    id: int
    state: str
    deferred: bool
    priority: int
    available_at: datetime
    attempts: int
    message_id: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    size: int
    attachments: int
    sensitive: bool
    created_at: datetime
    expires_at: datetime | None
    finished_at: datetime | None
    stage: str
    code: int | None
    enhanced: str
    reply: str
    cause: str
    server: str
    fault: str
    """The same for all messages that met the same trouble; see `outbox.fault`."""

    @property
    def partial(self) -> bool:
        """Whether some of its recipients have it and others will not get it."""
        return self.fault == PARTIAL

    @property
    def status(self) -> str:
        """The state as the search names it: claimed is sending, put off is deferred."""
        if self.state == State.CLAIMED:
            return State.SENDING.value
        if self.partial:
            return PARTIAL
        return "deferred" if self.deferred else self.state


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a message."""

    at: datetime
    milliseconds: int
    process: str
    outcome: str
    stage: str
    code: int | None
    enhanced: str
    reply: str
    cause: str
    server: str


@dataclass(frozen=True, slots=True)
class RecipientOutcome:
    """What became of one recipient, once the server has answered for it."""

    address: str
    outcome: str
    code: int | None
    enhanced: str
    reply: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Steered:
    """What became of the messages that something was to be done to.

    Attributes:
        done: the ids that it was done to.
        left: how many were left alone, by the reason: a state or another word.
    """

    done: tuple[int, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Steered) -> Steered:
        return Steered(self.done + other.done, Counter(self.left) + Counter(other.left))


def dump_recipients(recipients: Sequence[str]) -> str:
    """Write envelope recipients as the column keeps them."""
    return json.dumps(list(recipients), ensure_ascii=False)


def load_recipients(text: str) -> tuple[str, ...]:
    """Read what `dump_recipients` wrote."""
    return tuple(json.loads(text))
