"""One SMTP session, step by step (RFC 5321), on a socket of our own.

Every failure is a :class:`~plato_email.errors.DeliveryError` that says the stage, whose fault it
is and what the server said. The standard library's client is not used, because it tells a
connection lost before the message from one lost after it by nothing at all, bounds neither the
whole time nor the length of a reply, and tries a wrong password three times.
"""

from __future__ import annotations

from .model import Receipt, Security, Server, Step
from .probe import Probe, probe_ports
from .session import Session

__all__ = ["Probe", "Receipt", "Security", "Server", "Session", "Step", "probe_ports"]
