"""Status: one answer to "how is the mail?", for the banner, the page, the command and monitors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .diagnosis.stored import diagnose_stored
from .durations import span
from .errors import Verdict, said
from .settings import Mode

if TYPE_CHECKING:
    from .diagnosis import Diagnosis
    from .outbox import Gate, Outbox, Process, Statistics
    from .settings import Settings, StoredSettings

SILENT = timedelta(seconds=90)
"""A sender that has not reported for this long is taken for gone."""
STUCK = 300.0
"""Seconds after which waiting mail that could go is an alarm."""


MOMENT = 5.0
"""Seconds that are no time."""


class Condition(StrEnum):
    """What the banner says, the most urgent first."""

    UNREADABLE_SECRET = "unreadable-secret"  # noqa: S105 - a word, not a secret
    NOT_CONFIGURED = "not-configured"
    POLLING_OFF = "polling-off"
    HELD = "held"
    FAILING = "failing"
    POLLER_SILENT = "poller-silent"
    UNVERIFIED = "unverified"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a site's mail at one moment."""

    now: datetime
    settings: StoredSettings
    statistics: Statistics
    gate: Gate | None
    processes: tuple[Process, ...]
    in_memory: bool = False
    """Whether the queue is in a database in memory, which no sender can look into."""

    @property
    def state(self) -> Condition:
        """The most urgent thing to say, in one word."""
        settings = self.settings.settings
        if self.settings.unreadable:
            return Condition.UNREADABLE_SECRET
        if not settings.configured:
            return Condition.NOT_CONFIGURED
        if not settings.polling_enabled:
            return Condition.POLLING_OFF
        if settings.held:
            return Condition.HELD
        if self.gate is not None:
            return Condition.FAILING
        if not self.senders:
            return Condition.POLLER_SILENT
        tested = self.settings.tested
        verified = tested is not None and tested.current and tested.outcome == "sent"
        return Condition.VERIFIED if verified else Condition.UNVERIFIED

    @property
    def headline(self) -> str:
        """The same in one short sentence."""
        if self.gate is not None and self.state is Condition.FAILING:
            since = f"Failing since {self.gate.failing_since:%H:%M} UTC"
            return f"{since}: {self.diagnosis.title}." if self.diagnosis else f"{since}."
        return _HEADLINES[self.state]

    @property
    def diagnosis(self) -> Diagnosis | None:
        """Why no mail goes out, while none does."""
        if self.gate is None:
            return None
        fate = Verdict(self.gate.verdict) if self.gate.verdict in set(Verdict) else None
        return diagnose_stored(self.gate, self.settings.settings, fate)

    @property
    def detail(self) -> str:
        """What it means and what to do, in a sentence or two."""
        waiting = _waiting(self.waiting)
        match self.state:
            case Condition.NOT_CONFIGURED:
                if self.settings.settings.host:
                    return (
                        "Enter a default sender and save. Until then a message that names no "
                        f"sender of its own is refused, and none is sent.{waiting}"
                    )
                return f"Enter a server and save. Until then no mail is sent.{waiting}"
            case Condition.UNREADABLE_SECRET:
                what = " and ".join(sorted(self.settings.unreadable))
                return f"Its encryption key is missing. Enter the {what} again and save.{waiting}"
            case Condition.POLLING_OFF:
                return f"Mail is queued and none is sent until it is switched on again.{waiting}"
            case Condition.HELD:
                return _held(self.settings.settings) + waiting
            case Condition.FAILING:
                return _failing(self.gate, self.diagnosis) + waiting
            case Condition.POLLER_SILENT if self.in_memory:
                return (
                    "The database is in memory, and no sender can look into it. Use a file, "
                    f"sqlite:///site.db, or a database server.{waiting}"
                )
            case Condition.POLLER_SILENT:
                return (
                    "No process of this site has looked at the queue for a while. Start the web "
                    f"server, or a sender with: flask email run.{waiting}"
                )
            case _:
                return self._tested

    @property
    def _tested(self) -> str:
        """What the last test says of the settings."""
        tested = self.settings.tested
        if tested is None:
            return "Send a test email to be sure that these settings work."
        seconds = (self.now - tested.at).total_seconds()
        ago = f"{span(seconds)} ago" if seconds > MOMENT else "just now"
        if not tested.current:
            return f"They were changed since the last test, {ago}. Send a test email."
        match tested.outcome:
            case "sent":
                return f"Verified {ago}: the server accepted a test email."
            case "checked":
                return f"The connection was checked {ago}. Send a test email to be sure."
            case _:
                why = f": {tested.title}" if tested.title else ""
                return f"The test {ago} failed{why}."

    @property
    def senders(self) -> tuple[Process, ...]:
        """The senders that are alive."""
        return tuple(each for each in self.processes if self.now - each.seen_at < SILENT)

    @property
    def waiting(self) -> int:
        """Messages that are still to go."""
        numbers = self.statistics
        return numbers.queued + numbers.deferred + numbers.sending

    @property
    def stuck(self) -> bool:
        """Whether mail that could go has waited for longer than it should, and none is taken.

        A backlog that is sent as fast as Batch Size and Interval allow is a backlog, no trouble.
        """
        oldest = self.statistics.oldest_waiting
        patience = max(STUCK, 2.0 * self.settings.settings.poll_interval)
        return oldest is not None and oldest > patience and not self.statistics.taken

    @property
    def last_tick(self) -> datetime | None:
        """When a sender last reported, one that is gone included."""
        return max((each.seen_at for each in self.processes), default=None)

    @property
    def last_error(self) -> Process | None:
        """The sender whose error is the latest, gone or not."""
        failed = [each for each in self.processes if each.error_at is not None]
        return max(failed, key=lambda each: str(each.error_at), default=None)

    @property
    def healthy(self) -> bool:
        """What a monitor asks: false when mail is stuck, failing or cannot be sent at all."""
        bad = (Condition.UNREADABLE_SECRET, Condition.FAILING, Condition.POLLER_SILENT)
        idle = self.state is Condition.POLLER_SILENT and not self.waiting
        return not self.stuck and (self.state not in bad or idle)

    def as_json(self) -> dict[str, Any]:
        """Return what ``GET /health`` and ``flask email status --json`` print; no secret in it."""
        numbers, settings = self.statistics, self.settings.settings
        return {
            "healthy": self.healthy,
            "state": self.state.value,
            "stuck": self.stuck,
            "mode": self.settings.settings.mode,
            "queue": {
                "queued": numbers.queued,
                "deferred": numbers.deferred,
                "sending": numbers.sending,
                "sent_24h": numbers.sent,
                "failed_24h": numbers.failed,
                "oldest_waiting_seconds": numbers.oldest_waiting,
            },
            "rate": {
                "taken": numbers.taken,
                "batch_size": settings.batch_size,
                "interval_seconds": settings.poll_interval,
            },
            "last_tick": stamp(self.last_tick) if self.last_tick else None,
            "last_error": None if self.last_error is None else _error_json(self.last_error),
            "failing": None if self.gate is None else _gate_json(self.gate, self.diagnosis),
            "senders": [
                {
                    "name": each.name,
                    "started_at": stamp(each.started_at),
                    "seen_at": stamp(each.seen_at),
                    "last_error": each.error or None,
                    "last_error_at": stamp(each.error_at) if each.error_at else None,
                }
                for each in self.senders
            ],
        }


