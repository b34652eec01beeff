"""Trials at work: within the rate, in a thread where a page watches, remembered at the end."""

from __future__ import annotations

import logging
import secrets
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from ..diagnosis import diagnose
from ..errors import SettingsError
from ..smtp.policy import is_local_name
from ..smtp.probe import USUAL_PORTS, probe_ports
from ..smtp.reply import USER_NAME
from .engine import DEADLINE, Kind, TestReport, compose_test, run_trial
from .offers import is_about_ports, leads, offers
from .values import Offer, State, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from ..database import Database
    from ..settings import Settings, SettingsStore, StoredSettings
    from ..smtp import Server, Step
    from ..smtp.probe import Probe
    from .engine import Observe
    from .log import TrialLog

    Ended = Callable[[Trial], None]

log = logging.getLogger("plato_email")

CATCHER_PORTS = (1025,)
"""Where catchers of mail listen, on a developer's machine or as a service of Docker."""
PROBING = 3.0
"""Seconds of the deadline that are kept for the server's other ports."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to be tested."""

    settings: Settings
    recipient: str
    kind: Kind = Kind.SEND
    origin: str = ""
    """Where it was asked for, for the text of the mail."""
    by: str = ""


class Trials:
    """The trials of one site. Safe to share between threads.

    Args:
        database: of the site.
        store: of its settings, which remember their last test.
        log: where trials are stored.
        server: settings -> where to send.
        pinned_by: the configuration key that sets the password, or "".
        limit: trials that pages may begin in a minute.
        flows: called when the saved settings have proved to work.
    """

    def __init__(
        self,
        database: Database,
        store: SettingsStore,
        log: TrialLog,
        *,
        server: Callable[[Settings], Server],
        pinned_by: str,
        limit: int,
        flows: Callable[[], None],
    ) -> None:
        self.log = log
        self.usual_ports: tuple[int, ...] = USUAL_PORTS
        """Where the server is looked for after a failure, besides its own port."""
        self.catcher_ports: tuple[int, ...] = CATCHER_PORTS
        """Where it is looked for too, if it is this machine or has a name without a dot."""
        self._database = database
        self._store = store
        self._server = server
        self._pinned_by = pinned_by
        self.limit = limit
        self._flows = flows

    def test(self, asked: Asked) -> TestReport:
        """Test now, past the limit: for who has a shell.

        Raises:
            SettingsError: a pinned password would go to another server than the saved one.
            MessageError: the sender or the recipient is no address.
        """
        self._guard(asked.settings)
        report = self._try(asked)
        self._remember(asked.settings, report)
        return report

    def run(self, asked: Asked, ended: Ended) -> Trial:
        """Test now and return the trial when it is over; see `start`."""
        running = _Running(self.log, self._begin(asked))
        self._conduct(asked, running, ended)
        self.log.store(running.trial)
        return running.trial

    def start(self, asked: Asked, ended: Ended) -> Trial:
        """Begin a trial in a thread of this process and return it as it begins.

        Args:
            asked: what is to be tested.
            ended: called with the trial once its outcome is known, before anybody is told.

        Raises:
            TooManyTests: the limit is reached.
            SettingsError: a pinned password would go to another server than the saved one.
            MessageError: the sender or the recipient is no address.
        """
        running = _Running(self.log, self._begin(asked))
        begun = running.trial
        name = f"plato_email trial {begun.token[:8]}"
        target = running.recorded(lambda: self._conduct(asked, running, ended))
        threading.Thread(target=target, name=name, daemon=True).start()
        return begun

    def username(self, trial: Trial) -> str:
        """Return the user name that was tried, for who may edit the settings; "" if unreadable."""
        return self._store.open_username(trial.username)

    def find(self, token: str) -> Trial | None:
        """Return a trial as far as it is, whichever process runs it; ``None``: no such trial."""
        return self.log.find(token)

    def adopt(self, connection: Connection) -> None:
        """Let a trial made just before the settings were saved count as their test.

        In the transaction that saves them.
        """
        stored = self._store.load(connection)
        if stored.tested is not None and stored.tested.current:
            return
        trial = self.log.latest(connection, self._store.fingerprints(stored.settings))
        if trial is not None:
            title = trial.diagnosis.title if trial.diagnosis else ""
            self._store.record_test(
                connection, stored.settings, trial.outcome, title, at=trial.started_at
            )

    def _begin(self, asked: Asked) -> Trial:
        self._guard(asked.settings)
        compose_test(asked.settings, asked.recipient, asked.origin)
        server = self._server(asked.settings)
        fingerprint = self._store.fingerprints(asked.settings)[0]
        trial = Trial(
            token=secrets.token_hex(16),
            kind=asked.kind,
            recipient=asked.recipient[:320],
            begun_by=asked.by[:200],
            started_at=self.log.now(),
            fingerprint=fingerprint,
            host=server.host,
            security=server.security,
            login=bool(server.username),
            saved=self._are_saved(asked.settings),
            username=self._store.seal_username(asked.settings),
        )
        self.log.begin(trial, self.limit)
        return trial

    def _conduct(self, asked: Asked, running: _Running, ended: Ended) -> None:
        try:
            report = self._try(asked, running.step)
            running.note(
                state=State.PROBING if is_about_ports(report.diagnosis) else State.RUNNING,
                outcome=report.outcome,
                seconds=report.seconds,
                reply=_last_words(report),
                diagnosis=report.diagnosis,
                transcript=report.transcript,
            )
            self._remember(asked.settings, report)
            running.note(**self._help(asked.settings, report))
        except Exception:
            log.exception("a test was broken off by an error of ours")
            state = State.LOST
        else:
            state = State.DONE
        try:
            ended(running.trial)
        finally:
            running.note(state=state)

    def _try(self, asked: Asked, observe: Observe | None = None) -> TestReport:
        return run_trial(
            asked.settings,
            self._server(asked.settings),
            asked.recipient,
            kind=asked.kind,
            origin=asked.origin,
            deadline=DEADLINE - PROBING,
            observe=observe,
        )

    def _help(self, settings: Settings, report: TestReport) -> dict[str, Any]:
        """What to offer after a failure, and what else was found."""
        if report.error is None:
            return {}
        probes: tuple[Probe, ...] = ()
        catchers = self.catcher_ports if is_local_name(settings.host) else ()
        if is_about_ports(report.diagnosis):
            ports = dict.fromkeys((*self.usual_ports, *catchers, settings.port))
            probes = probe_ports(self._server(settings), tuple(ports), PROBING)
        found, pinned = report.diagnosis, self._load().pinned
        if report.error.facts.in_container and any(each.usable for each in probes):
            # A mail server is where it was looked for: only the port is wrong.
            report.error.facts = replace(report.error.facts, in_container=False)
            found = diagnose(report.error, settings)
        return {
            "diagnosis": found,
            "offers": tuple(
                _without_user_name(offer, settings.username)
                for offer in offers(settings, found, probes, pinned, catchers)
            ),
            "leads": leads(settings, probes),
        }

    def _guard(self, settings: Settings) -> None:
        """A pinned password belongs to the settings in force, not to what somebody types."""
        if not self._pinned_by or not settings.password:
            return
        if settings.login_context != self._load().settings.login_context:
            words = f"{self._pinned_by} is sent only to the server that is saved."
            raise SettingsError({"password": f"{words} Save these settings first."})

    def _are_saved(self, settings: Settings) -> bool:
        known = self._store.fingerprints(self._load().settings)
        return self._store.fingerprints(settings)[0] in known

    def _remember(self, settings: Settings, report: TestReport) -> None:
        """Keep the outcome with the saved settings, if it is they that were tested."""
        try:
            if not self._are_saved(settings):
                return
            self._record(settings, report)
        except SQLAlchemyError:
            log.exception("the outcome of a test could not be stored")
            return
        if report.outcome == "sent":
            self._flows()

    def _record(self, settings: Settings, report: TestReport) -> None:
        tested = self._load().tested
        proven = tested is not None and tested.current and tested.outcome == "sent"
        if report.outcome == "checked" and proven:
            return  # a mail that went out proves more
        title = "" if report.diagnosis is None else report.diagnosis.title
        self._database.write(
            lambda c: self._store.record_test(c, settings, report.outcome, title), patience=2.0
        )

    def _load(self) -> StoredSettings:
        return self._database.read(self._store.load)


