"""When a poller starts and ends, where that can be seen without a server."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.databases import fresh_database
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Catcher


@pytest.fixture(autouse=True)
def _same_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_two_apps_in_one_process_have_a_poller_each(tmp_path: Path, catcher: Catcher) -> None:
    """Each app sends its own mail, from its own database."""
    with ExitStack() as stack:
        hosts = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            url = stack.enter_context(fresh_database("sqlite", folder))
            hosts.append(stack.enter_context(hosted(url, folder, PLATO_EMAIL_POLLER=True)))
        for host in hosts:
            host.configure(catcher.port)
            host.send()
        catcher.wait_for(2)
        assert [host.site.poller.alive for host in hosts] == [True, True]
    assert [host.site.poller.alive for host in hosts] == [False, False]


def test_no_poller_under_pytest(host: Host) -> None:
    """An app that forgot TESTING has no poller in a test either, not even after a request."""
    host.app.config["TESTING"] = False
    host.app.test_client().get("/admin/email/health")
    assert not host.site.poller.alive


@pytest.mark.parametrize("poller", [False, True])
def test_forked_child_sends_in_its_own_name(tmp_path: Path, catcher: Catcher, poller: bool) -> None:
    """A fork leaves the child a site of its own, also where no process of it sends by itself."""
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_POLLER=poller) as host,
    ):
        host.site.stop()
        host.configure(catcher.port)
        number = host.send()
        pid = os.fork()
        if pid == 0:
            host.rounds()
            os._exit(0)
        os.waitpid(pid, 0)
        (attempt,) = host.site.outbox.attempts(number)
    assert attempt.process.endswith(f":{pid}")


def test_handler_of_the_host_stays(tmp_path: Path) -> None:
    """Where the host handles SIGTERM itself, that is what happens."""

    def own(*_: object) -> None: ...

    signal.signal(signal.SIGTERM, own)
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path, PLATO_EMAIL_POLLER=True):
        assert signal.getsignal(signal.SIGTERM) is own


def test_uwsgi_without_threads_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread would never run in it: none is started, and the log says what to do."""
    older = SimpleNamespace(opt={"master": True}, version_info=(2, 0, 22, 0, b""))
    monkeypatch.setitem(sys.modules, "uwsgi", older)
    caplog.set_level(logging.ERROR, "plato_email")
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_POLLER=True) as host,
    ):
        assert not host.site.poller.alive
    assert [record.message for record in caplog.records] == [
        "uWSGI runs this site without threads, so no mail leaves from it. Start it with "
        "--enable-threads, or set PLATO_EMAIL_POLLER to false and run: flask email run"
    ]