_HEADLINES = {
    Condition.UNREADABLE_SECRET: "A stored secret cannot be read.",
    Condition.NOT_CONFIGURED: "Email is not configured yet.",
    Condition.POLLING_OFF: "Outbound polling is off.",
    Condition.HELD: "Mail is held.",
    Condition.FAILING: "Mail is not going out.",
    Condition.POLLER_SILENT: "No sender is running.",
    Condition.UNVERIFIED: "These settings are not verified.",
    Condition.VERIFIED: "Email works.",
}


def _waiting(count: int) -> str:
    if not count:
        return ""
    return " 1 message is waiting." if count == 1 else f" {count:,} messages are waiting."


def _held(settings: Settings) -> str:
    if settings.mode == Mode.HOLD:
        return "Mode Hold: mail is queued and none is sent until the mode is Live again."
    return "Mode Redirect has no address: mail is queued and none is sent until it has one."


def _failing(gate: Gate | None, diagnosis: Diagnosis | None) -> str:
    if gate is None:
        return ""
    todo = "" if diagnosis is None or not diagnosis.steps else f" {diagnosis.steps[0]}"
    where = f"{gate.server} at {gate.stage}" if gate.server else f"At {gate.stage}"
    return (
        f"{where}: {said(gate.code, gate.reply).rstrip('.')}.{todo} "
        f"Next try at {gate.retry_at:%H:%M:%S} UTC; no message fails meanwhile."
    )


def stamp(at: datetime) -> str:
    """Write a naive UTC time as ISO 8601."""
    return at.isoformat(timespec="seconds") + "Z"


def _error_json(process: Process) -> dict[str, Any]:
    at = process.error_at
    return {"sender": process.name, "at": stamp(at) if at else None, "error": process.error}


def _gate_json(gate: Gate, diagnosis: Diagnosis | None) -> dict[str, Any]:
    return {
        "since": stamp(gate.failing_since),
        "next_try": stamp(gate.retry_at),
        "failures": gate.failures,
        "verdict": gate.verdict,
        "stage": gate.stage,
        "code": gate.code,
        "enhanced": gate.enhanced or None,
        "reply": gate.reply,
        "cause": gate.cause or None,
        "server": gate.server or None,
        "diagnosis": None if diagnosis is None else diagnosis.as_json(),
    }


def read_status(
    outbox: Outbox, settings: StoredSettings, now: datetime, *, in_memory: bool = False
) -> Status:
    """Ask the outbox everything that a `Status` holds."""
    return Status(
        now=now,
        settings=settings,
        statistics=outbox.statistics(settings.settings.poll_interval),
        gate=outbox.gate(),
        processes=outbox.processes(),
        in_memory=in_memory,
    )
