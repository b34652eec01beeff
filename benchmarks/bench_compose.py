"""Time to write one message, beside the standard library's in the same run.

    python benchmarks/bench_compose.py [--quick]

Each round times both by turns, so that a machine that is busy for a moment slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from functools import partial
from statistics import median

from harness import Bench, Goal, Table, alone, middle_ratio, ratio

from plato_email.message import Message, compose

ROUNDS, MESSAGES = 7, 200
WIRE = policy.SMTP.clone(cte_type="7bit")

LINE = "This is a line of an ordinary mail, about as long as lines are.\n"
TEXT = "Hello Ann,\n\n" + LINE * 12
HTML = "<html><body>\n" + f"<p>{LINE}</p>\n" * 12 + "</body></html>\n"
SAMPLES = {
    "ASCII, text + HTML": ("Your order 1234", TEXT, HTML),
    "German, text + HTML": (
        "Ihre Bestellung für Müller",
        TEXT.replace("ordinary", "gewöhnlichen"),
        HTML.replace("ordinary", "gewöhnlichen"),
    ),
    "ASCII, text alone": ("Your order 1234", TEXT, None),
}


def ours(subject: str, text: str, html: str | None) -> bytes:
    """Compose with plato_email: every check included."""
    recipients = ["Ann Lee <ann@example.com>"]
    return compose(Message(subject, recipients, text, html, sender="Shop <shop@example.org>")).data


def standard(subject: str, text: str, html: str | None) -> bytes:
    """Build the same mail with the standard library."""
    message = EmailMessage(policy=WIRE)
    message["From"] = "Shop <shop@example.org>"
    message["To"] = "Ann Lee <ann@example.com>"
    message["Subject"] = subject
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain="example.org")
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def microseconds(build: Callable[[], bytes], messages: int) -> float:
    """CPU time of one message."""
    start = time.process_time()
    for _ in range(messages):
        build()
    return (time.process_time() - start) / messages * 1e6


def measure(bench: Bench) -> list[Table]:
    """One row a sample."""
    columns = ("One message", "bytes", "ours, us", "EmailMessage, us", "ours takes")
    notes = "CPU time, every check included; the last column: parts of what EmailMessage takes."
    table = Table("Building the bytes", columns, notes=notes)
    for name, sample in SAMPLES.items():
        row, share = _row(sample, *((2, 40) if bench.quick else (ROUNDS, MESSAGES)))
        table.rows.append((name, *row))
        table.goals.append(Goal(f"{name}: parts of what EmailMessage takes", share, at_most=0.33))
    return [table]


def _row(
    sample: tuple[str, str, str | None], rounds: int, messages: int
) -> tuple[tuple[str, ...], float]:
    builds = (partial(ours, *sample), partial(standard, *sample))
    pairs = [[microseconds(build, messages) for build in builds] for _ in range(rounds)]
    mine, theirs = map(list, zip(*pairs, strict=True))
    figures = (f"{len(ours(*sample)):,}", f"{median(mine):.0f}", f"{median(theirs):,.0f}")
    return (*figures, ratio(mine, theirs)), middle_ratio(mine, theirs)


if __name__ == "__main__":
    alone(measure, __doc__)
