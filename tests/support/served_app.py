"""A site for real servers: it sends mail, and says what its process is.

``served_app:app``, or as a script, where it calls ``app.run()``.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

from plato_email import PlatoEmail
from plato_email.site import Site

BEFORE = {"pid": os.getpid(), "backend": 0}
"""What imported this module, and the database session it had then."""


def create_app() -> Flask:
    """Build the site that the environment names."""
    app = Flask("host", instance_path=os.environ["PLATO_TEST_INSTANCE"])
    app.config.update(
        SECRET_KEY="a secret for tests",
        SQLALCHEMY_DATABASE_URI=os.environ["PLATO_TEST_DATABASE"],
    )
    db = SQLAlchemy(app)
    plato = PlatoEmail(app, db, authorize=lambda _: True)
    site = app.extensions["plato_email"]
    if "PLATO_TEST_USES_DATABASE_AT_IMPORT" in os.environ:
        BEFORE["backend"] = _backend(site)

    @app.get("/process")
    def process() -> dict[str, Any]:
        time.sleep(float(request.args.get("hold", 0)))
        return {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "pollers": [t.name for t in threading.enumerate()].count("plato-email"),
            "backend": _backend(site),
            "before": BEFORE,
        }

    @app.post("/mails")
    def mails() -> dict[str, Any]:
        queued = plato.send(
            subject="Asked for", recipients=["to@example.com"], body="Hello.", sender="a@b.example"
        )
        db.session.commit()
        return {"message_id": queued.message_id, "pid": os.getpid()}

    @app.post("/forks")
    def forks() -> dict[str, Any]:
        return _fork(site)

    @app.cli.command("look")
    def look() -> None:
        """Handle a request in a command, and print what the process is afterwards."""
        print(app.test_client().get("/process").text)

    return app


def _backend(site: Site) -> int:
    """Return the database session of this process's own engine; 0 where there is no such thing."""
    if site.database.is_sqlite:
        return 0
    return int(site.database.read(lambda c: c.scalar(text("SELECT pg_backend_pid()"))) or 0)


def _fork(site: Site) -> dict[str, Any]:
    """Fork, let the child look at itself, and return what it saw."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        pollers = [t.name for t in threading.enumerate()].count("plato-email")
        os.write(into, f"{pollers} {_backend(site)}".encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as pipe:
        seen = pipe.read().split()
    os.waitpid(pid, 0)
    return {"pid": pid, "pollers": int(seen[0]), "backend": int(seen[1])}


if __name__ == "__main__":
    create_app().run(port=0, debug="--debug" in sys.argv)
elif "PLATO_TEST_INSTANCE" in os.environ:
    app = create_app()
