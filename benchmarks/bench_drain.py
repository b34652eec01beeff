"""How fast a full queue is emptied: ours, its peers, and a bare client with ready-made bytes.

python benchmarks/bench_drain.py [--quick]
"""

from __future__ import annotations

from statistics import median
from typing import Any

from harness import Bench, Case, Goal, Table, alone, fast_sink, middle_ratio, rates, ratio
from servers import POSTGRESQL, SQLITE

CONNECTIONS = (1, 2, 4, 8)
DEFAULT = 2
ASKED = {SQLITE: 2.0, POSTGRESQL: 4.0}
NOTES = """\
The last column compares with the default of two connections of ours, in the same round. All of ours
run with every safety on: a mail is marked as begun before a byte of it leaves, and its outcome
is committed. Bodies are built when queued; the peers (and Flask-Mail) build them while draining.
django-post_office: one process, one thread, batches of 1,000, no log. SQLite in WAL mode, the
peers with synchronous=NORMAL, ours with the default FULL. Batch Size 10,000 and Interval 1 s,
the most that the settings allow, so that the rate promise does not throttle.\
"""


def measure(bench: Bench) -> list[Table]:
    """One table a database."""
    return [_table(bench, kind) for kind in bench.databases.kinds()]


def _cases(bench: Bench, kind: str) -> list[Case]:
    sink = fast_sink(bench)
    count = 200 if bench.quick else 10_000
    slow = count if bench.quick else 2_000
    full: dict[str, Any] = {"database": kind, "filled": True, "sink": sink}
    cases = [Case("smtplib, ready bytes, no queue", "with_smtplib", "drain", count, sink=sink)]
    for number in CONNECTIONS if not bench.quick else (1, DEFAULT):
        size = count if number == DEFAULT else min(count, 4_000)
        config = {"PLATO_EMAIL_CONNECTIONS": number}
        cases.append(Case(_ours(number), "with_plato_email", "drain", size, config=config, **full))
    cases += [
        Case("django-post_office, best of one process", "with_post_office", "drain", count, **full),
        Case("django-mailer", "with_django_mailer", "drain", slow, **full),
        Case("Flask-Mail, one connection, no queue", "with_flask_mail", "drain", slow, sink=sink),
    ]
    return bench.only_possible(cases)


def _ours(connections: int) -> str:
    shown = " (default)" if connections == DEFAULT else ""
    return f"plato_email, {connections} connection{'s' * (connections > 1)}{shown}"


def _table(bench: Bench, kind: str) -> Table:
    cases = _cases(bench, kind)
    results = bench.run(cases, most=2)
    ours = rates(*next((c, results[c.name]) for c in cases if c.name == _ours(DEFAULT)))
    columns = ("Drain", "mails", "mails/s", "CPU ms a mail", "peak MB", "ours (2) is faster by")
    table = Table(f"Drain into smtp-sink, queue on {kind}", columns, notes=NOTES)
    for case in cases:
        taken = results[case.name]
        cpu = median(r["cpu"] for r in taken) / case.count * 1e3
        peak = median(r["peak_mb"] for r in taken)
        speed = rates(case, taken)
        table.rows.append(
            (
                case.name,
                f"{case.count:,}",
                f"{median(speed):,.0f}",
                f"{cpu:.2f}",
                f"{peak:.0f}",
                ratio(ours, speed),
            )
        )
    _add_goals(table, kind, {case.name: rates(case, results[case.name]) for case in cases})
    return table


def _add_goals(table: Table, kind: str, speeds: dict[str, list[float]]) -> None:
    """Ours beside the better peer: as it comes, and with the connections that suit it best."""
    peers = [speed for name, speed in speeds.items() if name.startswith("django")]
    if not peers:
        return
    best_peer = max(peers, key=median)
    ours = {name: speed for name, speed in speeds.items() if name.startswith("plato_email")}
    best = max(ours, key=lambda name: median(ours[name]))
    for name in dict.fromkeys((_ours(DEFAULT), best)):
        reached = middle_ratio(ours[name], best_peer)
        goal = Goal(f"{name}, times the better peer:", reached, at_least=ASKED[kind])
        table.goals.append(goal)


if __name__ == "__main__":
    alone(measure, __doc__)
