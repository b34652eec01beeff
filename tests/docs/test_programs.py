"""The programs of the documentation, run as they stand."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from jinja2 import DictLoader

from tests.support.demo_site import clean_environment, free_port
from tests.support.documents import ROOT, blocks, program, read
from tests.support.sites import Host
from tests.support.smtp_servers import Catcher

README = "README.md"


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The README's site, imported from a file."""
    (tmp_path / "app.py").write_text(program(README, "app.py"))
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("app")
    yield module
    del sys.modules["app"]


@pytest.fixture
def app(mounted: ModuleType) -> Iterator[Flask]:
    """The README's app."""
    app: Flask = mounted.create_app()
    yield app
    site = app.extensions["plato_email"]
    site.database.dispose()
    with app.app_context():
        mounted.db.session.remove()
        mounted.db.engine.dispose()


class Visitor:
    """A browser without a window."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def get(self, path: str) -> str:
        return self._client.get(path, follow_redirects=True).get_data(as_text=True)

    def post(self, path: str, fields: Mapping[str, object], page: str = "") -> str:
        """Fill in the form of ``page``, or of ``path``, and send it to ``path``."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page or path))
        assert token is not None
        data = {"csrf_token": token[1], **fields}
        return self._client.post(path, data=data, follow_redirects=True).get_data(as_text=True)


def test_the_mounted_site_from_sign_up_to_mail(app: Flask, catcher: Catcher) -> None:
    """Sign up, become administrator, set the server, test it, and the welcome mail arrives."""
    visitor = Visitor(app.test_client())
    account = {"email": "ada@example.com", "password": "long enough"}
    visitor.post("/sign-up", account)
    assert "Sign in" in visitor.get("/admin/email/settings")
    visitor.post("/sign-in", account)
    assert app.test_client().get("/admin/email/health").status_code == 302
    assert "Not allowed" in visitor.get("/admin/email/settings")
    assert "data-plato-email-state" not in visitor.get("/admin")

    made = app.test_cli_runner().invoke(args=["pages", "make-admin"])
    assert made.exit_code == 0, made.output
    assert 'data-plato-email-state="not-configured"' in visitor.get("/admin")
    settings: dict[str, object] = {
        "default_sender": "Example Site <noreply@example.com>",
        "host": "127.0.0.1",
        "port": catcher.port,
        "tls_mode": "automatic",
        "polling_enabled": "1",
        "poll_interval": 30,
        "batch_size": 100,
        "send_attempts": 5,
    }
    page, tests = "/admin/email/settings", "/admin/email/test-messages"
    assert "Settings saved." in visitor.post(page, {"version": 0} | settings)
    answer = visitor.post(tests, settings | {"version": 1, "recipient": "you@example.com"}, page)
    assert 'data-outcome="sent"' in answer

    sent = app.test_cli_runner().invoke(args=["email", "send-due"])
    assert sent.output == "1 message sent\n"
    trial, welcome = catcher.mails
    assert trial.recipients == ("you@example.com",)
    assert welcome.recipients == ("ada@example.com",)
    assert b"\r\nFrom: Example Site <noreply@example.com>\r\n" in b"\r\n" + welcome.data


def test_a_bad_address_is_told_in_a_sentence(app: Flask) -> None:
    """The except clause of the README's sign-up answers with the problem and keeps nothing."""
    answer = Visitor(app.test_client()).post("/sign-up", {"email": "no address", "password": "x"})
    assert "no address" in answer
    assert app.extensions["plato_email"].outbox.messages() == ()


