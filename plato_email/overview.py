"""Overview: what the page of the queue shows, from one look at the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from .status import Condition, Status

if TYPE_CHECKING:
    from .outbox import Hour, Outbox

BACKLOG = 20
"""Messages that could go now, from which on their end is estimated."""
MEASURED = 60.0
"""Seconds that the speed is measured over at least, once there are so many."""
AT_LIMIT = 0.9
"""The share of what the rate allows from which on it is what holds mail up."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of Batch Size is used in the present interval."""

    taken: int
    limit: int
    interval: int
    """Seconds."""
    resumes: float | None
    """Seconds until there is room again; ``None`` while there is."""


@dataclass(frozen=True, slots=True)
class Drain:
    """How far a backlog is, and when it may be gone.

    Counted from the moment since when the oldest of the waiting messages could have gone:
    everything older than it has gone. So each process tells the same, and none has to remember.
    """

    done: int
    left: int
    speed: float
    """Messages a second, measured."""
    seconds: float | None
    """Until the end at that speed, never less than the rate allows; ``None``: nothing leaves."""
    limited: bool
    """Whether Batch Size is what holds them up."""

    @property
    def total(self) -> int:
        """What the bar is full at."""
        return self.done + self.left


@dataclass(frozen=True, slots=True)
class Overview:
    """The queue at one moment, and its last day."""

    status: Status
    hours: tuple[Hour, ...]
    """24 hours of the clock, the present one last."""
    rate: Rate
    drain: Drain | None
    """``None`` while there is no backlog."""


def read_overview(outbox: Outbox, status: Status) -> Overview:
    """Ask the outbox for what a `Status` does not hold."""
    return Overview(status, outbox.hours(), _rate(status), _drain(outbox, status))


def _rate(status: Status) -> Rate:
    numbers, settings = status.statistics, status.settings.settings
    resumes = None
    if numbers.taken >= settings.batch_size and numbers.taken_first is not None:
        resumes = max(0.0, settings.poll_interval - numbers.taken_first)
    return Rate(numbers.taken, settings.batch_size, settings.poll_interval, resumes)


def _drain(outbox: Outbox, status: Status) -> Drain | None:
    numbers = status.statistics
    left = numbers.queued + numbers.sending
    if left < BACKLOG or numbers.oldest_waiting is None:
        return None
    done = outbox.finished_since(status.now - timedelta(seconds=numbers.oldest_waiting))
    longest = max(MEASURED, 2.0 * status.settings.settings.poll_interval)
    window = min(numbers.oldest_waiting, longest)
    speed = outbox.finished_since(status.now - timedelta(seconds=window)) / max(window, 1.0)
    flows = speed > 0 and status.state in (Condition.VERIFIED, Condition.UNVERIFIED)
    return Drain(
        done,
        left,
        speed,
        seconds=_seconds(left, speed, status) if flows else None,
        limited=speed >= AT_LIMIT * _allowed(status),
    )


def _seconds(left: int, speed: float, status: Status) -> float:
    room = max(0, status.settings.settings.batch_size - status.statistics.taken)
    return max(left / speed, (left - room) / _allowed(status))


def _allowed(status: Status) -> float:
    """Messages a second that the rate lets go."""
    return status.settings.settings.batch_size / status.settings.settings.poll_interval
