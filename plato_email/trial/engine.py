"""One test over the real path, every stage remembered; no database, no page."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from ..diagnosis import Diagnosis, diagnose, remark
from ..errors import DeliveryError
from ..message import Message, compose
from ..smtp import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..message import Composed
    from ..settings import Settings
    from ..smtp import Receipt, Server, Step

    Observe = Callable[[Step], None]

DEADLINE = 15.0
"""Seconds that a test may take from the button to the verdict."""


class Kind(StrEnum):
    """How far a test goes."""

    SEND = "send"
    """A mail is sent."""
    CHECK = "check"
    """Up to the point where the server would take the message; none is sent."""


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a test brought."""

    __test__ = False

    outcome: str
    """``sent``, ``partly``, ``checked`` (nothing was to be sent) or ``failed``."""
    recipient: str
    message_id: str
    seconds: float
    steps: tuple[Step, ...]
    receipt: Receipt | None = None
    error: DeliveryError | None = None
    diagnosis: Diagnosis | None = None
    """Why it failed, or what is to be said of a mail that was accepted."""
    transcript: tuple[str, ...] = field(default=(), repr=False)
    """The dialogue, without credentials."""


def run_trial(
    settings: Settings,
    server: Server,
    recipient: str,
    *,
    kind: Kind = Kind.SEND,
    origin: str = "",
    deadline: float = DEADLINE,
    observe: Observe | None = None,
) -> TestReport:
    """Test ``settings``, saved or not; never raises for what SMTP does.

    One session and at most one AUTH, whatever comes of it.

    Args:
        settings: whose default sender the mail is from.
        server: where to send it.
        recipient: one address.
        kind: whether a mail is sent.
        origin: where it was asked for, for the text.
        deadline: seconds in all.
        observe: called with each stage as it ends.

    Raises:
        MessageError: the sender or the recipient is no address.
    """
    composed = compose_test(settings, recipient, origin)
    steps: list[Step] = []

    def noted(step: Step) -> None:
        steps.append(step)
        if observe is not None:
            observe(step)

    since = time.monotonic()
    receipt, error = _attempt(composed, server, kind, deadline, noted)
    transcript = error.transcript if error else receipt.transcript if receipt else ()
    return TestReport(
        outcome=_outcome(kind, receipt),
        recipient=composed.envelope.recipients[0],
        message_id=composed.message_id,
        seconds=time.monotonic() - since,
        steps=tuple(steps),
        receipt=receipt,
        error=error,
        diagnosis=_diagnosis(settings, kind, receipt, error),
        transcript=transcript,
    )


def _attempt(
    composed: Composed, server: Server, kind: Kind, deadline: float, observe: Observe
) -> tuple[Receipt | None, DeliveryError | None]:
    until = time.monotonic() + deadline
    try:
        with Session.open(server, deadline=deadline, observe=observe) as session:
            left = max(0.1, until - time.monotonic())
            envelope = composed.envelope
            if kind is Kind.CHECK:
                receipt = session.check(envelope, deadline=left, observe=observe)
            else:
                receipt = session.send(envelope, composed.data, deadline=left, observe=observe)
            return replace(receipt, transcript=session.transcript), None
    except DeliveryError as refused:
        return None, refused


def _diagnosis(
    settings: Settings, kind: Kind, receipt: Receipt | None, error: DeliveryError | None
) -> Diagnosis | None:
    if error is not None:
        return diagnose(error, settings)
    if receipt is None or kind is Kind.CHECK:
        return None
    return remark(receipt, settings, receipt.transcript)


def _outcome(kind: Kind, receipt: Receipt | None) -> str:
    if receipt is None:
        return "failed"
    if receipt.refused:
        return "partly"
    return "checked" if kind is Kind.CHECK else "sent"


def compose_test(settings: Settings, recipient: str, origin: str) -> Composed:
    """Return the test mail.

    Raises:
        MessageError: the sender or the recipient is no address.
    """
    at = f" at {origin}" if origin else ""
    return compose(
        Message(
            subject="Test email" + (f" from {origin}" if origin else ""),
            recipients=[recipient],
            sender=settings.default_sender,
            body=(
                f"This is a test email{', asked for' + at if at else ''}.\n\n"
                "If you can read it, outgoing email works.\n"
            ),
        )
    )
