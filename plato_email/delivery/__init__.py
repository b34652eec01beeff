"""Deliver what is due: claim a slice, carry it over SMTP, record each outcome as it happens.

Mail goes from `Delivery` (look and claim) to a `Crew` (one slice) to its `Courier`s (one
connection each), and every outcome through the `Ledger` back to the outbox. No Flask: the poller,
the command line and the tests call `Delivery.round` alike. No transaction is open while SMTP talks.
"""

from __future__ import annotations

from .crew import PAUSES
from .judge import backoff
from .rounds import SLICE, TICK, Delivery, Events

__all__ = ["PAUSES", "SLICE", "TICK", "Delivery", "Events", "backoff"]
