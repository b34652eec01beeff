"""Lengths of time as people say them."""

from __future__ import annotations


def span(seconds: float) -> str:
    """A duration in its largest unit: ``40 seconds``, ``3 hours``, ``12 days``."""
    whole = max(0, round(seconds))
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if whole >= size:
            return count(whole // size, unit)
    return count(whole, "second")


def count(number: int, unit: str) -> str:
    """A number of something: ``1 day``, ``2 days``."""
    return f"{number} {unit}{'' if number == 1 else 's'}"
