"""Wait for what no event tells: a row in a database that another process writes."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(
    holds: Callable[[], bool],
    timeout: float = 30.0,
    *,
    what: Callable[[], str] = lambda: "it did not come true in time",
) -> None:
    """Wait until ``holds`` is true; fail, saying ``what``, when it is not in time."""
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, what()
        time.sleep(0.05)
