"""When the poller of a site starts in a process, and how it ends with it."""

from __future__ import annotations

import _thread
import logging
import os
import signal
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from . import serving

if TYPE_CHECKING:
    from types import FrameType

    from flask import Flask

    from .serving import Ready
    from .site import Site

log = logging.getLogger("plato_email")

GRACE = 5.0
"""Seconds that a process waits at its end for the message in hand."""

NO_THREADS = (
    "uWSGI runs this site without threads, so no mail leaves from it. Start it with "
    "--enable-threads, or set PLATO_EMAIL_POLLER to false and run: flask email run"
)

_forked: weakref.WeakSet[Site] = weakref.WeakSet()
"""Every site: a fork breaks locks and sockets also where nothing is ever sent."""
_ended: weakref.WeakSet[Site] = weakref.WeakSet()
"""Those that SIGTERM ends in good order."""
_launchers: weakref.WeakSet[Launcher] = weakref.WeakSet()


def arrange_poller(app: Flask, site: Site) -> None:
    """See that every process that serves ``app`` has one poller, and no other process any."""
    _forked.add(site)
    choice = site.config["POLLER"]
    if choice is False:
        return
    Launcher(app, site, always=choice is True).arrange()


class Launcher:
    """Starts the poller of one app, once in each process that serves.

    Args:
        app: the app.
        site: what plato_email holds for it.
        always: start it now, whatever this process is.
    """

    def __init__(self, app: Flask, site: Site, *, always: bool) -> None:
        self._app = app
        self._site = site
        self._always = always
        self._started_in = 0

    def arrange(self) -> None:
        """Start now if that is known to be right; else be ready for the moment when it is."""
        if serving.in_uwsgi() and not serving.uwsgi_runs_threads():
            log.error(NO_THREADS)
            return
        _launchers.add(self)
        self._watch_run()
        self._watch_requests()
        if serving.in_uwsgi():
            serving.after_uwsgi_fork(self._in_uwsgi_child)
        ready = serving.loading_server()
        if self._always:
            end_in_order_on_sigterm(self._site)
            self.start()
        elif ready is not None and self._may_start():
            end_in_order_on_sigterm(self._site)
            self._start_when(ready)

    def start(self) -> None:
        """Start the poller in this process, unless it runs or tests do."""
        if self._may_start():
            self._started_in = os.getpid()
            self._site.start()

    def in_forked_child(self) -> None:
        """Start only in what is known to become a server."""
        ready = serving.gunicorn_worker_born()
        if ready is not None and self._may_start():
            self._start_when(ready)

    def _may_start(self) -> bool:
        return self._always or not serving.under_test(self._app.testing)

    def _start_when(self, ready: Ready) -> None:
        """Start once the app is whole: its factory may still make tables or connect signals."""

        def wait() -> None:
            while not ready():
                time.sleep(0.02)
            try:
                self.start()
            except RuntimeError as error:  # the interpreter ends: the app could not be loaded
                log.debug("the poller was not started: %s", error)

        threading.Thread(target=wait, name="plato-email-start", daemon=True).start()

    def _in_uwsgi_child(self) -> None:
        if serving.uwsgi_worker():
            self.start()

    def _watch_run(self) -> None:
        inner = self._app.run

        def run(
            host: str | None = None,
            port: int | None = None,
            debug: bool | None = None,
            load_dotenv: bool = True,
            **options: Any,
        ) -> None:
            if serving.run_serves(self._app.debug if debug is None else debug, options):
                end_in_order_on_sigterm(self._site)
                self.start()
            inner(host, port, debug, load_dotenv, **options)

        self._app.run = run  # type: ignore[method-assign]

    def _watch_requests(self) -> None:
        """A server that we do not know serves when it is first asked."""
        inner = self._app.wsgi_app

        def wsgi_app(environ: Any, start_response: Any) -> Any:
            if self._started_in != os.getpid() and serving.request_is_served(environ):
                self.start()
            return inner(environ, start_response)

        self._app.wsgi_app = wsgi_app  # type: ignore[method-assign]


def end_in_order_on_sigterm(site: Site) -> None:
    """Let ``site`` give back what it holds before SIGTERM ends this process.

    Python dies of SIGTERM without a word. Only where that is so is a handler set: a server
    that has its own, or sets one later, keeps it.
    """
    if serving.in_uwsgi() or threading.current_thread() is not threading.main_thread():
        return
    _ended.add(site)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(number: int, _frame: FrameType | None) -> None:
    """Begin to end in a thread: the handler itself must not wait for any lock."""
    # Whatever comes next ends the process at once, as it would have without us.
    signal.signal(number, signal.SIG_DFL)
    _thread.start_new_thread(_end, (number,))


def _end(number: int) -> None:
    try:
        for site in list(_ended):
            site.poller.ask_to_stop()
        until = time.monotonic() + GRACE
        for site in list(_ended):
            site.stop(max(0.0, until - time.monotonic()))
    finally:
        os.kill(os.getpid(), number)


def _in_child() -> None:
    # What a fork makes dies as it always has; a server's child sets handlers of its own.
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _ended.clear()
    for site in list(_forked):
        site.after_fork()
    for launcher in list(_launchers):
        launcher.in_forked_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