@contextmanager
def flask_run(folder: Path, name: str, **settings: str) -> Iterator[str]:
    """Serve a program as the README says; give its address."""
    port = free_port()
    command = [sys.executable, "-m", "flask", "--app", name, "run", "--port", str(port)]
    environment = clean_environment(PYTHONPATH=str(ROOT), **settings)
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def ask(url: str, data: bytes | None = None, timeout: float = 30.0) -> str:
    """Ask until somebody listens."""
    until = time.monotonic() + timeout
    while True:
        try:
            with urllib.request.urlopen(url, data, timeout=timeout) as answer:
                return str(answer.read().decode())
        except URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_the_first_program_sends_by_itself(tmp_path: Path, catcher: Catcher) -> None:
    """Served by ``flask run``, the program of the first screen delivers without anybody's help."""
    (tmp_path / "first.py").write_text(program(README, "first.py"))
    server = {"PLATO_EMAIL_HOST": "127.0.0.1", "PLATO_EMAIL_PORT": str(catcher.port)}
    sender = {"PLATO_EMAIL_DEFAULT_SENDER": "site@example.com"}
    with flask_run(tmp_path, "first", **server, **sender) as address:
        assert ask(f"{address}/welcome", b"") == "A mail is on its way.\n"
        (mail,) = catcher.wait_for(1, timeout=30)
    assert mail.recipients == ("ada@example.com",)


def test_the_first_program_is_short() -> None:
    """It fits on the first screen."""
    lines = [line for line in program(README, "first.py").splitlines() if line.strip()]
    assert len(lines) <= 18


def test_the_mounted_site_meets_its_visitors(app: Flask) -> None:
    """An address gets one account and one mail; strangers are led to the sign-in."""
    visitor, account = Visitor(app.test_client()), {"email": "ada@example.com", "password": "x"}
    assert "Sign in" in visitor.post("/sign-up", account)
    assert "has an account already" in visitor.post("/sign-up", account)
    assert "Sign in" in visitor.get("/admin")
    assert len(app.extensions["plato_email"].outbox.messages()) == 1


def test_the_tests_of_the_how_to_pass(tmp_path: Path) -> None:
    """The test file that hosts are shown passes against the site that they are shown."""
    (tmp_path / "app.py").write_text(program(README, "app.py"))
    (tmp_path / "test_app.py").write_text(program("docs/how-to/test-your-app.md", "test_app.py"))
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_app.py"],
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=str(ROOT)),
        text=True,
        capture_output=True,
        timeout=100,
    )
    assert finished.returncode == 0, finished.stdout
    assert "3 passed" in finished.stdout


def test_the_frame_of_the_how_to_holds_the_pages(host: Host) -> None:
    """With the base template shown, the settings stand in the host's frame."""
    frame = next(b for b in blocks(read("docs/how-to/customise-look.md"), "html+jinja"))
    own = "<title>{% block title %}{% endblock %}</title>{% block head %}{% endblock %}"
    own += "<body>The host{% block main %}{% endblock %}"
    host.app.jinja_loader = DictLoader({"plato_email/base.html": frame, "base.html": own})
    page = host.app.test_client().get("/admin/email/settings").get_data(as_text=True)
    assert "<title>Email Settings</title>" in page
    assert "<body>The host" in page
    assert page.index('class="plato-email"') < page.index("Default Sender")
    assert "plato_email.css" in page


def test_the_banner_of_the_readme(host: Host) -> None:
    """The two lines for a host's own page give the stylesheet and the banner."""
    (lines,) = blocks(read(README), "html+jinja")
    with host.app.test_request_context():
        page = render_template_string(lines)
    assert 'data-plato-email-state="not-configured"' in page
    assert 'href="/admin/email/static/plato_email.css"' in page


def test_the_receiver_of_the_api_page(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """The example receiver hears of a message that failed."""
    code = next(b for b in blocks(read("docs/reference/api.md"), "python") if "connect" in b)
    kept: dict[str, object] = {}
    exec(compile(code, "api.md", "exec"), kept)
    with Catcher(refusals={"to@example.com": "550 5.1.1 nobody"}) as server:
        host.configure(server.port)
        number = host.send()
        host.rounds()
    assert f"message {number} failed: nobody" in caplog.text or "5.1.1" in caplog.text


def test_wal_is_turned_on_by_the_example(host: Host) -> None:
    """The example for SQLite does what it says, and it lasts."""
    code = next(b for b in blocks(read("docs/how-to/deploy.md"), "python") if "PRAGMA" in b)
    exec(compile(code, "deploy.md", "exec"), {"app": host.app, "db": host.db})
    with host.site.database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
