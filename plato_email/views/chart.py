"""The chart of a day: where each bar stands, in the units of its drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ..outbox import Hour

WIDTH, HEIGHT = 480, 100
BAR = 14
"""Width of a bar; each has ``WIDTH / 24`` for itself."""
VISIBLE = 2.0
"""The least height of a bar: one failure among ten thousand mails is to be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: what was sent at the bottom, what failed on top of it."""

    start: datetime
    sent: int
    failed: int
    x: float
    sent_y: float
    sent_height: float
    failed_y: float
    failed_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of a day and what they say together."""

    bars: tuple[Bar, ...]
    top: int
    """The number at the upper edge."""
    sent: int
    failed: int
    busiest: Bar | None
    """The hour with most mail, where there was any."""


def draw(hours: Sequence[Hour]) -> Chart:
    """Return the chart of ``hours``."""
    top = _round_up(max((each.sent + each.failed for each in hours), default=0))
    step = WIDTH / max(1, len(hours))
    bars = tuple(_bar(each, step * number, step, top) for number, each in enumerate(hours))
    busiest = max(bars, key=lambda bar: bar.sent + bar.failed, default=None)
    any_mail = busiest is not None and busiest.sent + busiest.failed > 0
    return Chart(
        bars,
        top,
        sum(each.sent for each in hours),
        sum(each.failed for each in hours),
        busiest if any_mail else None,
    )


def _bar(hour: Hour, left: float, step: float, top: int) -> Bar:
    sent, failed = _height(hour.sent, top), _height(hour.failed, top)
    sent = min(sent, HEIGHT - failed)
    x = round(left + (step - BAR) / 2, 1)
    bottom = round(HEIGHT - sent, 1)
    counts = (hour.start, hour.sent, hour.failed)
    return Bar(*counts, x, bottom, sent, round(bottom - failed, 1), failed)


def _height(count: int, top: int) -> float:
    return round(max(VISIBLE, HEIGHT * count / top), 1) if count else 0.0


def _round_up(count: int) -> int:
    """Return the next of 10, 20, 50, 100, 200, ..."""
    size = 10
    while True:
        for factor in (1, 2, 5):
            if count <= factor * size:
                return factor * size
        size *= 10
