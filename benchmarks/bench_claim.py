"""How long a claim of 50 mails takes as the queue grows.

python benchmarks/bench_claim.py [--quick]
"""

from __future__ import annotations

from statistics import median
from typing import Any

from harness import Bench, Case, Goal, Result, Table, alone, middle_ratio, quantile, ratio

NOTES = """\
A claim takes 50 mails for one sender: gate, rate, choice and lease in one transaction. The peers'
rows are their query for the next 50, read only. Rows of ours are without bodies, which lie in a
table that no claim reads; the peers' rows have theirs.\
"""


def measure(bench: Bench) -> list[Table]:
    """One table a database."""
    return [_table(bench, kind) for kind in bench.databases.kinds()]


def _table(bench: Bench, kind: str) -> Table:
    sizes = (3_000, 10_000) if bench.quick else (1_000 + 2_500, 100_000, 1_000_000)
    turns: dict[str, Any] = {"turns": 10 if bench.quick else 40}
    few: dict[str, Any] = {"turns": 3 if bench.quick else 10}
    middle = sizes[-2] if not bench.quick else sizes[-1]
    cases = [
        Case(f"plato_email, {size:,} rows", "with_plato_email", "claim", size, kind, options=turns)
        for size in sizes
    ]
    peers = {"django-post_office": "post_office", "django-mailer": "django_mailer"}
    for name, program in peers.items():
        shown = f"{name}, {middle:,} rows"
        cases.append(Case(shown, f"with_{program}", "claim", middle, kind, options=few))
    cases = bench.only_possible(cases)
    results = bench.run(cases, most=1)
    p50, p99 = (
        {
            name: [quantile(r["times"], share) * 1e3 for r in taken]
            for name, taken in results.items()
        }
        for share in (0.5, 0.99)
    )
    columns = ("Claim of 50", "p50 ms", "p99 ms", "x ours with the fewest rows")
    table = Table(f"Growth of the queue, {kind}", columns, notes=NOTES)
    base = p50[cases[0].name]
    for name in results:
        figures = (f"{median(p50[name]):.1f}", f"{median(p99[name]):.1f}")
        table.rows.append((name, *figures, ratio(p50[name], base)))
    ours = [case.name for case in cases if "plato_email" in case.name]
    growth = middle_ratio(p50[ours[-1]], base)
    table.goals.append(Goal("the most rows, times the fewest:", growth, at_most=1.5))
    return table


def _quantiles(results: list[Result], share: float) -> list[float]:
    """Milliseconds, by round."""
    return [quantile(result["times"], share) * 1e3 for result in results]


if __name__ == "__main__":
    alone(measure, __doc__)
