"""The trial: one test mail over the real path, every stage remembered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .diagnosis import Diagnosis, diagnose
from .errors import DeliveryError
from .message import Message, compose
from .smtp import Session

if TYPE_CHECKING:
    from .settings import Settings
    from .smtp import Receipt, Server, Step

DEADLINE = 15.0
"""Seconds that a test may take from the button to the verdict."""


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a test mail brought."""

    __test__ = False

    outcome: str
    """``sent``, ``partly`` or ``failed``."""
    recipient: str
    message_id: str
    seconds: float
    steps: tuple[Step, ...]
    receipt: Receipt | None = None
    error: DeliveryError | None = None
    diagnosis: Diagnosis | None = None


def run_trial(
    settings: Settings,
    server: Server,
    recipient: str,
    *,
    origin: str = "",
    deadline: float = DEADLINE,
) -> TestReport:
    """Send a test mail with ``settings``, saved or not; never raises for what SMTP does.

    Args:
        settings: whose default sender the mail is from.
        server: where to send it.
        recipient: one address.
        origin: where it was asked for, for the text.
        deadline: seconds in all.

    Raises:
        MessageError: the sender or the recipient is no address.
    """
    composed = compose(_test_message(settings, recipient, origin))
    steps: list[Step] = []
    receipt, error = None, None
    since = time.monotonic()
    try:
        with Session.open(server, deadline=deadline, observe=steps.append) as session:
            left = max(0.1, deadline - (time.monotonic() - since))
            receipt = session.send(
                composed.envelope, composed.data, deadline=left, observe=steps.append
            )
    except DeliveryError as refused:
        error = refused
    partly = receipt is not None and bool(receipt.refused)
    return TestReport(
        outcome="failed" if receipt is None else "partly" if partly else "sent",
        recipient=composed.envelope.recipients[0],
        message_id=composed.message_id,
        seconds=time.monotonic() - since,
        steps=tuple(steps),
        receipt=receipt,
        error=error,
        diagnosis=None if error is None else diagnose(error, settings),
    )


def _test_message(settings: Settings, recipient: str, origin: str) -> Message:
    return Message(
        subject="Test email" + (f" from {origin}" if origin else ""),
        recipients=[recipient],
        sender=settings.default_sender,
        body=(
            "This is a test email"
            + (f", asked for at {origin}" if origin else "")
            + ".\n\nIf you can read it, outgoing email works.\n"
        ),
    )
