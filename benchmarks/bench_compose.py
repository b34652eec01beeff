"""Time to write one message, beside the standard library's in the same run.

    python benchmarks/bench_compose.py

Each round times both by turns, so that a machine that is busy for a moment slows both. The
figures are microseconds of CPU time for one message, the best of the rounds.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.utils import localtime, make_msgid

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


def microseconds(build: Callable[[], bytes]) -> float:
    """CPU time of one message."""
    start = time.process_time()
    for _ in range(MESSAGES):
        build()
    return (time.process_time() - start) / MESSAGES * 1e6


def main() -> None:
    """Print one line a sample."""
    print(f"Python {platform.python_version()}, {platform.machine()}")
    print(f"{'':22}{'bytes':>7}{'plato_email':>13}{'EmailMessage':>14}{'ratio':>7}")
    for name, sample in SAMPLES.items():
        pairs = [
            (microseconds(lambda: ours(*sample)), microseconds(lambda: standard(*sample)))  # noqa: B023
            for _ in range(ROUNDS)
        ]
        fast, slow = (min(column) for column in zip(*pairs, strict=True))
        size = len(ours(*sample))
        print(f"{name:22}{size:7}{fast:10.0f} us{slow:11.0f} us{slow / fast:6.1f}x")


if __name__ == "__main__":
    main()
