"""Ways to make a sender worse: impatient leases, a wrong clock. For tests only."""

from __future__ import annotations

import datetime as real
import os
import sys
from collections.abc import Callable
from typing import Any

Set = Callable[[Any, str, Any], None]

LEASE = "PLATO_TEST_LEASE"
UNKNOWN_RETRY = "PLATO_TEST_UNKNOWN_RETRY"
CLOCK_OFFSET = "PLATO_TEST_CLOCK_OFFSET"


def set_everywhere(name: str, value: float, put: Set = setattr) -> None:
    """Give a constant of the package another value, in every module that has it by name."""
    found = [
        module
        for key, module in list(sys.modules.items())
        if key.startswith("plato_email") and isinstance(getattr(module, name, None), float)
    ]
    if not found:
        raise LookupError(f"plato_email has no {name}")
    for module in found:
        put(module, name, value)


def shift_clock(seconds: float, put: Set = setattr) -> None:
    """Put this process's wall clock forward; the monotonic clock and the database's stay."""
    offset = real.timedelta(seconds=seconds)

    class Shifted(real.datetime):
        """``datetime`` on a machine whose clock is wrong."""

        @classmethod
        def now(cls, tz: real.tzinfo | None = None) -> Any:
            return real.datetime.now(tz) + offset

    for key, module in list(sys.modules.items()):
        if key.startswith("plato_email") and getattr(module, "datetime", None) is real.datetime:
            put(module, "datetime", Shifted)


def obey_environment() -> None:
    """Do what the environment of a sender process asks for."""
    for variable, name in ((LEASE, "LEASE"), (UNKNOWN_RETRY, "UNKNOWN_RETRY")):
        if variable in os.environ:
            set_everywhere(name, float(os.environ[variable]))
    if CLOCK_OFFSET in os.environ:
        shift_clock(float(os.environ[CLOCK_OFFSET]))
