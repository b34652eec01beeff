"""A trial as it is stored and shown: how far it is, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..diagnosis import Diagnosis
from ..errors import Cause, Stage
from ..smtp import Security, Step
from .engine import Kind

if TYPE_CHECKING:
    from datetime import datetime


class State(StrEnum):
    """How far a trial is."""

    RUNNING = "running"
    PROBING = "probing"
    """It has failed, and the server's other ports are being tried."""
    DONE = "done"
    LOST = "lost"
    """The process that ran it has ended, or an error of the site broke it off."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A change of the form that is likely to help, for a button that makes it."""

    button: str
    """What a press does."""
    why: str
    """What speaks for it, or "" where the button says it all."""
    values: Mapping[str, str]
    """Form field -> what to fill in; a switch is ``"on"`` or ``""``."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A port that would do but for its certificate: worth knowing, and nothing to press."""

    port: int
    cause: Cause
    """What is wrong with the certificate."""
    text: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One test, as far as it is."""

    token: str
    """What only the page that asked for it knows."""
    kind: Kind
    recipient: str
    begun_by: str
    started_at: datetime
    """Naive UTC."""
    fingerprint: str = field(repr=False)
    """Of the settings that are tested; see `SettingsStore.fingerprints`."""
    host: str
    security: Security
    login: bool
    """Whether the server is to be logged in to."""
    saved: bool
    """Whether the settings are the saved ones."""
    username: str = field(default="", repr=False)
    """The user name that was tried, encrypted; "" without one."""
    state: State = State.RUNNING
    outcome: str = ""
    """As in `TestReport`; "" until it is known."""
    steps: tuple[Step, ...] = ()
    seconds: float = 0.0
    reply: str = ""
    """The server's last words."""
    diagnosis: Diagnosis | None = None
    offers: tuple[Offer, ...] = ()
    leads: tuple[Lead, ...] = ()
    transcript: tuple[str, ...] = field(default=(), repr=False)

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in (State.DONE, State.LOST)

    @property
    def good(self) -> bool:
        """Whether the server took, or would have taken, the mail for somebody at least."""
        return self.outcome in ("sent", "checked", "partly")

    def stages(self) -> tuple[Stage, ...]:
        """Every stage in the order in which this session takes them."""
        order = list(Stage)
        if self.security is Security.TLS:
            order.remove(Stage.TLS)
            order.insert(order.index(Stage.GREETING), Stage.TLS)
        return tuple(order)

    def planned(self, stage: Stage) -> bool:
        """Whether this trial has any use for ``stage``."""
        unused = {
            Stage.TLS: self.security is Security.NONE,
            Stage.LOGIN: not self.login,
            Stage.ACCEPTED: self.kind is Kind.CHECK,
        }
        return not unused.get(stage, False)

    def report(self) -> str:
        """Return what has no column of its own, as JSON."""
        return json.dumps(
            {
                "host": self.host,
                "security": self.security,
                "login": self.login,
                "saved": self.saved,
                "username": self.username,
                "steps": [asdict(step) for step in self.steps],
                "seconds": self.seconds,
                "reply": self.reply,
                "diagnosis": None if self.diagnosis is None else self.diagnosis.as_json(),
                "offers": [
                    {**asdict(offer), "values": dict(offer.values)} for offer in self.offers
                ],
                "leads": [asdict(lead) for lead in self.leads],
                "transcript": self.transcript,
            },
            ensure_ascii=False,
        )


def read_trial(row: Any) -> Trial:
    """Return the trial that ``row`` of the table holds."""
    said = json.loads(row.report)
    return Trial(
        token=row.token,
        kind=Kind(row.kind),
        recipient=row.recipient,
        begun_by=row.begun_by,
        started_at=row.started_at,
        fingerprint=row.fingerprint,
        host=said["host"],
        security=Security(said["security"]),
        login=said["login"],
        saved=said["saved"],
        username=said.get("username", ""),
        state=State(row.state),
        outcome=row.outcome,
        steps=tuple(_steps(said["steps"])),
        seconds=said["seconds"],
        reply=said["reply"],
        diagnosis=_diagnosis(said["diagnosis"]),
        offers=tuple(Offer(**offer) for offer in said["offers"]),
        leads=tuple(_leads(said.get("leads", ()))),
        transcript=tuple(said["transcript"]),
    )


def _steps(said: Iterable[Mapping[str, Any]]) -> Iterable[Step]:
    return (Step(Stage(s["stage"]), s["ok"], s["milliseconds"], s["detail"]) for s in said)


def _leads(said: Iterable[Mapping[str, Any]]) -> Iterable[Lead]:
    known = ((Cause.read(each["cause"]), each) for each in said)
    return (Lead(each["port"], cause, each["text"]) for cause, each in known if cause)


def _diagnosis(said: Mapping[str, Any] | None) -> Diagnosis | None:
    return None if said is None else Diagnosis.from_json(said)
