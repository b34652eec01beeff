"""One site: everything that plato_email holds for one Flask app, in ``app.extensions``."""

from __future__ import annotations

import atexit
import logging
import os
import time
import weakref
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .alerts import AlertLog, Watch, Webhook
from .audit import AuditLog
from .background import BackgroundPoller
from .config import BY_NAME, Config, read_config
from .database import Database, DatabaseClock
from .delivery import Delivery
from .encryption import KeyFile, KeyRing
from .errors import ConfigurationError, KeyRingError, SettingsError
from .outbox import CONTENT, Outbox
from .reporting import SignalEvents, tell_of
from .settings import RULES, Pin, Reencrypted, SettingsStore, read_server
from .settings.pasted import holds_login
from .signals import message_queued
from .smtp import Session
from .smtp.policy import allowed_servers, not_allowed
from .status import Status, read_status
from .tables import join_metadata
from .trial import TrialLog, Trials
from .worker import Worker, process_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask, Response
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy import Connection, Engine, MetaData
    from sqlalchemy.engine import URL

    from .outbox import MessageRow, QueuedMessage
    from .sender_domain import Inspector
    from .settings import Settings, StoredSettings
    from .smtp import Server

    Authorize = Callable[[str], "bool | Response | Any"]

log = logging.getLogger("plato_email")
_CLEANED = frozenset(
    ("default_sender", "host", "username", "password", "redirect_to", "allowed_recipients")
)
"""Fields that the page's own rules apply to where the configuration sets them."""

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
        self.audit = AuditLog(self.database, self.tables, self.clock)
        self.alerts = AlertLog(self.database, self.tables, self.clock)
        self.settings_store = SettingsStore(
            self.tables,
            self.key_ring,
            {
                field: Pin(key, _clean(field, key, v))
                for field, (key, v) in self.config.pins.items()
            },
            {
                field: _clean(field, BY_NAME[field.upper()].flask_mail or "MAIL_*", v)
                for field, v in self.config.defaults.items()
            },
        )
        self._allowed = _check_allowed(self.config["ALLOWED_SERVERS"])
        keys = self.config["KEYS"]
        self._configured_keys = _parse_keys(keys) if keys else None
        self._key_file = KeyFile(self._key_path())
        self._pid = os.getpid()
        self.outbox = self._make_outbox()
        self.poller = self._make_poller()
        self.trials = self._make_trials()
        self._default_sender: tuple[str, float] | None = None
        self._sending_settings: tuple[StoredSettings, float] | None = None
        self._inspector: Inspector | None = None

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
            ready = stored.settings.configured and stored.settings.lets_mail_out
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
        host, port = settings.host, settings.port
        if host and not allowed_servers(self._allowed).may_ask(host, port):
            raise SettingsError({"host": not_allowed(host, port)})

        def work(connection: Connection) -> None:
            self.settings_store.save(
                connection, settings, version=version, by=by, keep_password=keep_password
            )
            self.trials.adopt(connection)

        self.database.write(work)
        self._default_sender = self._sending_settings = None
        self._let_flow()

    def _let_flow(self) -> None:
        """Nobody needs to wait any more: the settings are new, or have proved to work."""
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
        return settings.server(
            self.config["CA_FILE"] or None, self.config["EHLO_NAME"] or None, self._allowed
        )

    def status(self) -> Status:
        """Return how the mail is."""
        stored, now = self.load_settings(), self.clock.now()
        return read_status(self.outbox, stored, now, in_memory=self.in_memory)

    @property
    def inspector(self) -> Inspector:
        """What looks sender domains up, with the memory of this process."""
        if self._inspector is None:
            # Here: a process that only sends never needs dnspython.
            from .sender_domain import Inspector

            self._inspector = Inspector(self.config["RESOLVER"], self.config["DKIM_SELECTOR"])
        return self._inspector

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
        logs = (self.audit, self.trials.log)
        return Worker(delivery, self.outbox, *logs, self.make_watch(), self.clock, self.config)

    def make_watch(self) -> Watch:
        """Return what looks whether mail flows, and tells when that changes."""
        url, secret = self.config["ALERT_URL"], self.config["ALERT_SECRET"]
        return Watch(
            self.alerts,
            self.clock,
            status=self.status,
            load_settings=self.load_settings,
            tell=partial(tell_of, self.app),
            after=timedelta(minutes=self.config["ALERT_AFTER"]),
            webhook=Webhook(url, secret) if url else None,
            site=self.app.config.get("SERVER_NAME") or self.app.name,
        )

    def committed(self, messages: list[QueuedMessage]) -> None:
        """Mail exists from this moment on: wake the sender and tell who listens."""
        self.poller.wake(urgent=any(message.urgent for message in messages))
        for message in messages:
            try:
                message_queued.send(self.app, message=message)
            except Exception:
                log.exception("a receiver of message_queued failed")

    def content(self, message: MessageRow) -> bytes | None:
        """Return what a message says, or ``None`` where it is not kept.

        Raises:
            SecretUnreadable: the key that it was encrypted with is gone.
        """
        stored = self.outbox.content(message.id)
        if stored is None:
            return None
        return self.key_ring().unprotect_bytes(stored, CONTENT, message.message_id)

    # -- the poller's life ---------------------------------------------------------------------

    def start(self) -> None:
        """Start this process's poller, unless it runs; never for a database in memory."""
        if self.in_memory:
            return
        if self._pid != os.getpid():
            # uWSGI forks without telling Python.
            self.after_fork()
        if not self.poller.alive:
            weak = weakref.ref(self)
            atexit.register(_stop, weak)
            self.poller.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop the poller; see `BackgroundPoller.stop`."""
        return self.poller.stop(timeout)

    def after_fork(self) -> None:
        """Make anew what a fork does not carry over: threads, locks, sockets."""
        self._pid = os.getpid()
        self.database.after_fork()
        self.outbox = self._make_outbox()
        self.poller = self._make_poller()
        self._inspector = None

    def _make_outbox(self) -> Outbox:
        return Outbox(
            self.database,
            self.tables,
            self.clock,
            process=process_name(),
            keep_sent_bodies=self.config["KEEP_SENT_BODIES_DAYS"] > 0,
            keep_failed=self.config["KEEP_FAILED_DAYS"] > 0,
        )

    def _make_trials(self) -> Trials:
        return Trials(
            self.database,
            self.settings_store,
            TrialLog(self.database, self.tables, self.clock),
            server=self.server,
            pinned_by=self.config.pins.get("password", ("", None))[0],
            limit=self.config["TESTS_PER_MINUTE"],
            flows=self._let_flow,
        )

    def _make_poller(self) -> BackgroundPoller:
        return BackgroundPoller(self.make_worker, self.app.app_context)

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
        return self._host_engine() if self.in_memory else None

    @property
    def in_memory(self) -> bool:
        """Whether the database is one connection of this process, which no thread may share."""
        url = self._host_engine().url
        if url.get_backend_name() != "sqlite":
            return False
        return url.database in (None, "", ":memory:") or "mode=memory" in str(url)

    def _key_path(self) -> Path:
        named = self.config["KEY_FILE"]
        return Path(named) if named else Path(self.app.instance_path) / "plato_email.keys"


def _check_allowed(entries: tuple[str, ...]) -> tuple[str, ...]:
    try:
        allowed_servers(entries)
    except ValueError as error:
        hides = any(map(holds_login, entries))
        words = "its value is neither a host name nor a network" if hides else error
        raise ConfigurationError(f"PLATO_EMAIL_ALLOWED_SERVERS: {words}.") from None
    return entries


def _parse_keys(keys: str) -> KeyRing:
    try:
        return KeyRing.parse(keys)
    except KeyRingError as error:
        raise ConfigurationError(f"PLATO_EMAIL_KEYS: {error}") from None


def _clean(field: str, key: str, value: Any) -> Any:
    """Apply the page's own rule to a field that the configuration sets."""
    if field not in _CLEANED:
        return value
    try:
        cleaned, note = RULES[field](value)
        if field == "host" and ((pasted := read_server(value)).port or pasted.tls_mode):
            raise ValueError(f"{value!r} is more than a host. Set the port and TLS by their keys.")
    except ValueError as error:
        raise ConfigurationError(f"{key}: {error}") from None
    if note:
        log.warning("%s: %s", key, note)
    return cleaned


def _stop(site: weakref.ref[Site]) -> None:
    alive = site()
    if alive is not None:
        alive.stop()
