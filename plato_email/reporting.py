"""From outcomes to log lines and signals: the delivery itself holds no prose."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .errors import said
from .signals import (
    mail_failing,
    mail_flowing,
    message_deferred,
    message_failed,
    message_sending,
    message_sent,
)
from .tables import State

if TYPE_CHECKING:
    from blinker import NamedSignal
    from flask import Flask

    from .alerts import Alert
    from .outbox import Claimed, Result

log = logging.getLogger("plato_email")


class SignalEvents:
    """Tells receivers and the log what becomes of each message."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def sending(self, message: Claimed) -> bool:
        """Return false when a receiver of ``message_sending`` says so."""
        if not message_sending.receivers:
            return True
        try:
            # A context of its own, so that a receiver's forgotten transaction ends with it.
            with self._app.app_context():
                answers = message_sending.send(self._app, message=message)
        except Exception:
            log.exception("a receiver of message_sending failed; the message goes on")
            return True
        return all(answer is not False for _, answer in answers)

    def concluded(self, result: Result) -> None:
        """Log one line and send the signal that fits."""
        words = said(result.code, result.reply)
        log.log(
            logging.INFO if result.state in (State.SENT, State.CANCELLED) else logging.WARNING,
            "message %s %s at %s after %d ms: %s",
            *(result.message.message_id, result.outcome, result.stage, result.milliseconds, words),
        )
        signal = _signal_for(result)
        if signal is None or not signal.receivers:
            return
        try:
            with self._app.app_context():
                signal.send(self._app, message=result.message, result=result)
        except Exception:
            log.exception("a receiver of %s failed", signal.name)


def _signal_for(result: Result) -> NamedSignal | None:
    if result.state is State.SENT:
        return message_sent
    if result.state is State.FAILED:
        return message_failed
    if result.state is State.QUEUED and result.charged:
        return message_deferred
    return None


def tell_of(app: Flask, alert: Alert) -> None:
    """Send the signal of an alert."""
    signal = mail_failing if alert.state == "failing" else mail_flowing
    if not signal.receivers:
        return
    try:
        with app.app_context():
            signal.send(app, alert=alert)
    except Exception:
        log.exception("a receiver of %s failed", signal.name)
