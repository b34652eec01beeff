"""The poller in real servers: one in each process that serves, none elsewhere, a clean end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from tests.support.databases import fresh_database
from tests.support.senders import ROOT, environment, sender
from tests.support.servers import APP, Server, program, served
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Catcher
from tests.support.waiting import until

BACKLOG = 100


@dataclass
class SlowCatcher(Catcher):
    """A mail server that thinks before it accepts."""

    pause: float = 0.0
    """Seconds."""

    async def handle_DATA(self, server: SMTP, session: Any, mail: Any) -> str:
        await asyncio.sleep(self.pause)
        return await super().handle_DATA(server, session, mail)


@pytest.fixture
def catcher() -> Iterator[SlowCatcher]:
    """A mail server whose speed can be set."""
    with SlowCatcher() as server:
        yield server


@pytest.fixture
def sending(host: Host, catcher: SlowCatcher) -> Host:
    """A site whose rate is no limit here; an idle poller looks every 30 seconds."""
    host.configure(catcher.port, batch_size=10_000, poll_interval=30)
    return host


def queue(host: Host, count: int) -> list[str]:
    """Queue ``count`` messages and return their Message-IDs."""
    with host.app.app_context():
        ids = [
            host.plato.send(
                subject=f"Number {n}",
                recipients=f"r{n}@example.com",
                sender="site@example.com",
                body="Hello.",
            ).message_id
            for n in range(count)
        ]
        host.db.session.commit()
    return ids


def copies(catcher: Catcher) -> Counter[str]:
    """Count the mails that arrived by their Message-ID."""
    return Counter(str(message_from_bytes(mail.data)["Message-ID"]) for mail in catcher.mails)


def senders(host: Host) -> Counter[int]:
    """Count the pollers that have signed on, by process id."""
    return Counter(int(row.name.rpartition(":")[2]) for row in host.site.outbox.processes())


def wait_for_senders(host: Host, count: int) -> set[int]:
    """Wait until ``count`` pollers have signed on; return their processes, all different."""
    until(
        lambda: senders(host).total() == count, what=lambda: f"{count} senders, not {senders(host)}"
    )
    found = senders(host)
    assert set(found.values()) == {1}
    return set(found)


@dataclass(frozen=True)
class Kind:
    """One way to serve the site."""

    name: str
    command: tuple[str, ...]
    workers: int = 0
    """Processes beside the first, which then serves nothing; 0 where there is one alone."""
    code: int = 0
    """The exit code after SIGTERM."""

    def run(self, *more: str) -> tuple[str, ...]:
        """Return the whole command."""
        return (program(self.command[0]), *self.command[1:], *more)


LISTEN = "127.0.0.1:0"
GUNICORN = ("gunicorn", "-b", LISTEN, "--no-control-socket", f"{APP}:app")
UWSGI = ("uwsgi", "--http-socket", LISTEN, "--module", f"{APP}:app", "--master", "--die-on-term")
FLASK = ("flask", "--app", APP, "run", "--port", "0")
KINDS = (
    Kind("gunicorn", (*GUNICORN, "-w", "2"), 2),
    Kind("gunicorn gthread", (*GUNICORN, "-w", "2", "-k", "gthread", "--threads", "4"), 2),
    Kind("gunicorn --preload", (*GUNICORN, "-w", "2", "--preload"), 2),
    Kind("gunicorn gevent", (*GUNICORN, "-w", "2", "-k", "gevent"), 2),
    Kind("python -m gunicorn", ("python", "-m", *GUNICORN, "-w", "1"), 1),
    Kind("uwsgi", (*UWSGI, "-p", "2", "--enable-threads"), 2),
    Kind("uwsgi --lazy-apps", (*UWSGI, "-p", "2", "--lazy-apps", "--enable-threads"), 2),
    Kind("waitress-serve", ("waitress-serve", "--listen", LISTEN, f"{APP}:app"), 0, -15),
    Kind("flask run", FLASK, 0, -15),
    Kind("app.run()", ("python", "-m", APP), 0, -15),
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_life_of_a_server(kind: Kind, sending: Host, catcher: SlowCatcher) -> None:
    """Sends from its start, has one poller a worker, sends at once, and ends in good order."""
    waiting = queue(sending, 1)
    with served(sending, *kind.run()) as server:
        catcher.wait_for(1, timeout=20)
        expect_one_poller_a_worker(kind, server, sending)
        asked = [server.post("/mails")["message_id"]]
        catcher.wait_for(2, timeout=10)
        catcher.pause = 0.2
        waiting += queue(sending, BACKLOG)
        asked.append(server.post("/mails")["message_id"])
        catcher.wait_for(4, timeout=10)
        assert server.end() == kind.code, server.said()
    assert senders(sending) == Counter(), server.said()
    until_caught(catcher, sending)
    found = Counter(sending.states().values())
    assert found == {"sent": len(catcher.mails), "queued": BACKLOG + 3 - len(catcher.mails)}
    assert found["queued"] > 0
    assert "Traceback" not in server.said()
    catcher.pause = 0.0
    sending.rounds()
    assert copies(catcher) == Counter(waiting + asked)


def expect_one_poller_a_worker(kind: Kind, server: Server, host: Host) -> None:
    """Compare who has signed on with who serves."""
    signed_on = wait_for_senders(host, max(kind.workers, 1))
    serving = server.workers(max(kind.workers, 1))
    assert signed_on == set(serving)
    assert signed_on == (server.children() if kind.workers else {server.process.pid})
    assert {answer["pollers"] for answer in serving.values()} == {1}


def until_caught(catcher: Catcher, host: Host) -> None:
    """Wait for what is recorded as sent and still on its way through the catcher's thread."""
    catcher.wait_for(Counter(host.states().values())["sent"])


