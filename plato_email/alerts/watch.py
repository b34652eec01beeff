"""The watch: every sender looks now and then; the first to see a change tells of it."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from .values import FAILING, FLOWING, Alert
from .webhook import Webhook, WebhookError

if TYPE_CHECKING:
    from ..database import Clock
    from ..settings import StoredSettings
    from ..status import Status
    from .log import AlertLog, Facts

log = logging.getLogger("plato_email")

LOOK_EVERY = 30.0
LAST_WORD = 2.0
"""Seconds that a process waits at its end for a delivery under way."""


class _Trouble(NamedTuple):
    reason: str
    since: datetime


class Watch:
    """Looks whether mail flows, and tells when that has changed.

    Args:
        alerts: the row that all processes share.
        clock: the same as its.
        status: reads how the mail is; asked only when there is something to tell.
        load_settings: returns the settings in force.
        tell: sends the signal.
        after: for how long mail must have been failing.
        webhook: where alerts go, or ``None``.
        site: the name that they give the site.
    """

    def __init__(
        self,
        alerts: AlertLog,
        clock: Clock,
        *,
        status: Callable[[], Status],
        load_settings: Callable[[], StoredSettings],
        tell: Callable[[Alert], None],
        after: timedelta,
        webhook: Webhook | None,
        site: str,
    ) -> None:
        self._alerts = alerts
        self._clock = clock
        self._status = status
        self._load_settings = load_settings
        self._tell = tell
        self._after = after
        self._webhook = webhook
        self._site = site
        self._looked = float("-inf")
        self._delivery: threading.Thread | None = None

    def look(self) -> None:
        """Look, if the last look is long enough ago; never raises and never waits for HTTP."""
        if time.monotonic() - self._looked < LOOK_EVERY:
            return
        self._looked = time.monotonic()
        try:
            self.look_now()
        except Exception:
            log.exception("whether mail flows could not be looked at")

    def look_now(self) -> None:
        """Look; see `look`.

        Raises:
            SQLAlchemyError: the database did not answer.
        """
        facts = self._alerts.facts(self._after)
        stored = self._load_settings()
        turned = False
        # Who has switched sending off knows that nothing goes out.
        if stored.settings.configured and stored.settings.lets_mail_out:
            trouble = self._trouble(facts, unreadable=bool(stored.unreadable))
            if trouble is not None and facts.state != FAILING:
                turned = self._turn(FAILING, trouble)
            elif facts.state == FAILING and trouble is None and _flows(facts):
                since = facts.since or self._clock.now()
                turned = self._turn(FLOWING, _Trouble(facts.reason, since))
        if turned or (facts.next_at is not None and facts.next_at <= self._clock.now()):
            self.deliver()

    def deliver(self) -> None:
        """Begin to deliver in a thread of its own what is due, unless one is at it."""
        busy = self._delivery is not None and self._delivery.is_alive()
        if self._webhook is None or busy or (taken := self._alerts.take()) is None:
            return
        self._delivery = threading.Thread(
            target=self._post, args=(self._webhook, *taken), name="plato-email-alert", daemon=True
        )
        self._delivery.start()

    def finish(self, timeout: float = LAST_WORD) -> None:
        """Wait for a delivery under way; another process takes over what is not done."""
        if self._delivery is not None:
            self._delivery.join(timeout)

    def _trouble(self, facts: Facts, *, unreadable: bool) -> _Trouble | None:
        """Say what has gone wrong for too long, if anything has."""
        limit = self._clock.now() - self._after
        outage, waiting = facts.outage_since, facts.waiting_since
        if outage is not None and outage <= limit:
            return _Trouble("outage", outage)
        if waiting is not None and waiting <= limit and unreadable:
            return _Trouble("unreadable-secret", waiting)
        if facts.many_failed and not facts.any_sent:
            return _Trouble("refused", limit)
        if waiting is not None and waiting <= limit and not facts.any_sent and outage is None:
            return _Trouble("stuck", waiting)
        return None

    def _turn(self, state: str, trouble: _Trouble) -> bool:
        alert = _alert(state, trouble, self._status())
        body = alert.as_json(self._site) if self._webhook is not None else ""
        if not self._alerts.turn(alert, body):
            return False
        log.warning("alert: %s", alert.summary)
        self._tell(alert)
        return True

    def _post(self, webhook: Webhook, alert_id: str, body: str) -> None:
        try:
            try:
                webhook.post(body.encode("utf-8"), str(int(time.time())))
            except WebhookError as error:
                log.warning("an alert was not delivered: %s", error)
                self._alerts.refused(alert_id, str(error))
            else:
                self._alerts.delivered(alert_id)
        except Exception:
            log.exception("what became of an alert could not be stored")


def _flows(facts: Facts) -> bool:
    """What was refused flows once something was sent; the others are well when they are over."""
    if facts.reason == "refused":
        return facts.any_sent
    return facts.outage_since is None


def _alert(state: str, trouble: _Trouble, status: Status) -> Alert:
    gate = status.gate if trouble.reason == "outage" else None
    names = ("stage", "code", "reply", "cause", "server")
    said = {} if gate is None else {name: getattr(gate, name) for name in names}
    return Alert(
        state=state,
        id=secrets.token_hex(16),
        at=status.now,
        since=trouble.since,
        reason=trouble.reason,
        summary=_summary(state, trouble, status),
        waiting=status.waiting,
        failed_24h=status.statistics.failed,
        sent_24h=status.statistics.sent,
        **said,
    )


def _summary(state: str, trouble: _Trouble, status: Status) -> str:
    since = f"{trouble.since:%Y-%m-%d %H:%M} UTC"
    if state == FLOWING:
        return f"Mail flows again; it had been failing since {since}."
    what = {
        "outage": "Mail is not going out",
        "unreadable-secret": "The stored login cannot be decrypted, so no mail is going out",
        "refused": "Every mail was refused",
        "stuck": "Mail that could go is waiting",
    }[trouble.reason]
    return f"{what} since {since}; {status.waiting:,} waiting."
