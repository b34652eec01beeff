"""The set-up that the page on scaling out describes, with a folder for each of its machines."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from plato_email.delivery import TICK
from plato_email.outbox import LEASE
from plato_email.status import SILENT
from tests.support.databases import fresh_database
from tests.support.demo_site import clean_environment
from tests.support.documents import ROOT, blocks, program, read
from tests.support.sink import Sink

PAGE = "docs/how-to/scale-out.md"
QUEUE = """
from app import plato, db
from production import app
with app.app_context():
    for n in range(20):
        plato.send(subject=f"Number {n}", recipients=f"r{n}@example.com", body="Hello.")
    db.session.commit()
"""


def environment(url: str, port: int) -> dict[str, str]:
    """The environment of the page, with a database, a key and a mail server that are there."""
    (shown,) = (block for block in blocks(read(PAGE), "ini") if "_KEYS=" in block)
    named = dict(line.split("=", 1) for line in shown.split())
    made = run([sys.executable, "-m", "plato_email.encryption"], ROOT, clean_environment())
    named |= {"DATABASE_URL": url, "PLATO_EMAIL_KEYS": made.stdout.strip()}
    pins = {"PLATO_EMAIL_HOST": "127.0.0.1", "PLATO_EMAIL_PORT": str(port)}
    pins |= {"PLATO_EMAIL_DEFAULT_SENDER": "site@example.com", "PLATO_EMAIL_POLL_INTERVAL": "1"}
    return clean_environment(PYTHONPATH=str(ROOT), **named, **pins)


def run(
    command: list[str], folder: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command of the page to its end."""
    words = [sys.executable, "-m", *command] if command[0] == "flask" else command
    return subprocess.run(
        words, cwd=folder, env=variables, text=True, capture_output=True, timeout=60
    )


@contextmanager
def running(folder: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run the page's sender on one machine."""
    command = re.findall(r"^ +(flask .* email run)$", read(PAGE), re.MULTILINE)[0]
    with subprocess.Popen(
        [sys.executable, "-m", *command.split()], cwd=folder, env=variables, text=True
    ) as process:
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.postgres
def test_two_machines_share_one_queue(tmp_path: Path) -> None:
    """As the page says: tables once, a sender on each machine, each mail once, healthy, ended."""
    machines = [tmp_path / name for name in ("web", "first", "second")]
    for folder in machines:
        folder.mkdir()
        (folder / "app.py").write_text(program("README.md", "app.py"))
        (folder / "production.py").write_text(program(PAGE, "production.py"))
    check = json.loads(re.findall(r'test: \["CMD", (.*)\]', read(PAGE))[0].join("[]"))
    with fresh_database("postgresql", tmp_path) as url, Sink() as sink, ExitStack() as stack:
        variables = environment(url.render_as_string(hide_password=False), sink.port)
        upgrade = ["flask", "--app", "production", "email", "upgrade"]
        assert run(upgrade, machines[0], variables).returncode == 0
        senders = [stack.enter_context(running(each, variables)) for each in machines[1:]]
        queued = run([sys.executable, "-c", QUEUE], machines[0], variables)
        assert queued.returncode == 0, queued.stderr
        sink.wait_for(20, timeout=30)
        healthy = run(check, machines[0], variables)
        assert healthy.returncode == 0, healthy.stdout + healthy.stderr
        for process in senders:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(20) for process in senders] == [0, 0]
    assert Counter(map(len, sink.copies().values())) == {1: 20}
    # Nothing of a machine's own: no key file was made.
    assert [path for each in machines for path in each.rglob("*.keys")] == []


def test_the_numbers_are_those_of_the_code() -> None:
    """Lease, silence and the longest wait on the page are the ones that senders keep."""
    text = " ".join(read(PAGE).split())
    assert (LEASE, TICK, SILENT.total_seconds()) == (60, 30, 90)
    for words in ("lease of 60 seconds", "up to 30 seconds", "in the last 90 seconds"):
        assert words in text