class TestGunicorn:
    def test_recycled_worker(self, sending: Host, catcher: SlowCatcher) -> None:
        """With --max-requests, in the middle of slow mails, the next worker sends on; each once."""
        catcher.pause = 0.1
        command = (program("gunicorn"), *GUNICORN[1:], "-w", "1", "--max-requests", "3")
        with served(sending, *command) as server:
            answers = [server.post("/mails") for _ in range(8)]
            catcher.wait_for(8, timeout=20)
            until(lambda: set(senders(sending)) == server.children(), what=server.said)
        assert len({answer["pid"] for answer in answers}) == 3
        assert copies(catcher) == Counter(answer["message_id"] for answer in answers)

    def test_reload_in_the_middle_of_a_batch(self, sending: Host, catcher: SlowCatcher) -> None:
        """SIGHUP: the old workers give back what they have not begun, the new ones send it."""
        catcher.pause = 0.05
        waiting = queue(sending, BACKLOG)
        with served(sending, program("gunicorn"), *GUNICORN[1:], "-w", "2") as server:
            catcher.wait_for(5, timeout=20)
            before = server.children()
            server.process.send_signal(signal.SIGHUP)
            catcher.wait_for(BACKLOG, timeout=40)
            until(lambda: not before & set(senders(sending)), what=server.said)
            assert wait_for_senders(sending, 2) == server.children()
        assert copies(catcher) == Counter(waiting)


class TestReloader:
    @pytest.mark.parametrize("command", [FLASK, ("python", "-m", APP)], ids=["flask run", "run()"])
    def test_only_the_child_sends(
        self, command: tuple[str, ...], sending: Host, catcher: SlowCatcher
    ) -> None:
        """With --debug there are two processes; the one that serves has the poller."""
        queue(sending, 1)
        with served(sending, program(command[0]), *command[1:], "--debug") as server:
            catcher.wait_for(1, timeout=20)
            answer = server.get("/process")
            assert wait_for_senders(sending, 1) == {answer["pid"]} == server.children()
            assert answer["pollers"] == 1
            # Ctrl-C reaches both.
            os.killpg(server.process.pid, signal.SIGINT)
            server.process.wait(20)
            until(lambda: not senders(sending), what=server.said)


