"""Sender processes: ``flask email run`` beside a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.sites import Host

ROOT = Path(__file__).parents[2]


def environment(host: Host) -> dict[str, str]:
    """Return what a process needs to be on the same site."""
    url = host.app.config["SQLALCHEMY_DATABASE_URI"]
    inherited = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    return inherited | {
        "PLATO_TEST_DATABASE": url,
        "PLATO_TEST_INSTANCE": host.app.instance_path,
        "PYTHONPATH": str(ROOT),
    }


def flask(host: Host, *words: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
    """Run one ``flask`` command on the site and wait for it."""
    command = [sys.executable, "-m", "flask", "--app", "tests.support.sender_app", *words]
    return subprocess.run(
        command, env=environment(host), cwd=ROOT, text=True, capture_output=True, timeout=timeout
    )


@contextmanager
def sender(host: Host) -> Iterator[subprocess.Popen[str]]:
    """A sender process, ended by SIGTERM when it still runs."""
    command = [sys.executable, "-m", "flask", "--app", "tests.support.sender_app", "email", "run"]
    with subprocess.Popen(
        command,
        env=environment(host),
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(20)
