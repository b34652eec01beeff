"""How long a lone mail takes from its commit to its acceptance by the server.

python benchmarks/bench_latency.py [--quick]
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from statistics import median
from typing import Any

from harness import Bench, Case, Goal, Result, Table, alone, middle_ratio, quantile, ratio
from servers import POSTGRESQL, OwnSink, redis

NOTES = """\
Single mails, one every 60 ms, from the return of commit() (defer(), delay()) to the moment that
the sink has taken the mail, by the one monotonic clock of the machine. Ours: one process, whose
poller thread is woken by the commit. The others: the process that defers and a worker process
with one slot; their task sends ready bytes over a connection that it keeps.\
"""


def measure(bench: Bench) -> list[Table]:
    """One table."""
    with ExitStack() as stack:
        cases = _cases(bench, stack)
        results = bench.run(cases)
    waits = {name: [_waits(result) for result in taken] for name, taken in results.items()}
    middle = {name: [quantile(w, 0.5) for w in taken] for name, taken in waits.items()}
    late = {name: [quantile(w, 0.99) for w in taken] for name, taken in waits.items()}
    base = cases[0].name
    columns = ("From commit to acceptance", "p50 ms", "p99 ms", "worst ms", "x ours, p50", "x, p99")
    table = Table("Latency of a lone mail", columns, notes=NOTES)
    for case in cases:
        name = case.name
        figures = (median(middle[name]), median(late[name]), max(map(max, waits[name])))
        table.rows.append(
            (
                name,
                *(f"{number:.1f}" for number in figures),
                ratio(middle[name], middle[base]),
                ratio(late[name], late[base]),
            )
        )
        if "plato_email" in name:
            table.goals += [
                Goal(f"{name}, p50 in ms:", median(middle[name]), at_most=2.0),
                Goal(f"{name}, p99 in ms:", median(late[name]), at_most=10.0),
            ]
        else:
            reached = middle_ratio(middle[name], middle[base])
            table.goals.append(Goal(f"{name} takes, times ours:", reached, at_least=1.0))
    return [table]


def _cases(bench: Bench, stack: ExitStack) -> list[Case]:
    count = 10 if bench.quick else 120
    pause: dict[str, Any] = {"pause": 0.06}
    cases = []
    kinds = bench.databases.kinds()
    for kind in kinds:
        name = f"plato_email, one process, {kind}"
        cases.append(
            Case(name, "with_plato_email", "latency", count, kind, sink=OwnSink, options=pause)
        )
    if POSTGRESQL in kinds:
        full: dict[str, Any] = {"database": POSTGRESQL, "sink": OwnSink, "options": pause}
        name = "procrastinate, PostgreSQL"
        cases.append(Case(name, "with_procrastinate", "latency", count, **full))
    if shutil.which("redis-server") and bench.peers:
        options: dict[str, Any] = {**pause, "broker": stack.enter_context(redis())}
        cases.append(
            Case("Celery, Redis", "with_celery", "latency", count, sink=OwnSink, options=options)
        )
    return bench.only_possible(cases)


def _waits(result: Result) -> list[float]:
    """Milliseconds of each mail."""
    accepted = result["accepted"]
    return [(accepted[n] - at) / 1e6 for n, at in enumerate(result["committed"])]


if __name__ == "__main__":
    alone(measure, __doc__)
