"""Runs contenders in turns and makes tables of ratios.

Machines differ, and one machine differs from minute to minute. So all that stands in one table
is measured in one run: every round runs each case once, in changing order, and a ratio is
taken within a round. Shown are the medians over the rounds, and the lowest and the highest ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from servers import Databases, OwnSink, PostfixSink, smtp_sink

PATIENCE = 120.0
"""Seconds that a whole run waits at most for a quiet machine."""
HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-bench" / "bin" / "python"
OURS = Path(sys.executable)
KEYS = "bench:YmVuY2htYXJrLWtleS1vZi0zMi1ieXRlcy1sb25nISE="
"""An encryption key for all contenders of ours, so that a copied database can be read."""

_OURS = ("with_plato_email", "with_pages", "with_overview", "with_core", "with_smtplib")
Result = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One thing to measure."""

    name: str
    program: str
    verb: str
    count: int
    database: str = ""
    """The kind of database, or "" where none is needed."""
    filled: bool = False
    """Whether it starts with ``count`` mails in the queue."""
    sink: Callable[[], Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    expected: int | None = None
    """Mails that must reach the sink; ``count`` when it is left out."""

    @property
    def python(self) -> Path:
        """The interpreter whose environment has the contender."""
        return OURS if self.program in _OURS else PEERS


@dataclass(frozen=True)
class Goal:
    """What was asked for, beside what was reached."""

    what: str
    reached: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        if self.at_most is not None:
            return self.reached <= self.at_most
        return self.reached >= (self.at_least or 0.0)

    def __str__(self) -> str:
        least = self.at_most is None
        asked = f"at least {self.at_least:g}" if least else f"at most {self.at_most:g}"
        verdict = "Met" if self.met else "**Short**"
        return f"- {verdict}: {self.what} {self.reached:.2f}, asked {asked}"


@dataclass
class Table:
    """Rows of text under a title; ``notes`` say how to read them, ``goals`` what was asked."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: str = ""
    goals: list[Goal] = field(default_factory=list)

    def markdown(self, *, judged: bool = True) -> str:
        """The table in Markdown, its columns aligned; ``judged``: with its goals."""
        cells = list(zip(self.columns, *self.rows, strict=True))
        widths = [max(map(len, column)) for column in cells]

        def line(cells: Sequence[str]) -> str:
            first, *others = [c.ljust(w) for c, w in zip(cells, widths, strict=True)]
            shown = [first, *(c.strip().rjust(w) for c, w in zip(others, widths[1:], strict=True))]
            return "| " + " | ".join(shown) + " |"

        ruler = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
        body = "\n".join([line(self.columns), line(ruler), *map(line, self.rows)])
        goals = "".join(f"{goal}\n" for goal in self.goals if judged)
        more = "".join(f"\n{text.rstrip()}\n" for text in (goals, self.notes) if text)
        return f"### {self.title}\n\n{body}\n{more}"


class Bench:
    """One run: its databases, its scratch folder, how often and how much."""

    def __init__(self, *, quick: bool, rounds: int, patience: float, peers: bool = True) -> None:
        self.quick = quick
        self.rounds = 1 if quick else rounds
        self.folder = Path(tempfile.mkdtemp(prefix="plato-bench-"))
        self.databases = Databases(self.folder)
        self.peers = peers and PEERS.exists()
        """Whether the other products are measured, too."""
        self.foreign: list[float] = []
        self._patience = 0.0 if quick else patience
        self._patience_left = PATIENCE
        self._filling = threading.Lock()
        self._templates: dict[tuple[str, str, int], str] = {}

    def only_possible(self, cases: Sequence[Case]) -> list[Case]:
        """Leave out what this machine has no program for."""
        return [case for case in cases if case.python == OURS or self.peers]

    def run(self, cases: Sequence[Case], most: int = 100) -> dict[str, list[Result]]:
        """Run every case once a round, ``most`` rounds at most; return the results by name.

        In a trial they run side by side: all is done that is to be done, and no figure says much.
        """
        if self.quick:
            with ThreadPoolExecutor(4) as pool:
                found = pool.map(self._run_one, cases)
                return {case.name: [result] for case, result in zip(cases, found, strict=True)}
        results: dict[str, list[Result]] = {case.name: [] for case in cases}
        for turn in range(min(self.rounds, most)):
            for case in cases if turn % 2 == 0 else reversed(cases):
                results[case.name].append(self._run_one(case))
                said = f"{case.name}: {results[case.name][-1]['seconds']:.2f} s"
                print(f"  round {turn + 1}: {said}", file=sys.stderr)
        return results

    def close(self) -> None:
        """Leave nothing behind."""
        self.databases.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run_one(self, case: Case) -> Result:
        sink = case.sink() if case.sink else None
        url = self._database(case)
        try:
            result = self._play(case, url, sink.port if sink else 0)
        finally:
            taken = sink.stop() if sink else 0
            if url:
                self.databases.drop(url)
        expected = case.count if case.expected is None else case.expected
        exact = isinstance(sink, PostfixSink)
        lost = sink is not None and (taken != expected if exact else taken < expected)
        left = result.get("left", 0)
        if lost or left:
            raise SystemExit(f"{case.name}: {taken} of {expected} arrived, {left} left")
        result["accepted"] = getattr(sink, "accepted", {})
        return result

    def _database(self, case: Case) -> str:
        if not case.database:
            return ""
        if not case.filled:
            return self.databases.make(case.database)
        with self._filling:
            known = (case.program, case.database, case.count)
            if known not in self._templates:
                self._templates[known] = self.databases.make(case.database)
                fill = Case("fill", case.program, "fill", case.count)
                self._play(fill, self._templates[known], 0)
            copy = self.databases.make(case.database, self._templates[known])
            if not self.quick:
                self.databases.settle()
            return copy

    def _play(self, case: Case, url: str, port: int) -> Result:
        job = {
            "verb": case.verb,
            "folder": str(self.folder),
            "database": url,
            "count": case.count,
            "port": port,
            "options": {**case.options, "config": {**case.config, "PLATO_EMAIL_KEYS": KEYS}},
        }
        program = HERE / "contenders" / f"{case.program}.py"
        command = [str(case.python), str(program), json.dumps(job)]
        path = f"{HERE / 'contenders'}:{HERE.parent}"
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if process.stdout.readline() == "ready\n":
                self._wait_for_quiet()
                process.stdin.write("go\n")
                process.stdin.flush()
            output = process.stdout.read()
        if process.returncode:
            raise SystemExit(f"{case.name} ended with {process.returncode}")
        result: Result = json.loads(output.splitlines()[-1])
        return result

    def _wait_for_quiet(self) -> None:
        """Wait, within patience, until nobody else uses the machine; note who still does."""
        start = time.monotonic()
        until = start + min(self._patience, self._patience_left)
        while (load := _busy(0.05 if self.quick else 0.3)) > 0.1 and time.monotonic() < until:
            pass
        self._patience_left -= time.monotonic() - start
        self.foreign.append(load)


def _busy(seconds: float) -> float:
    """The share of one core that runs now, of all there are."""
    start = _ticks()
    time.sleep(seconds)
    return (_ticks() - start) / seconds / os.sysconf("SC_CLK_TCK")


def _ticks() -> int:
    user, nice, system, _idle, _wait, irq, soft, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return user + nice + system + irq + soft + steal


def fast_sink(bench: Bench) -> Callable[[], PostfixSink | OwnSink]:
    """Postfix's sink where it is installed, else our own."""
    if smtp_sink():
        return lambda: PostfixSink(bench.folder)
    return OwnSink


def rates(case: Case, results: Sequence[Result]) -> list[float]:
    """Mails a second, by round."""
    return [case.count / result["seconds"] for result in results]


def each(case: Case, results: Sequence[Result]) -> list[float]:
    """Microseconds a mail, by round."""
    return [result["seconds"] / case.count * 1e6 for result in results]


def ratio(numbers: Sequence[float], base: Sequence[float]) -> str:
    """The median ratio of two series taken in the same rounds, with its extremes."""
    ratios = [number / other for number, other in zip(numbers, base, strict=True)]
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    return f"{median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}]"


def middle_ratio(numbers: Sequence[float], base: Sequence[float]) -> float:
    """The median of `ratio` as a number."""
    return median(number / other for number, other in zip(numbers, base, strict=True))


def quantile(numbers: Sequence[float], share: float) -> float:
    """The value that ``share`` of the numbers do not exceed."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def arguments(about: str | None, names: Iterable[str] = ()) -> argparse.Namespace:
    """Read the options that every program has, and for a report of several their names."""
    parser = argparse.ArgumentParser(description=(about or " ").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small numbers, one round: a trial")
    parser.add_argument("--alone", action="store_true", help="leave the peers out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--patience", type=float, default=5.0, help="seconds to wait for a quiet machine"
    )
    if names:
        parser.add_argument("--write", action="store_true", help="put it into README.md")
        parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(names))
    return parser.parse_args()


@contextmanager
def benching(options: argparse.Namespace) -> Iterator[Bench]:
    """A run with the options of the command line."""
    bench = Bench(
        quick=options.quick,
        rounds=options.rounds,
        patience=options.patience,
        peers=not options.alone,
    )
    try:
        yield bench
    finally:
        bench.close()


def alone(measure: Callable[[Bench], list[Table]], about: str | None) -> None:
    """Be the main program of one measurement."""
    with benching(arguments(about)) as bench:
        for table in measure(bench):
            print(f"\n{table.markdown(judged=not bench.quick)}")
