"""Times, durations and sizes as people say them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def stamp(at: datetime) -> str:
    """A time that a reader can compare with a log: ``2026-03-01 09:30 UTC``."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def clock(at: datetime) -> str:
    """A time of today, to the second."""
    return f"{at:%H:%M:%S} UTC"


def iso(at: datetime) -> str:
    """A time for the ``datetime`` attribute."""
    return f"{at.isoformat(timespec='seconds')}Z"


def span(seconds: float) -> str:
    """A duration in its largest unit: ``40 seconds``, ``3 hours``, ``12 days``."""
    whole = max(0, round(seconds))
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if whole >= size:
            return _count(whole // size, unit)
    return _count(whole, "second")


def size(count: int) -> str:
    """A number of bytes."""
    return _count(count, "byte") if count < 1000 else f"{count / 1000:,.0f} kB"


def tries(count: int) -> str:
    """A number of attempts."""
    return f"{count} {'try' if count == 1 else 'tries'}"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
