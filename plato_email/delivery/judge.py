"""The judge: from what SMTP said about one message to the result that is recorded."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Any

from ..errors import MAIL_STAGES, Cause, DeliveryError, SecretUnreadable, Stage, Verdict
from ..modes import recorded
from ..outbox import Claimed, Result
from ..tables import State

if TYPE_CHECKING:
    from datetime import datetime

    from ..settings import Settings
    from ..smtp import Receipt
    from .rounds import Delivery

log = logging.getLogger("plato_email")

FIRST_RETRY = 60.0
FIRST_KEY_RETRY, LONGEST_KEY_RETRY = 900.0, 3600.0
"""Seconds until a message whose key is missing here is looked at again: at first, and at most."""
LONGEST_RETRY = 4 * 3600.0
_OURS = frozenset(
    {
        *(Cause.MAIL_HELD, Cause.NOT_ON_ALLOW_LIST, Cause.CANCELLED_BY_SITE),
        *(Cause.KEY_MISSING, Cause.CONTENT_GONE, Cause.INTERNAL_ERROR),
    }
)
"""Causes for which no server was asked."""


def backoff(attempts: int, interval: float, *, spread: float | None = None) -> float:
    """Return the seconds until the next try of a message that was put off ``attempts`` times.

    A minute, then four times longer each time up to four hours, but never sooner than Interval;
    ten per cent to either side, so that mails put off together do not come back together.
    """
    wait = min(LONGEST_RETRY, max(interval, FIRST_RETRY * 4.0 ** (attempts - 1)))
    return wait * (random.uniform(0.9, 1.1) if spread is None else spread)  # noqa: S311 - jitter


class Judge:
    """Turns what SMTP said about one message into the result that is recorded."""

    def __init__(self, message: Claimed, settings: Settings, delivery: Delivery) -> None:
        self.begun = message.begun
        """Whether the message was begun, and its attempt counted, in the outbox."""
        self._message = message
        self._settings = settings
        self._limit = settings.send_attempts
        self._interval = float(settings.poll_interval)
        self._park = delivery.park_unknown
        self._clock = delivery.clock
        self._started: datetime = delivery.clock.now()
        self._since = time.monotonic()

    @property
    def _attempt(self) -> int:
        return self._message.attempts + 1

    def accepted(self, receipt: Receipt) -> Result:
        """The server took it for at least one recipient."""
        later = [r.verdict for r in receipt.refused.values() if r.verdict is not Verdict.PERMANENT]
        # What all mail would meet costs no recipient of this message a try.
        charged = all(verdict.charged for verdict in later)
        again = bool(later) and (self._attempt < self._limit or not charged)
        refused_before = "refused" in self._message.answered.values()
        result = self._result(
            State.QUEUED if again else State.SENT,
            "partly" if receipt.refused or refused_before else "sent",
            Stage.ACCEPTED,
            (receipt.code, receipt.enhanced, receipt.reply),
            retry_in=self._backoff(),
            charged=charged,
            accepted=tuple(receipt.accepted),
            refused=receipt.refused,
        )
        return recorded(self._settings, result)

    def refused(self, error: DeliveryError) -> Result:
        """The server, or the way to it, refused."""
        said = (error.code, error.enhanced, error.reply)
        if not error.verdict.charged:
            return self._result(
                State.QUEUED, "released", error.stage, said, cause=error.cause, charged=False
            )
        unknown = error.verdict is Verdict.UNKNOWN
        again = (
            error.verdict is not Verdict.PERMANENT
            and self._attempt < self._limit
            and not (unknown and self._park)
        )
        outcome = "unknown" if unknown else "deferred" if again else "failed"
        result = self._result(
            State.QUEUED if again else self._final(),
            outcome,
            error.stage,
            said,
            cause=error.cause,
            retry_in=self._backoff(),
            unknown=unknown,
            refused=error.recipients,
        )
        return recorded(self._settings, result)

    def dropped(self, error: DeliveryError) -> Result:
        """The line was cut during this message, and the server is otherwise well."""
        return self._temporary(error.stage, error.cause, (None, "", error.reply))

    def put_off(self, error: DeliveryError) -> Result:
        """Refused for a reason that is all mail's, though other mail goes."""
        said = (error.code, error.enhanced, error.reply)
        return self._temporary(error.stage, error.cause, said)

    def sender_refused(self, error: DeliveryError) -> Result:
        """Refused for a sender of its own; the Default Sender may be in order."""
        said = (error.code, error.enhanced, error.reply)
        if error.code is not None and error.code // 100 == 4:
            return self._temporary(error.stage, error.cause, said)
        return self._result(self._final(), "failed", error.stage, said, cause=error.cause)

    def stopped(self, error: DeliveryError) -> Result:
        """All mail waits because of it.

        Uncharged the first time. The second time running it counts as a try and steps aside, so
        that another message finds out how the server is; but a message never fails so.
        """
        said = (error.code, error.enhanced, error.reply)
        again = self._message.stopped and error.stage in MAIL_STAGES
        charged = again and self._attempt < self._limit
        return self._result(
            State.QUEUED,
            "deferred" if charged else "released",
            error.stage,
            said,
            cause=error.cause,
            charged=charged,
            retry_in=self._backoff() if again else 0.0,
        )

    def vetoed(self) -> Result:
        """A receiver of ``message_sending`` does not want it sent."""
        said = (None, "", "Cancelled by a receiver of message_sending.")
        return self._result(
            *(State.CANCELLED, "cancelled", Stage.SENDER, said),
            cause=Cause.CANCELLED_BY_SITE,
            charged=False,
        )

    def broken(self, error: Exception) -> Result:
        """Something that nobody foresaw; the log has it whole."""
        said = f"Internal error ({type(error).__name__}); the log has it whole."
        return self._temporary(Stage.SENDER, Cause.INTERNAL_ERROR, (None, "", said))

    def unreadable(self, error: SecretUnreadable) -> Result:
        """The key is missing here; another machine may have it, or somebody may bring it back."""
        by = f" {error.key_id!r}" if error.key_id else ""
        said = f"The message cannot be decrypted here: encryption key{by} is missing."
        waited = (self._started - self._message.created_at).total_seconds()
        log.error("message %s: %s", self._message.message_id, said)
        return self._result(
            *(State.QUEUED, "deferred", Stage.SENDER, (None, "", said)),
            cause=Cause.KEY_MISSING,
            charged=False,
            unused=True,
            repeats=self._message.cause == Cause.KEY_MISSING,
            retry_in=min(max(waited, FIRST_KEY_RETRY), LONGEST_KEY_RETRY),
        )

    def lost(self) -> Result:
        """The stored bytes are gone."""
        said = "The content of this message is not stored any more."
        words = (None, "", said)
        return self._result(self._final(), "failed", Stage.SENDER, words, cause=Cause.CONTENT_GONE)

    def _temporary(self, stage: Stage, cause: Cause, said: tuple[int | None, str, str]) -> Result:
        again = self._attempt < self._limit
        state = State.QUEUED if again else self._final()
        outcome = "deferred" if again else "failed"
        return self._result(state, outcome, stage, said, cause=cause, retry_in=self._backoff())

    def _final(self) -> State:
        """A message that some recipients have is not failed."""
        return State.SENT if "accepted" in self._message.answered.values() else State.FAILED

    def _backoff(self) -> float:
        return backoff(self._attempt, self._interval)

    def _result(
        self,
        state: State,
        outcome: str,
        stage: Stage,
        said: tuple[int | None, str, str],
        *,
        cause: Cause | None = None,
        **more: Any,
    ) -> Result:
        asked = cause is None or cause not in _OURS
        took = int((time.monotonic() - self._since) * 1000)
        return Result(
            *(self._message, state, outcome, self._started, took, stage.value, *said),
            begun=self.begun,
            cause=cause.value if cause else "",
            server=self._settings.address if asked else "",
            **more,
        )
