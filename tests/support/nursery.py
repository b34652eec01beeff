"""Sender processes by the dozen: ``flask email run``, forked from a parent that is warm.

A process that imports everything anew needs a second; one that is forked needs none, so that a
test can kill and replace many. Run as a program this module is that parent.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.senders import ROOT, environment
from tests.support.sites import Host
from tests.support.waiting import until


def is_locked(host: Host) -> bool:
    """Whether somebody holds a lock of the site's SQLite file; a reader's bars writers as well."""
    engine = host.site.database.engine
    if engine.name != "sqlite":
        return False
    with closing(sqlite3.connect(str(engine.url.database), timeout=0.5)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
        connection.rollback()
        return False


def is_stopped(pid: int) -> bool:
    """Whether every thread of a process has stopped: the signal reaches one after the other."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    try:
        return all((each / "stat").read_text().rpartition(") ")[2][0] == "T" for each in threads)
    except FileNotFoundError:
        return False  # one has ended meanwhile


class Nursery:
    """Starts senders on one site and does away with them."""

    def __init__(self, parent: subprocess.Popen[str], log: Path) -> None:
        self.living: list[int] = []
        self._parent = parent
        self._log = log

    def start(self, **variables: str) -> int:
        """Start a sender, with more environment; return its process id once it runs."""
        pid = int(self._ask("start", variables))
        self.living.append(pid)
        return pid

    def kill(self, pid: int) -> None:
        """End a sender as a power cut would."""
        self.end(pid, signal.SIGKILL)

    def end(self, pid: int, how: signal.Signals = signal.SIGTERM) -> int:
        """Signal a sender, wait until it is gone, and return its exit code."""
        os.kill(pid, how)
        return self.wait(pid)

    def freeze(self, pid: int) -> None:
        """Stop a sender in the middle of whatever it does."""
        os.kill(pid, signal.SIGSTOP)
        until(lambda: is_stopped(pid))

    def freeze_beside(self, pid: int, host: Host) -> None:
        """Stop a sender, but not with the lock of an SQLite file: nobody could take that away."""
        self.freeze(pid)
        while is_locked(host):
            self.thaw(pid)
            until(lambda: not is_locked(host))
            self.freeze(pid)

    def wait_until_frozen(self, pid: int) -> None:
        """Wait until a sender has stopped itself."""
        self._ask("frozen", pid)

    def thaw(self, pid: int) -> None:
        """Let a frozen sender go on."""
        os.kill(pid, signal.SIGCONT)

    def wait(self, pid: int) -> int:
        """Wait until a sender is gone and return its exit code, negative for a signal."""
        self.living.remove(pid)
        return int(self._ask("wait", pid))

    @property
    def log(self) -> str:
        """What all of them wrote: warnings, errors, tracebacks."""
        return self._log.read_text()

    def _ask(self, *words: Any) -> Any:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(words) + "\n")
        self._parent.stdin.flush()
        answer = self._parent.stdout.readline()
        assert answer, self.log
        return json.loads(answer)


@contextmanager
def nursery(host: Host, folder: Path, **variables: str) -> Iterator[Nursery]:
    """A warm parent; whatever lives at the end is killed."""
    log = folder / "senders.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.nursery"],
            env=environment(host) | variables,
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as parent,
    ):
        senders = Nursery(parent, log)
        try:
            yield senders
        finally:
            for pid in list(senders.living):
                os.kill(pid, signal.SIGCONT)
                senders.kill(pid)


def _serve() -> None:
    """Answer the commands of a `Nursery`, one a line."""
    from flask.cli import cli

    from tests.support import sender_app

    for line in sys.stdin:
        verb, argument = json.loads(line)
        if verb == "wait":
            _, status = os.waitpid(argument, 0)
            answer = os.waitstatus_to_exitcode(status)
        elif verb == "frozen":
            _, answer = os.waitpid(argument, os.WUNTRACED)
        else:
            answer = os.fork()
            if answer == 0:
                _be_sender(cli, sender_app.__name__, argument)
        print(answer, flush=True)


def _be_sender(cli: Any, app: str, variables: dict[str, str]) -> None:
    code = 1
    try:
        os.environ.update(variables)
        with open(os.devnull) as nothing:  # noqa: PTH123 - the commands are the parent's
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        cli.main(["--app", app, "email", "run"], standalone_mode=False)
        code = 0
    except BaseException:  # noqa: BLE001 - the parent's loop must not go on in the child
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