class _Running:
    """A trial under way; its stages are stored by a thread of their own.

    So a database that is slow, or locked, costs the trial nothing of its time.
    """

    def __init__(self, log: TrialLog, trial: Trial) -> None:
        self.trial = trial
        self._log = log
        self._changed = threading.Event()

    def step(self, step: Step) -> None:
        """Note a stage that has ended."""
        self.note(steps=(*self.trial.steps, step))

    def note(self, **changes: Any) -> None:
        """Note what has changed."""
        self.trial = replace(self.trial, **changes)
        self._changed.set()

    def recorded(self, conduct: Callable[[], None]) -> Callable[[], None]:
        """Return ``conduct`` with all that is noted meanwhile stored at once."""

        def work() -> None:
            scribe = threading.Thread(
                target=self._record, name="plato_email trial log", daemon=True
            )
            scribe.start()
            conduct()
            scribe.join()

        return work

    def _record(self) -> None:
        over = False
        while not over:
            self._changed.wait()
            self._changed.clear()
            trial = self.trial
            over = trial.over
            try:
                self._log.store(trial, patience=20.0 if over else 2.0)
            except SQLAlchemyError:
                log.exception("how far a test is could not be stored")


def _without_user_name(offer: Offer, username: str) -> Offer:
    """``offer`` with the mark for the user name, which is stored in no plain text."""
    if "@" not in username:
        return offer  # no offer is made of such a name
    values = {name: text.replace(username, USER_NAME) for name, text in offer.values.items()}
    return replace(offer, button=offer.button.replace(username, USER_NAME), values=values)


def _last_words(report: TestReport) -> str:
    said = report.receipt or report.error
    if said is None:
        return ""
    return f"{said.code} {said.reply}" if said.code else said.reply
