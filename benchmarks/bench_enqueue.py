"""What queueing one mail costs, committed one by one: ours, its peers, and the floor.

python benchmarks/bench_enqueue.py [--quick]
"""

from __future__ import annotations

from statistics import median

from harness import Bench, Case, Goal, Table, alone, each, middle_ratio, ratio

INSERT, SESSION, BUILD, STANDARD, OURS = (
    "bare INSERT of ready bytes",
    "the same INSERT in the site's session",
    "building the bytes: ours",
    "building the bytes: EmailMessage(policy.SMTP)",
    "plato_email: send() and commit",
)
FLOOR = "floor: bare INSERT + building, ours"
NOTES = """\
The last column: how many times the floor. The bare INSERT is SQLAlchemy Core, the statement built
once, one row and one transaction a mail. send() stores two rows (bodies lie in a table of their
own), encrypts the body, checks every argument and wakes the sender after the commit. It does so
in the session of the site, whose share is in the line of that name. The peers store the parts and
build the bytes later, in the drain.\
"""


def measure(bench: Bench) -> list[Table]:
    """One table a database."""
    return [_table(bench, kind) for kind in bench.databases.kinds()]


def _table(bench: Bench, kind: str) -> Table:
    count = 200 if bench.quick else 2_000
    cases = bench.only_possible(
        [
            Case(INSERT, "with_core", "enqueue", count, kind),
            Case(SESSION, "with_core", "enqueue_in_session", count, kind),
            Case(BUILD, "with_plato_email", "build", count),
            Case(STANDARD, "with_core", "build", count),
            Case(OURS, "with_plato_email", "enqueue", count, kind),
            Case("django-mailer: send_html_mail()", "with_django_mailer", "enqueue", count, kind),
            Case("django-post_office: mail.send()", "with_post_office", "enqueue", count, kind),
        ]
    )
    results = bench.run(cases)
    times = {case.name: each(case, results[case.name]) for case in cases}
    floor = [a + b for a, b in zip(times[INSERT], times[BUILD], strict=True)]
    table = Table(f"Queue one mail and commit, {kind}", ("Enqueue", "us a mail", "x floor"))
    table.notes = NOTES
    for name, taken in [(FLOOR, floor), *times.items()]:
        table.rows.append((name, f"{median(taken):,.0f}", ratio(taken, floor)))
    reached = middle_ratio(times[OURS], floor)
    table.goals.append(Goal("send() and commit, times the floor:", reached, at_most=1.3))
    share = ratio(times[BUILD], times[STANDARD])
    table.notes += f" Building the bytes takes {share} of what EmailMessage takes."
    return table


if __name__ == "__main__":
    alone(measure, __doc__)
