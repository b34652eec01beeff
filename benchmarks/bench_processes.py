"""What more sender processes bring on one machine, and how often they are in each other's way.

python benchmarks/bench_processes.py [--quick]
"""

from __future__ import annotations

from statistics import median

from harness import Bench, Case, Table, alone, fast_sink, rates, ratio

PROCESSES = (1, 2, 4)
NOTES = """\
Each process with the default two connections; starting it is part of its time. *Claims in vain*
found another process claiming and came again 20 to 50 ms later; *claiming* is the time of one claim
that a process waits for, of 50 mails at most. All share this machine's cores with the sink and the
database, so more processes than cores bring nothing here; CPU a mail is the senders' alone.\
"""


def measure(bench: Bench) -> list[Table]:
    """One table a database."""
    return [_table(bench, kind) for kind in bench.databases.kinds()]


def _table(bench: Bench, kind: str) -> Table:
    count = 200 if bench.quick else 4_000
    cases = [
        Case(
            f"{number} process{'es' * (number > 1)}",
            "with_plato_email",
            "drain_together",
            count,
            database=kind,
            filled=True,
            sink=fast_sink(bench),
            options={"processes": number},
        )
        for number in PROCESSES[: 2 if bench.quick else None]
    ]
    results = bench.run(cases, most=2)
    columns = (
        "Drain",
        "mails/s",
        "x one process",
        "CPU ms a mail",
        "claims in vain",
        "claiming, ms",
    )
    table = Table(f"Sender processes on one queue, {kind}", columns, notes=NOTES)
    one = rates(cases[0], results[cases[0].name])
    for case in cases:
        taken, speed = results[case.name], rates(case, results[case.name])
        table.rows.append(
            (
                case.name,
                f"{median(speed):,.0f}",
                ratio(speed, one),
                f"{median(r['cpu'] for r in taken) / count * 1e3:.2f}",
                f"{median(r['busy'] / r['claims'] for r in taken):.0%}",
                f"{median(r['claiming'] / r['claims'] for r in taken) * 1e3:.1f}",
            )
        )
    return table


if __name__ == "__main__":
    alone(measure, __doc__)
