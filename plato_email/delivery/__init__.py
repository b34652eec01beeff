"""Deliver what is due: claim a slice, carry it over SMTP, record each outcome as it happens.

No Flask, and no thread but the lease's heartbeat: the poller, the command line and the tests
call `Delivery.round` alike. No transaction is open while SMTP talks.
"""

from __future__ import annotations

from .courier import PAUSES
from .judge import backoff
from .rounds import SLICE, TICK, Delivery, Events

__all__ = ["PAUSES", "SLICE", "TICK", "Delivery", "Events", "backoff"]
