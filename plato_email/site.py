"""One site: everything that plato_email holds for one Flask app, in ``app.extensions``."""

from __future__ import annotations

import atexit
import logging
import os
import time
import weakref
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from .background import BackgroundSender
from .config import Config, read_config
from .database import Database, DatabaseClock
from .delivery import Delivery
from .encryption import KeyFile, KeyRing
from .errors import ConfigurationError, KeyRingError, SettingsError
from .outbox import Outbox
from .reporting import SignalEvents
from .settings import RULES, Pin, Reencrypted, SettingsStore, read_server
from .signals import message_queued
from .smtp import Session
from .status import Status, read_status
from .tables import join_metadata
from .trial import TestReport, run_trial
from .worker import Worker, process_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask, Response
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy import Engine, MetaData
    from sqlalchemy.engine import URL

    from .outbox import QueuedMessage
    from .settings import Settings, StoredSettings
    from .smtp import Server

    Authorize = Callable[[str], "bool | Response | Any"]

log = logging.getLogger("plato_email")

FRESH = 1.0
"""Seconds that a sender goes on with settings that another process may have changed."""

REMEMBERED = 10.0
"""Seconds that a process goes on using a default sender that another one may have changed."""


class Site:
    """What one app has: its configuration, its outbox, its settings, its sender."""

    def __init__(self, app: Flask, db: SQLAlchemy, authorize: Authorize | None) -> None:
        self.app = app
        self.db = db
        self.authorize = authorize
        self.config: Config = read_config(app.config, os.environ)
        self.tables = join_metadata(self._metadata())
        self.database = Database(self._engine_source, self._shared_engine)
        self.clock = DatabaseClock(self.database)
        self.settings_store = SettingsStore(
            self.tables,
            self.key_ring,
            {
                field: Pin(key, _clean(field, key, v))
                for field, (key, v) in self.config.pins.items()
            },
            {field: _clean(field, "MAIL_*", v) for field, v in self.config.defaults.items()},
        )
        keys = self.config["KEYS"]
        self._configured_keys = _parse_keys(keys) if keys else None
        self._key_file = KeyFile(self._key_path())
        self._pid = os.getpid()
        self.outbox = self._make_outbox()
        self.poller = self._make_poller()
        self._default_sender: tuple[str, float] | None = None
        self._sending_settings: tuple[StoredSettings, float] | None = None

    # -- keys and settings -------------------------------------------------------------------

    @property
    def key_file(self) -> KeyFile | None:
        """The file of the keys, or ``None`` where the configuration names them."""
        return None if self._configured_keys else self._key_file

    def key_ring(self) -> KeyRing:
        """Return the keys that secrets and stored messages are encrypted with.

        Raises:
            KeyRingError: they cannot be read or made.
        """
        if self._configured_keys is not None:
            return self._configured_keys
        return self._key_file.load_or_create()

    def load_settings(self) -> StoredSettings:
        """Return the settings in force, read now on a connection of our own."""
        return self.database.read(self.settings_store.load)

    def _load_sending_settings(self) -> StoredSettings:
        """Return the settings that mail is sent by; good ones are remembered for a second."""
        known, now = self._sending_settings, time.monotonic()
        if known is None or now - known[1] > FRESH:
            stored = self.load_settings()
            ready = stored.settings.configured and stored.settings.polling_enabled
            self._sending_settings = (stored, now) if ready and not stored.unreadable else None
            return stored
        return known[0]

    def save_settings(
        self, settings: Settings, *, version: int, by: str, keep_password: bool
    ) -> None:
        """Store settings and let mail flow with them at once.

        Raises:
            SettingsError: a value cannot be stored.
            SettingsConflict: they were saved by somebody else since ``version``.
        """
        self.database.write(
            lambda connection: self.settings_store.save(
                connection, settings, version=version, by=by, keep_password=keep_password
            )
        )
        self._default_sender = self._sending_settings = None
        self.outbox.open_gate()
        self.poller.wake()

    def default_sender(self, connection: Any) -> str:
        """Return the sender of mail that names none; remembered for some seconds."""
        known, now = self._default_sender, time.monotonic()
        if known is None or now - known[1] > REMEMBERED:
            sender = self.settings_store.load(connection).settings.default_sender
            known = self._default_sender = (sender, now)
        return known[0]

    def key_use(self) -> Counter[str]:
        """Count what is encrypted with each key, by the key's id."""
        used = self.outbox.content_keys()
        used.update(self.database.read(self.settings_store.keys_in_use))
        return used

    def reencrypt_settings(self) -> Reencrypted:
        """Move the stored user name and password to the encrypting key."""
        return self.database.write(self.settings_store.reencrypt)

    # -- sending -----------------------------------------------------------------------------

    def server(self, settings: Settings) -> Server:
        """Return where mail is handed in with ``settings``."""
        return settings.server(self.config["CA_FILE"] or None, self.config["EHLO_NAME"] or None)

    def test(self, settings: Settings, recipient: str, *, origin: str = "") -> TestReport:
        """Send a test mail; ``origin`` says in it where it was asked for.

        See `plato_email.trial.run_trial`.

        Raises:
            SettingsError: a pinned password would go to another server than the saved one.
        """
        self._guard_pinned_password(settings)
        report = run_trial(settings, self.server(settings), recipient, origin=origin)
        try:
            self._record_test(settings, report)
        except SQLAlchemyError:
            log.exception("the outcome of a test mail could not be stored")
        return report

    def _guard_pinned_password(self, settings: Settings) -> None:
        """A pinned password belongs to the settings in force, not to what somebody types."""
        pins = self.config.pins
        if "password" not in pins or not settings.password:
            return
        if settings.login_context != self.load_settings().settings.login_context:
            key = pins["password"][0]
            words = f"{key} is sent only to the server that is saved. Save these settings first."
            raise SettingsError({"password": words})

    def _record_test(self, settings: Settings, report: TestReport) -> None:
        title = "" if report.diagnosis is None else report.diagnosis.title
        self.database.write(
            lambda connection: self.settings_store.record_test(
                connection, settings, report.outcome, title
            ),
            patience=2.0,
        )
        tested = self.load_settings().tested
        if report.outcome == "sent" and tested is not None and tested.current:
            # The server takes mail with the stored settings: nobody needs to wait any more.
            self.outbox.open_gate()
            self.poller.wake()

    def status(self) -> Status:
        """Return how the mail is."""
        return read_status(self.outbox, self.load_settings(), self.clock.now())

    def make_worker(self) -> Worker:
        """Return a new sender."""
        delivery = Delivery(
            self.outbox,
            self.clock,
            load_settings=self._load_sending_settings,
            key_ring=self.key_ring,
            connect=lambda settings: Session.open(self.server(settings)),
            events=SignalEvents(self.app),
            connections=self.config["CONNECTIONS"],
            timeout=float(self.config["DELIVERY_TIMEOUT"]),
            in_context=self.app.app_context,
            park_unknown=self.config["ON_UNKNOWN"] == "park",
        )
        return Worker(delivery, self.outbox, self.clock, self.config)

    def committed(self, messages: list[QueuedMessage]) -> None:
        """Mail exists from this moment on: wake the sender and tell who listens."""
        self.poller.wake(urgent=any(message.urgent for message in messages))
        for message in messages:
            try:
                message_queued.send(self.app, message=message)
            except Exception:
                log.exception("a receiver of message_queued failed")

    # -- the poller's life ---------------------------------------------------------------------

    def start(self) -> None:
        """Start this process's poller, unless it runs; never for a database in memory."""
        if self._in_memory():
            return
        if self._pid != os.getpid():
            # uWSGI forks without telling Python.
            self.after_fork()
        if not self.poller.alive:
            weak = weakref.ref(self)
            atexit.register(_stop, weak)
            self.poller.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop the poller; see `BackgroundSender.stop`."""
        return self.poller.stop(timeout)

    def after_fork(self) -> None:
        """Make anew what a fork does not carry over: threads, locks, sockets."""
        self._pid = os.getpid()
        self.database.after_fork()
        self.outbox = self._make_outbox()
        self.poller = self._make_poller()

    def _make_outbox(self) -> Outbox:
        return Outbox(
            self.database,
            self.tables,
            self.clock,
            process=process_name(),
            keep_sent_bodies=self.config["KEEP_SENT_BODIES_DAYS"] > 0,
            keep_failed=self.config["KEEP_FAILED_DAYS"] > 0,
        )

    def _make_poller(self) -> BackgroundSender:
        return BackgroundSender(self.make_worker, self.app.app_context)

    # -- the host's database -------------------------------------------------------------------

    def _metadata(self) -> MetaData:
        key = self.config["BIND_KEY"] or None
        if key is None:
            return self.db.metadata
        if key not in self.db.metadatas:
            self.db.metadatas[key] = type(self.db.metadata)(info={"bind_key": key})
        return self.db.metadatas[key]

    def _host_engine(self) -> Engine:
        with self.app.app_context():
            return self.db.engines[self.config["BIND_KEY"] or None]

    def _engine_source(self) -> tuple[URL, Mapping[str, Any]]:
        key = self.config["BIND_KEY"]
        options = dict(self.app.config.get("SQLALCHEMY_ENGINE_OPTIONS") or {})
        bound = (self.app.config.get("SQLALCHEMY_BINDS") or {}).get(key or None)
        if isinstance(bound, dict):
            options |= bound
        return self._host_engine().url, options.get("connect_args") or {}

    def _shared_engine(self) -> Engine | None:
        """SQLite in memory lives in the host's one connection and nowhere else."""
        return self._host_engine() if self._in_memory() else None

    def _in_memory(self) -> bool:
        url = self._host_engine().url
        if url.get_backend_name() != "sqlite":
            return False
        return url.database in (None, "", ":memory:") or "mode=memory" in str(url)

    def _key_path(self) -> Path:
        named = self.config["KEY_FILE"]
        return Path(named) if named else Path(self.app.instance_path) / "plato_email.keys"


def _parse_keys(keys: str) -> KeyRing:
    try:
        return KeyRing.parse(keys)
    except KeyRingError as error:
        raise ConfigurationError(f"PLATO_EMAIL_KEYS: {error}") from None


def _clean(field: str, key: str, value: Any) -> Any:
    """Apply the page's own rule to a field that the configuration sets."""
    if field not in ("host", "default_sender"):
        return value
    try:
        cleaned, _ = RULES[field](value)
        if field == "host" and ((pasted := read_server(value)).port or pasted.tls_mode):
            raise ValueError(f"{value!r} is more than a host. Set the port and TLS by their keys.")
    except ValueError as error:
        raise ConfigurationError(f"{key}: {error}") from None
    return cleaned


def _stop(site: weakref.ref[Site]) -> None:
    alive = site()
    if alive is not None:
        alive.stop()
