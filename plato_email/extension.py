"""PlatoEmail: the object that a Flask site holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import current_app, g
from sqlalchemy.exc import DBAPIError

from .cli import email_commands
from .database import MISSING_TABLES, tables_are_missing
from .errors import ConfigurationError
from .lifecycle import arrange_poller
from .message import Composed, Message, compose
from .modes import route
from .outbox import QueuedMessage
from .settings import unreadable
from .site import Site
from .smtp import Session
from .transactions import Pending, warn_of_forgotten
from .views import make_blueprint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import EmailMessage

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy.orm import Session as DatabaseSession
    from sqlalchemy.orm import scoped_session

    from .site import Authorize
    from .smtp import Receipt

EXTENSION = "plato_email"
_SESSIONS = "_plato_email_sessions"


class PlatoEmail:
    """Outbound mail for a Flask site.

    Mail is stored in the site's own database, in the caller's own transaction, and leaves in the
    background. One object may serve several apps; it keeps nothing of any of them.

    Args:
        app: the app, or nothing where `init_app` is called later.
        db: the site's ``SQLAlchemy`` object; by default the one the app has.
        authorize: called with the name of an action (``view``, ``edit_settings``, ``send_test``,
            ``view_body``, ``manage_queue``) on every request to the pages. ``True`` lets it
            pass, ``False`` answers 403, a response is returned as it is. Without it, and when it
            raises, every page answers 403.
    """

    def __init__(
        self,
        app: Flask | None = None,
        db: SQLAlchemy | None = None,
        *,
        authorize: Authorize | None = None,
    ) -> None:
        self._db = db
        self._authorize = authorize
        if app is not None:
            self.init_app(app)

    def init_app(
        self, app: Flask, db: SQLAlchemy | None = None, *, authorize: Authorize | None = None
    ) -> None:
        """Add the tables, the pages, the commands and the sender to ``app``.

        Raises:
            ConfigurationError: a key is wrong, there is no database, or it was called twice.
        """
        if EXTENSION in app.extensions:
            raise ConfigurationError(
                "plato_email is on this app already. Was init_app called twice?"
            )
        database = db or self._db or app.extensions.get("sqlalchemy")
        if database is None:
            raise ConfigurationError(
                "plato_email needs the site's Flask-SQLAlchemy object: PlatoEmail(app, db), or "
                "call db.init_app(app) first."
            )
        site = Site(app, database, authorize or self._authorize)
        app.extensions[EXTENSION] = site
        app.register_blueprint(make_blueprint(site))
        app.cli.add_command(email_commands)
        app.teardown_appcontext(_look_for_forgotten)
        arrange_poller(app, site)

    def send(
        self,
        message: Message | EmailMessage | None = None,
        /,
        *,
        session: DatabaseSession | scoped_session[Any] | None = None,
        **fields: Any,
    ) -> QueuedMessage:
        """Queue a message in the caller's transaction; it exists once that commits.

        Takes a `Message`, a standard ``EmailMessage``, or the fields of a `Message` by name.
        Never commits. After the commit the sender is woken, so that the mail leaves at once.

        Args:
            message: what to send.
            session: the session whose transaction it joins; by default ``db.session``.
            **fields: the arguments of `Message`, where no ``message`` is given.

        Raises:
            MessageError: an argument cannot be mailed; nothing was queued.
            ConfigurationError: the tables are missing.
            KeyRingError: the encryption keys cannot be read or made.
        """
        site = _site()
        joined = session or site.db.session
        real: DatabaseSession = joined() if callable(joined) else joined
        try:
            connection = real.connection(bind_arguments={"clause": site.tables.message})
            composed = _composed(site, connection, message, fields)
            queued = site.outbox.enqueue(connection, composed, site.key_ring())
        except DBAPIError as error:
            # On the host's engine, whose log would show addresses and the subject.
            error.hide_parameters = True
            if tables_are_missing(error):
                raise ConfigurationError(MISSING_TABLES) from error
            raise
        except UnicodeEncodeError as error:
            # Not as its cause: it holds the text.
            raise ConfigurationError(
                f"The database stores text as {error.encoding}, which lacks a character of this "
                "message. Move the site to a database with the encoding UTF8."
            ) from None
        if not queued.duplicate:
            _watch(site, real, queued)
        return queued

    def send_now(self, message: Message | EmailMessage | None = None, /, **fields: Any) -> Receipt:
        """Deliver a message in the calling thread, past the queue and its rate.

        The mode holds for it as for all mail.

        Returns:
            The receipt: which recipients were accepted, which refused, and the server's reply.

        Raises:
            MessageError: an argument cannot be mailed.
            DeliveryError: no recipient was accepted, or the mode lets nobody have it.
            ConfigurationError: no SMTP server is set, or its password cannot be decrypted.
        """
        site = _site()
        stored = site.load_settings()
        settings = stored.settings
        if not settings.host:
            raise ConfigurationError("No SMTP server is set. Fill in Email Settings first.")
        if stored.unreadable:
            raise ConfigurationError(unreadable(stored.unreadable))
        composed = _compose(site, settings.default_sender, message, fields)
        timeout = float(site.config["DELIVERY_TIMEOUT"])
        routed = route(settings, composed.envelope, composed.data)
        with Session.open(site.server(settings)) as smtp:
            return smtp.send(routed.envelope, routed.data, deadline=timeout)


def _site() -> Site:
    site = current_app.extensions.get(EXTENSION)
    if not isinstance(site, Site):
        raise ConfigurationError(
            "plato_email is not on this app. Was init_app forgotten, or are there two apps?"
        )
    return site


def _composed(
    site: Site, connection: Any, message: Message | EmailMessage | None, fields: dict[str, Any]
) -> Composed:
    return _compose(site, site.default_sender(connection), message, fields)


def _compose(
    site: Site, sender: str, message: Message | EmailMessage | None, fields: dict[str, Any]
) -> Composed:
    if message is None:
        message = Message(**fields)
    elif fields:
        raise TypeError(f"send() takes a message or its fields, not both: {', '.join(fields)}")
    return compose(message, default_sender=sender, max_bytes=site.config["MAX_MESSAGE_BYTES"])


def _watch(site: Site, session: DatabaseSession, queued: QueuedMessage) -> None:
    pending = Pending.of(session, site.committed)
    pending.add(session, queued)
    sessions = g.setdefault(_SESSIONS, [])
    if pending not in sessions:
        sessions.append(pending)


def _look_for_forgotten(error: BaseException | None) -> None:
    sessions: Iterable[Pending] = g.pop(_SESSIONS, ())
    count = sum(pending.forgotten() for pending in sessions)
    if count and error is None:
        warn_of_forgotten(count)
