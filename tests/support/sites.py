"""A small real host site for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL

from plato_email import PlatoEmail
from plato_email.site import Site


class Host:
    """A Flask app, its database and its PlatoEmail."""

    def __init__(self, app: Flask, db: SQLAlchemy, plato: PlatoEmail) -> None:
        self.app = app
        self.db = db
        self.plato = plato

    @property
    def site(self) -> Site:
        """What plato_email holds for the app."""
        site = self.app.extensions["plato_email"]
        assert isinstance(site, Site)
        return site

    def send(self, **fields: Any) -> int:
        """Queue one message and commit; return its id."""
        with self.app.app_context():
            given = {
                "subject": "Hello",
                "recipients": ["to@example.com"],
                "body": "Hello.\n",
                "sender": "site@example.com",
            }
            queued = self.plato.send(**(given | fields))
            self.db.session.commit()
            return queued.id

    def configure(self, port: int, **changes: Any) -> None:
        """Save settings that hand mail to a server on this machine."""
        stored = self.site.load_settings()
        given: dict[str, Any] = {"host": "127.0.0.1", "port": port}
        given["default_sender"] = "site@example.com"
        settings = replace(stored.settings, **(given | changes))
        self.site.save_settings(settings, version=stored.version, by="test", keep_password=False)

    def rounds(self, most: int = 200) -> float:
        """Deliver until there is nothing to do at once; return the delay that was asked for."""
        worker = self.site.make_worker()
        delay = 0.0
        for _ in range(most):
            delay = worker.delivery.round()
            if delay > 0:
                break
        worker.delivery.hang_up()
        return delay

    def states(self) -> dict[int, str]:
        """Return the state of every message."""
        return {row.id: row.state for row in self.site.outbox.messages(limit=100_000)}


@contextmanager
def hosted(url: URL, folder: Path, **config: Any) -> Iterator[Host]:
    """Build a site on the database at ``url``, with our tables made; no poller by itself."""
    app = Flask("host", instance_path=str(folder / "instance"))
    app.config.update(
        TESTING=True,
        SECRET_KEY="a secret for tests",
        SQLALCHEMY_DATABASE_URI=url.render_as_string(hide_password=False),
        **config,
    )
    db = SQLAlchemy(app)
    plato = PlatoEmail(app, db, authorize=lambda _: True)
    with app.app_context():
        db.create_all()
    host = Host(app, db, plato)
    try:
        yield host
    finally:
        host.site.stop()
        host.site.database.dispose()
        with app.app_context():
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()
