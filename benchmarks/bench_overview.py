"""What the overview costs over a million messages, and what it costs delivery when left open.

python benchmarks/bench_overview.py [--quick]
"""

from __future__ import annotations

from statistics import median
from typing import Any

from harness import Bench, Case, Table, alone, fast_sink, quantile, rates, ratio

LOOKS = """\
A day of messages: of twenty, twelve are sent, one has failed and seven wait. *First*: a process
that has never counted. *Again*: that process twice a second, ten times as often as the page asks.\
"""
DRAINS = """\
The page is asked for once a second, five times as often as it asks by itself, in a thread of the
process that delivers, so that it takes its share of the interpreter, too.\
"""
SMALL, LARGE = 100_000, 1_000_000


def measure(bench: Bench) -> list[Table]:
    """The page by itself, then a drain with and without it."""
    kinds = bench.databases.kinds()
    return [_looks(bench, kinds), _drains(bench, kinds)]


def _looks(bench: Bench, kinds: list[str]) -> Table:
    sizes = (2_000,) if bench.quick else (SMALL, LARGE)
    options: dict[str, Any] = {"turns": 5 if bench.quick else 30, "pause": 0.5}
    options |= {"pause": 0.01} if bench.quick else {}
    columns = ("Overview", "first ms", "again p50 ms", "again p99 ms")
    table = Table("The overview", columns, notes=LOOKS)
    cases = [
        Case(f"{kind}, {size:,} messages", "with_overview", "overview", size, kind, options=options)
        for kind in kinds
        for size in sizes
    ]
    results = bench.run(cases, most=1)
    for case in cases:
        taken = results[case.name][0]
        figures = (taken["first"], *(quantile(taken["times"], share) for share in (0.5, 0.99)))
        table.rows.append((case.name, *(f"{1e3 * each:.1f}" for each in figures)))
    return table


def _drains(bench: Bench, kinds: list[str]) -> Table:
    count = 200 if bench.quick else 4_000
    columns = ("Drain, the overview open", "mails/s", "alone, mails/s", "of its speed alone")
    table = Table("Delivery beside an open overview", columns, notes=DRAINS)
    for kind in kinds:
        full: dict[str, Any] = {"database": kind, "filled": True, "sink": fast_sink(bench)}
        alone_ = Case(f"alone, {kind}", "with_plato_email", "drain", count, **full)
        options = {"every": 1.0}
        open_ = Case(f"{kind}", "with_overview", "drain_watched", count, options=options, **full)
        results = bench.run([alone_, open_], most=2)
        fast, watched = (rates(case, results[case.name]) for case in (alone_, open_))
        speeds = (f"{median(watched):,.0f}", f"{median(fast):,.0f}")
        table.rows.append((kind, *speeds, ratio(watched, fast)))
    return table


if __name__ == "__main__":
    alone(measure, __doc__)
