"""Ways to make a sender worse: short leases, a wrong clock, a death foretold. For tests only."""

from __future__ import annotations

import datetime as real
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

Set = Callable[[Any, str, Any], None]

LEASE = "PLATO_TEST_LEASE"
UNKNOWN_RETRY = "PLATO_TEST_UNKNOWN_RETRY"
IDLE_TRANSACTION = "PLATO_TEST_IDLE_TRANSACTION"
CLOCK_OFFSET = "PLATO_TEST_CLOCK_OFFSET"
REPORT_EVERY = "PLATO_TEST_REPORT_EVERY"
DIE_AT = "PLATO_TEST_DIE_AT"
FREEZE_AT = "PLATO_TEST_FREEZE_AT"

CONSTANTS = {
    LEASE: "LEASE",
    UNKNOWN_RETRY: "UNKNOWN_RETRY",
    IDLE_TRANSACTION: "IDLE_TRANSACTION",
    REPORT_EVERY: "REPORT_EVERY",
}


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


def die_at(number: int) -> None:
    """Let this process be killed behind so many database statements, wherever it then is."""
    left = number

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", count)


def freeze_at(words: str) -> None:
    """Let this process be stopped behind a statement, in the middle of its transaction."""
    done = False

    def look(_: object, __: object, statement: str, *___: object) -> None:
        nonlocal done
        if not done and words in statement:
            done = True
            os.kill(os.getpid(), signal.SIGSTOP)

    event.listen(Engine, "after_cursor_execute", look)


def obey_environment() -> None:
    """Do what the environment of a sender process asks for."""
    for variable, name in CONSTANTS.items():
        if variable in os.environ:
            set_everywhere(name, float(os.environ[variable]))
    if CLOCK_OFFSET in os.environ:
        shift_clock(float(os.environ[CLOCK_OFFSET]))
    if DIE_AT in os.environ:
        die_at(int(os.environ[DIE_AT]))
    if FREEZE_AT in os.environ:
        freeze_at(os.environ[FREEZE_AT])
