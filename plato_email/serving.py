"""What this process is: does it serve the site, and since when?

A command, a shell, a test, the reloader's parent or a master of workers must not send mail on
the side; a worker of any server should, from its start and not from its first request. Flask
tells none of this, so it is read from the stack: who imports the app is who serves it.
See docs/decisions/0010-when-a-process-serves.md.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

from flask.helpers import get_debug_flag

Ready = Callable[[], bool]
"""Says whether the server has finished loading the app."""

_LOADED_WHERE_SERVED = frozenset({"cheroot", "granian", "hypercorn", "uvicorn", "waitress"})
"""Servers whose commands import the app in the very processes that serve it, and in no other."""

_UWSGI_HAS_THREADS_SINCE = (2, 0, 27)


def under_test(testing: bool) -> bool:
    """Whether tests run in this process, so that nothing may start by itself.

    The marks in the environment alone say nothing: a server that a test starts inherits them.
    """
    marked = "PYTEST_VERSION" in os.environ or "PYTEST_CURRENT_TEST" in os.environ
    return testing or (marked and "pytest" in sys.modules)


def loading_server() -> Ready | None:
    """Say when the server that loads the app now, to serve it from this process, has done so.

    Returns:
        ``None`` where no known server loads it, or one that serves it from other processes.
    """
    if in_uwsgi():
        return _left(_outermost_of_app()) if uwsgi_worker() else None
    inner = sys._getframe()
    for frame in _outwards(inner):
        module = _module(frame)
        if module == "gunicorn.arbiter":
            return None  # --preload: this is the master, its workers are forked later
        if module.startswith("gunicorn.workers.") or module.split(".")[0] in _LOADED_WHERE_SERVED:
            return _left(inner)
        if module == "flask.cli" and frame.f_code.co_name == "run_command":
            return None if _reloads(frame.f_locals.get("reload")) else _left(inner)
        inner = frame
    return None


def gunicorn_worker_born() -> Ready | None:
    """Say when the worker that gunicorn has just forked (``--preload``) begins to serve.

    Not before: until then it may still have the rights of root, and make files with them.
    ``None`` for one that is yet to replace threads by greenlets: a thread of now would stand still.
    """
    for frame in _outwards(sys._getframe()):
        if _module(frame) == "gunicorn.arbiter" and frame.f_code.co_name == "spawn_worker":
            worker = frame.f_locals.get("worker")
            if any("gevent" in part.__module__ for part in type(worker).__mro__):
                return None
            return lambda: bool(getattr(worker, "booted", True))
    return None


def run_serves(debug: bool, options: Mapping[str, Any]) -> bool:
    """Whether ``app.run()`` with these options serves from this process."""
    if os.environ.get("FLASK_RUN_FROM_CLI") == "true":
        return False  # a `flask` command imports the script; run() does nothing
    return not _reloads(options.get("use_reloader", debug))


def request_is_served(environ: Mapping[str, Any]) -> bool:
    """Whether this request came to a server that goes on serving from this process."""
    modules = {_module(frame) for frame in _outwards(sys._getframe())}
    one_process_a_request = "werkzeug.serving" in modules and environ.get("wsgi.multiprocess")
    by_test_client = "werkzeug.test" in modules
    return not (by_test_client or one_process_a_request or environ.get("wsgi.run_once"))


def in_uwsgi() -> bool:
    """Whether uWSGI runs this process."""
    return "uwsgi" in sys.modules


def uwsgi_worker() -> bool:
    """Whether this process is a worker of uWSGI, not its master, a mule or a spooler."""
    return int(sys.modules["uwsgi"].worker_id()) > 0


def uwsgi_runs_threads() -> bool:
    """Whether threads run beside requests: by default only in newer releases."""
    uwsgi = sys.modules["uwsgi"]
    asked = {"enable-threads", "threads"} & set(uwsgi.opt)
    version = tuple(getattr(uwsgi, "version_info", (0,)))[:3]
    return bool(asked) or version >= _UWSGI_HAS_THREADS_SINCE


def after_uwsgi_fork(call: Callable[[], None]) -> None:
    """Have ``call`` called in each process that uWSGI forks; Python's own hooks are not."""
    if "uwsgidecorators" in sys.modules:
        sys.modules["uwsgidecorators"].postfork(call)
        return
    uwsgi: Any = sys.modules["uwsgi"]
    earlier = getattr(uwsgi, "post_fork_hook", None)

    def hook() -> None:
        if earlier is not None:
            earlier()
        call()

    uwsgi.post_fork_hook = hook


def _reloads(asked: bool | None) -> bool:
    """Whether this is the reloader's parent, which only watches files."""
    wanted = get_debug_flag() if asked is None else asked
    return wanted and os.environ.get("WERKZEUG_RUN_MAIN") != "true"


def _left(loading: FrameType) -> Ready:
    """Say when this thread has returned from ``loading``."""
    thread = threading.get_ident()

    def left() -> bool:
        present = sys._current_frames().get(thread)
        return all(frame is not loading for frame in _outwards(present))

    return left


def _outermost_of_app() -> FrameType:
    found = sys._getframe()
    for frame in _outwards(found):
        # uWSGI as a Python module is itself started by a script, which is never left.
        found = frame if _module(frame) != "__main__" else found
    return found


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
