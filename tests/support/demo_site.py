"""The demo site as its users run it: ``python wsgi.py`` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "only-for-this-test"
READY = "Ctrl-C ends it all."


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without what would change how a site behaves."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PLATO_", "PYTEST_", "FLASK_", "COV_", "COVERAGE_"))
        and key not in ("HOST", "PORT")
    }
    return kept | {"PYTHONUNBUFFERED": "1"} | settings


class DemoSite:
    """A running demo. Its output is read all the time, so that it never waits for its reader."""

    def __init__(self, folder: Path, **settings: str) -> None:
        settings = {
            "PLATO_DEMO_INSTANCE": str(folder),
            "PLATO_DEMO_PASSWORD": PASSWORD,
            "PORT": str(free_port()),
            "PLATO_DEMO_SMTP_PORT": str(free_port()),
        } | settings
        self._ready = threading.Event()
        self._lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-W", "always::ResourceWarning", "wsgi.py"],
            cwd=ROOT,
            env=clean_environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        self.wait_until_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_until_ready(self, timeout: float = 30) -> None:
        """Wait for the words that it greets with."""
        if not self._ready.wait(timeout) or READY not in self.output:
            self.stop(signal.SIGKILL)
            raise RuntimeError(f"The demo did not start:\n{self.output}")

    def stop(self, number: signal.Signals = signal.SIGINT, timeout: float = 20) -> int:
        """Send a signal, as Ctrl-C does, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._reader.join(timeout)
            if self.process.stdout is not None:
                self.process.stdout.close()

    @property
    def output(self) -> str:
        """What it has printed so far, errors included."""
        return "".join(self._lines)

    @property
    def url(self) -> str:
        """The address of the site, without a slash at its end."""
        return self._printed(r"Site +(http://\S+?)/?\n")

    @property
    def smtp_host(self) -> str:
        """The catcher's host."""
        return self._printed(r"Server Address +(\S+)")

    @property
    def smtp_port(self) -> int:
        """The catcher's port."""
        return int(self._printed(r"Server Port +(\d+)"))

    def _printed(self, pattern: str) -> str:
        found = re.search(pattern, self.output)
        if found is None:
            raise RuntimeError(f"The demo did not print {pattern!r}:\n{self.output}")
        return found.group(1)

    def _read(self) -> None:
        if self.process.stdout is None:
            return
        for line in self.process.stdout:
            self._lines.append(line)
            if READY in line:
                self._ready.set()
        self._ready.set()
