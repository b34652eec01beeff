"""The far side of the harness: a process that prepares, says so, waits, works, and reports.

A contender is a program with verbs. Each verb is a generator: what stands before its ``yield``
is preparation, what comes after it is measured. It may return figures of its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
Work = Generator[None, None, Figures | None]


@dataclass(frozen=True)
class Job:
    """What the harness asks for."""

    verb: str
    folder: str
    database: str = ""
    count: int = 0
    port: int = 0
    options: dict[str, Any] = field(default_factory=dict)


def play(verbs: dict[str, Callable[[Job], Work]]) -> None:
    """Do the verb that the command line names."""
    job = Job(**json.loads(sys.argv[1]))
    work = verbs[job.verb](job)
    next(work)
    print("ready", flush=True)
    sys.stdin.readline()
    wall, before = time.perf_counter(), cpu_of_this()
    figures: Figures | None = None
    try:
        next(work)
    except StopIteration as end:
        figures = end.value
    spent = {"seconds": time.perf_counter() - wall, "cpu": cpu_of_this() - before}
    print(json.dumps(spent | {"peak_mb": _peak()} | (figures or {})), flush=True)


def cpu_of_this() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    return time.process_time() + sum(os.times()[2:4])


def cpu_of(process: int) -> float:
    """CPU seconds of another process and of all its children."""
    spent = 0.0
    for tasks in Path(f"/proc/{process}/task").iterdir():
        for child in (tasks / "children").read_text().split():
            spent += cpu_of(int(child))
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return spent + (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _peak() -> float:
    """Most memory held so far; getrusage() would count the parent before exec, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) / 1024
