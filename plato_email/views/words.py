"""Times, durations and sizes as people say them."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from ..durations import count as _count

if TYPE_CHECKING:
    from datetime import datetime


def stamp(at: datetime) -> str:
    """A time that a reader can compare with a log: ``2026-03-01 09:30 UTC``."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def clock(at: datetime) -> str:
    """A time of today, to the second."""
    return f"{at:%H:%M:%S} UTC"


def precisely(seconds: float) -> str:
    """A short wait, to the second: ``11 s``, ``4 min 10 s``."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def speed(per_second: float) -> str:
    """How fast mail leaves, in the unit that gives a number people can picture."""
    if per_second >= 1:
        return f"{per_second:,.0f} a second"
    if per_second * 60 >= 1:
        return f"{per_second * 60:.0f} a minute"
    return f"{per_second * 3600:.0f} an hour"


def number(count: int) -> str:
    """A whole number with its thousands apart."""
    return f"{count:,}"


def hour(start: datetime) -> str:
    """An hour of the clock: ``14:00 to 15:00``."""
    return f"{start:%H:%M} to {start + timedelta(hours=1):%H:%M}"


def ago(at: datetime, now: datetime) -> str:
    """How long ago a time is, or how far ahead: ``4 min ago``, ``in 2 days``."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    return f"{_short(seconds)} ago" if seconds > 0 else f"in {_short(-seconds)}"


def ahead(at: datetime, now: datetime) -> str:
    """When something is to come; ``at once`` where its time has come."""
    return "at once" if at <= now else ago(at, now)


def _short(seconds: float) -> str:
    whole = round(seconds)
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if whole >= 2 * size or (unit != "d" and whole >= size):
            return f"{whole // size} {unit}"
    return f"{whole} s"


def days(count: int) -> str:
    """A number of days."""
    return _count(count, "day")


def size(count: int) -> str:
    """A number of bytes."""
    return _count(count, "byte") if count < 1000 else f"{count / 1000:,.0f} kB"


def tries(count: int) -> str:
    """A number of attempts."""
    return f"{count} {'try' if count == 1 else 'tries'}"
