"""``make run``: the site and the mail catcher in one process, until Ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from . import catcher
from .ports import listen

if TYPE_CHECKING:
    import socket

    from flask import Flask


def main(app: Flask) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="  %(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's own chatter
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        listener = listen(os.environ.get("HOST") or "127.0.0.1", _port("PORT", 8000))
        smtp_listener = listen("127.0.0.1", _port("PLATO_DEMO_SMTP_PORT", 1025))
    except (OSError, ValueError) as error:
        print(f"The demo cannot start: {error}", file=sys.stderr)
        return 1
    app.config["CATCHER"] = smtp_listener.getsockname()
    catch = catcher.start(catcher.Mailbox(app.config["MAILBOX"]), smtp_listener)
    server = _make_server(app, listener)
    serving = threading.Thread(target=server.serve_forever, name="site", daemon=True)
    serving.start()
    _greet(app, server)
    stop.wait()
    print("\n  Stopping.", flush=True)
    server.shutdown()
    serving.join()
    server.server_close()
    catch.stop()
    return 0


def _port(key: str, default: int) -> int:
    text = os.environ.get(key) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"{key} is {text!r}; a port is a number from 1 to 65535.")
    return int(text)


def _make_server(app: Flask, listener: socket.socket) -> BaseWSGIServer:
    host, port = listener.getsockname()[:2]
    server = make_server(
        host, port, app, threaded=True, request_handler=_Quiet, fd=listener.fileno()
    )
    listener.close()
    return server


class _Quiet(WSGIRequestHandler):
    """Speaks of failed requests only: the pages that follow the queue ask every few seconds."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code).startswith("5"):
            super().log_request(code, size)


def _greet(app: Flask, server: BaseWSGIServer) -> None:
    host = "localhost" if server.host in ("0.0.0.0", "::") else server.host  # noqa: S104
    site = f"http://{f'[{host}]' if ':' in host else host}:{server.port}"
    smtp_host, smtp_port = app.config["CATCHER"]
    print(
        f"""
  Grove, the demo site of plato_email

    Site          {site}/
    Sign in as    admin
    Password      {app.config["DEMO_PASSWORD"]}

  First, open   {site}/admin/email/settings
  and type
    Default Sender   grove@grove.example
    Server Address   {smtp_host}
    Server Port      {smtp_port}
    no user name, no password, TLS not ticked

  then press Save and Send Test Email. Nothing leaves this machine: a catcher
  listens on {smtp_host} port {smtp_port}, and what it catches is on
    {site}/mailbox/

  Ctrl-C ends it all.
""",
        flush=True,
    )
