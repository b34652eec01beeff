"""A server that answers every turn after 20 ms, as one on the far side of the network does.

python benchmarks/bench_far_server.py [--quick]
"""

from __future__ import annotations

from statistics import median

from harness import Bench, Case, Goal, Table, alone, middle_ratio, rates, ratio
from servers import SQLITE, OwnSink

DELAY = 0.02
NOTES = """\
Only turns count here: smtplib takes four a mail. What a connection of ours reaches is divided by
smtplib's one connection. The sink offers PIPELINING, not CHUNKING.\
"""


def measure(bench: Bench) -> list[Table]:
    """One table."""
    single = 30 if bench.quick else 150
    cases = [
        Case("smtplib, 1 connection", "with_smtplib", "drain", 20 if bench.quick else 60, sink=_far)
    ]
    numbers = (1, 2) if bench.quick else (1, 2, 4, 8)
    cases += [
        Case(
            f"plato_email, {number} connection{'s' * (number > 1)}",
            "with_plato_email",
            "drain",
            single * number,
            SQLITE,
            filled=True,
            sink=_far,
            config={"PLATO_EMAIL_CONNECTIONS": number},
        )
        for number in numbers
    ]
    results = bench.run(cases, most=2)
    speeds = {case.name: rates(case, results[case.name]) for case in cases}
    bare, one = speeds[cases[0].name], speeds[cases[1].name]
    columns = ("20 ms a turn", "mails/s", "x smtplib, per connection", "x our one connection")
    table = Table("A server 20 ms away, queue on SQLite", columns, notes=NOTES)
    for case, number in zip(cases, (1, *numbers), strict=True):
        speed = speeds[case.name]
        alike = [rate / number for rate in speed]
        row = (case.name, f"{median(speed):.1f}", ratio(alike, bare), ratio(speed, one))
        table.rows.append(row)
        if case is not cases[0]:
            reached = middle_ratio(alike, bare)
            goal = Goal(f"{case.name}, times smtplib a connection:", reached, at_least=3.5)
            table.goals.append(goal)
    last = [rate / numbers[-1] for rate in speeds[cases[-1].name]]
    share = middle_ratio(last, one)
    table.goals.append(Goal("a connection of the most, beside one alone:", share, at_least=0.95))
    return [table]


def _far() -> OwnSink:
    return OwnSink(DELAY)


if __name__ == "__main__":
    alone(measure, __doc__)
