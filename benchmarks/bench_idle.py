"""What a sender costs while there is nothing to send.

python benchmarks/bench_idle.py [--quick]
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from statistics import median
from typing import Any

from harness import Bench, Case, Goal, Table, alone
from servers import POSTGRESQL, redis


def measure(bench: Bench) -> list[Table]:
    """One table."""
    window = 1.0 if bench.quick else 40.0
    with ExitStack() as stack:
        cases = _cases(bench, stack, window)
        results = bench.run(cases, most=1)
    columns = ("Nothing to send", "statements a minute", "CPU ms a minute", "% of one core")
    notes = (
        f"Measured over {window:.0f} s and reckoned for a minute; Interval 30 s, the default. "
        "Statements are counted by an event of SQLAlchemy, transactions' BEGIN and COMMIT not."
    )
    table = Table("Idle", columns, notes=notes)
    for case in cases:
        spent = median(result["used"] for result in results[case.name])
        statements = [r["statements"] for r in results[case.name] if "statements" in r]
        shown = f"{median(statements) * 60 / window:.0f}" if statements else "-"
        row = (case.name, shown, f"{spent * 60_000 / window:.0f}", f"{spent / window:.3%}")
        table.rows.append(row)
        if "plato_email" in case.name:
            goal = Goal(f"{case.name}, % of one core:", spent / window * 100, at_most=0.2)
            table.goals.append(goal)
    return [table]


def _cases(bench: Bench, stack: ExitStack, window: float) -> list[Case]:
    options: dict[str, Any] = {"window": window}
    kinds = bench.databases.kinds()
    cases = [
        Case(f"plato_email's poller, {kind}", "with_plato_email", "idle", 0, kind, options=options)
        for kind in kinds
    ]
    if POSTGRESQL in kinds:
        full: dict[str, Any] = {"database": POSTGRESQL, "options": options}
        cases.append(Case("procrastinate worker", "with_procrastinate", "idle", 0, **full))
    if shutil.which("redis-server") and bench.peers:
        options = {**options, "broker": stack.enter_context(redis())}
        cases.append(Case("Celery worker, Redis", "with_celery", "idle", 0, options=options))
    return bench.only_possible(cases)


if __name__ == "__main__":
    alone(measure, __doc__)