class TestFork:
    @pytest.fixture
    def host(self, tmp_path: Path) -> Iterator[Host]:
        """A site on PostgreSQL, which numbers its sessions."""
        with fresh_database("postgresql", tmp_path) as url, hosted(url, tmp_path) as site:
            yield site

    @pytest.mark.postgres
    def test_preloaded_workers_have_connections_of_their_own(
        self, sending: Host, catcher: SlowCatcher
    ) -> None:
        """A connection that the master has opened before the fork is used by no worker."""
        command = (*GUNICORN[1:], "-w", "2", "--preload")
        with served(
            sending, program("gunicorn"), *command, PLATO_TEST_USES_DATABASE_AT_IMPORT="1"
        ) as server:
            asked = [server.post("/mails")["message_id"] for _ in range(10)]
            catcher.wait_for(10, timeout=20)
            workers = server.workers(2)
            before = next(iter(workers.values()))["before"]
            assert before["pid"] == server.process.pid
            sessions = {answer["backend"] for answer in workers.values()}
            assert len(sessions | {before["backend"]}) == 3
            assert server.end() == 0
        assert copies(catcher) == Counter(asked)
        assert "rror" not in server.said()

    @pytest.mark.postgres
    def test_forked_helper_sends_nothing(self, sending: Host, catcher: SlowCatcher) -> None:
        """A process that a request forks has no poller and a connection of its own."""
        with served(sending, program("flask"), *FLASK[1:]) as server:
            wait_for_senders(sending, 1)
            before = server.get("/process")["backend"]
            child = server.post("/forks")
            assert child["pollers"] == 0
            assert child["backend"] != before
            server.post("/mails")
            catcher.wait_for(1, timeout=10)
            assert set(senders(sending)) == {server.process.pid}
            assert server.end() == -signal.SIGTERM
        assert "rror" not in server.said()


class TestElsewhere:
    def test_sender_process_beside_web_processes(self, host: Host, catcher: SlowCatcher) -> None:
        """With PLATO_EMAIL_POLLER=false only ``flask email run`` sends."""
        host.configure(catcher.port, poll_interval=1)
        command = (program("gunicorn"), *GUNICORN[1:], "-w", "1")
        with served(host, *command, PLATO_EMAIL_POLLER="false") as web, sender(host) as process:
            asked = web.post("/mails")
            catcher.wait_for(1, timeout=20)
            assert wait_for_senders(host, 1) == {process.pid}
            assert web.get("/process")["pollers"] == 0
        assert copies(catcher) == {asked["message_id"]: 1}

    def test_commands_send_nothing(self, sending: Host, catcher: SlowCatcher) -> None:
        """A command has no poller, not even one that handles a request by the test client."""
        queue(sending, 1)
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", APP, "look"],
            env=environment(sending),
            cwd=ROOT,
            text=True,
            capture_output=True,
            timeout=30,
        )
        assert (done.returncode, json.loads(done.stdout)["pollers"]) == (0, 0), done.stderr
        assert catcher.mails == []

    def test_unknown_server_sends_from_its_first_request(
        self, sending: Host, catcher: SlowCatcher
    ) -> None:
        """A server made by a script is known as one when it is first asked."""
        queue(sending, 1)
        script = (
            f"from {APP} import app; from wsgiref.simple_server import make_server; "
            "server = make_server('127.0.0.1', 0, app); "
            "print('127.0.0.1:%d' % server.server_port); server.serve_forever()"
        )
        with served(sending, sys.executable, "-c", script) as server:
            assert server.get("/process")["pid"] == server.process.pid
            catcher.wait_for(1, timeout=10)
            assert wait_for_senders(sending, 1) == {server.process.pid}
