"""Real servers of `tests.support.served_app`, each in processes of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any
from urllib.request import Request, urlopen

from tests.support.databases import missing
from tests.support.senders import ROOT, environment
from tests.support.sites import Host

APP = "tests.support.served_app"
_ADDRESS = re.compile(r"127\.0\.0\.1:([1-9]\d*)")


def program(name: str) -> str:
    """Return the path of an installed server."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        missing(f"{name} is not installed")
    return str(found)


class Server:
    """A running server, what it printed, and its processes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._changed = Condition()
        self._ended = False
        self._reader = Thread(target=self._read, name="server output")
        self._reader.start()

    def said(self) -> str:
        """Return everything printed so far."""
        with self._changed:
            return "".join(self.lines)

    def wait_for(self, pattern: str | re.Pattern[str], timeout: float = 20.0) -> re.Match[str]:
        """Wait until a line with ``pattern`` was printed."""
        found: list[re.Match[str]] = []

        def printed() -> bool:
            found.extend(m for line in self.lines if (m := re.search(pattern, line)))
            return bool(found) or self._ended

        with self._changed:
            self._changed.wait_for(printed, timeout)
        assert found, f"no {pattern!r} in:\n{self.said()}"
        return found[0]

    def get(self, path: str) -> Any:
        """Return the JSON that a GET answers."""
        return self._ask(Request(self._url(path)))

    def post(self, path: str) -> Any:
        """Return the JSON that a POST answers."""
        return self._ask(Request(self._url(path), method="POST", data=b""))

    def workers(self, count: int) -> dict[int, dict[str, Any]]:
        """Return what each of ``count`` worker processes says of itself, by process id."""
        seen: dict[int, dict[str, Any]] = {}
        for _ in range(20):
            # One worker is held up, so that another has to answer.
            with ThreadPoolExecutor(count) as pool:
                for answer in pool.map(self.get, ["/process?hold=0.2"] * count):
                    seen[answer["pid"]] = answer
            if len(seen) >= count:
                break
        return seen

    def children(self) -> set[int]:
        """Return the processes that the server's first process has made."""
        pid = self.process.pid
        return {int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}

    def end(self, number: int = signal.SIGTERM, timeout: float = 20.0) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def close(self) -> None:
        """End whatever still runs."""
        with suppress(ProcessLookupError):
            # The group, for the workers of a server that has died; it is ours alone.
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.wait_for(_ADDRESS)[1]}{path}"

    def _ask(self, request: Request) -> Any:
        with urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


@contextmanager
def served(host: Host, *command: str, **more: str) -> Iterator[Server]:
    """Run a server on the site of ``host``, with ``more`` in its environment."""
    process = subprocess.Popen(
        command,
        env=environment(host) | {"PYTHONUNBUFFERED": "1"} | more,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    server = Server(process)
    try:
        yield server
    finally:
        server.close()
