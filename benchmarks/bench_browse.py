"""How long the pages take with a hundred thousand and a million messages.

python benchmarks/bench_browse.py [--quick]
"""

from __future__ import annotations

from statistics import median

from harness import Bench, Case, Table, alone

NOTES = """\
Medians of what the server does for one answer, the page rendered: tabs with their numbers, the
list or search, the commonest errors. Of a hundred messages 70 are sent, 12 failed for five causes,
14 wait, 4 are cancelled. A search that no index answers stops after 30 ms, says how far it came and
goes on at a click; a step of *all that match* takes as many messages as 30 ms allow.\
"""


def measure(bench: Bench) -> list[Table]:
    """One table a database."""
    return [_table(bench, kind) for kind in bench.databases.kinds()]


def _table(bench: Bench, kind: str) -> Table:
    sizes = (3_000, 10_000) if bench.quick else (100_000, 1_000_000)
    turns = {"turns": 3 if bench.quick else 9}
    cases = [
        Case(f"pages, {size:,} rows", "with_pages", "browse", size, kind, options=turns)
        for size in sizes
    ]
    results = bench.run(cases, most=1)
    by_size = [results[case.name][0]["times"] for case in cases]
    columns = ("Answer, ms", *(f"{size:,} rows" for size in sizes), "at worst")
    table = Table(f"Pages and searches, {kind}", columns, notes=NOTES)
    for name in by_size[0]:
        figures = [times[name] for times in by_size if times[name]]
        shown = [f"{median(each) * 1e3:.0f}" for each in figures]
        table.rows.append((name, *shown, f"{max(map(max, figures)) * 1e3:.0f}"))
    return table


if __name__ == "__main__":
    alone(measure, __doc__)
