"""Two hundred mails that a server refused, for five causes, by sending them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.catcher import Catcher
from tests.support.sites import Host

CAUSES = (
    ("unknown", 80, "550 5.1.1 <{}>: Recipient address rejected: User unknown, id {}77A"),
    ("full", 50, "552 5.2.2 <{}>: mailbox is full, quota exceeded by {} bytes"),
    ("spam", 40, "550 5.7.1 Message from [203.0.113.{1}] blocked as spam, see https://bl.test/{1}"),
    ("closed", 20, "550 5.2.1 <{}>: mailbox is inactive since {} days"),
    ("domain", 10, "550 5.1.2 <{}>: Domain not found"),
)
SUBJECTS = ("Your order has been shipped", "Reset your password", "Ann mentioned you", "Invoice")


@contextmanager
def bad_day(host: Host, share: int = 1) -> Iterator[Catcher]:
    """A server that has refused two hundred mails, and has taken five; it goes on running.

    With ``share`` 10, a tenth of them.
    """
    refusals: dict[str, str] = {}
    with Catcher(refusals=refusals) as server:
        host.configure(server.port, batch_size=100_000)
        for name, count, reply in CAUSES:
            for number in range(count // share):
                address = f"{name}{number}@customers.example"
                refusals[address] = reply.format(address, number)
                _send(host, address, number)
        for number in range(5):
            _send(host, f"fine{number}@customers.example", number)
        host.rounds()
        yield server


def _send(host: Host, address: str, number: int) -> None:
    host.send(
        subject=f"{SUBJECTS[number % 4]} ({4700 + number})",
        recipients=[address],
        body="Good day.\n",
        html="<h1>Good day</h1><p>Your parcel is on its way.</p>",
        priority=("high", "normal", "normal", "low")[number % 4],
    )
