"""Is this a process that serves the site? Only there does a poller belong by itself.

A command, a shell, a test run or the reloader's parent must not send mail on the side; a worker
of any WSGI server should, from its start and not from its first request.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType

import click

SERVERS = (
    "gunicorn",
    "uwsgi",
    "waitress-serve",
    "mod_wsgi-express",
    "hypercorn",
    "uvicorn",
    "granian",
)


def belongs_nowhere(testing: bool) -> bool:
    """Whether this process is surely none that serves: a test, a command, the reloader's parent."""
    return testing or "PYTEST_CURRENT_TEST" in os.environ or _in_other_command() or _in_parent()


def is_server() -> bool:
    """Whether this process is known to be one that serves, before any request has come."""
    if "uwsgi" in sys.modules:
        return _uwsgi_worker()
    if _flask_command() == "run":
        return True
    return Path(sys.argv[0]).name in SERVERS and not _in_preloading_master()


def _flask_command() -> str:
    """The ``flask`` command in progress, or "" outside of any."""
    context = click.get_current_context(silent=True)
    names = []
    while context is not None:
        names.append(context.info_name or "")
        context = context.parent
    # From the innermost outwards; the outermost is the program itself.
    return names[-2] if len(names) > 1 else ""


def _in_other_command() -> bool:
    return _flask_command() not in ("", "run")


def _in_parent() -> bool:
    """The reloader's parent only watches files; its child has WERKZEUG_RUN_MAIN."""
    context = click.get_current_context(silent=True)
    if context is None or context.info_name != "run":
        return False
    reload = context.params.get("reload")
    debug = os.environ.get("FLASK_DEBUG", "0").lower() not in ("0", "false", "no")
    reloads = debug if reload is None else bool(reload)
    return reloads and os.environ.get("WERKZEUG_RUN_MAIN") != "true"


def _in_preloading_master() -> bool:
    """With ``--preload`` gunicorn's master imports the app; its workers are forked later."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        where = Path(frame.f_code.co_filename)
        if where.name == "arbiter.py" and where.parent.name == "gunicorn":
            return True
        if where.parent.name == "workers" and where.parent.parent.name == "gunicorn":
            return False
        frame = frame.f_back
    return False


def _uwsgi_worker() -> bool:
    number = getattr(sys.modules["uwsgi"], "worker_id", lambda: 0)()
    return int(number) > 0
