"""The demo as a program: it starts, says what to do, and ends cleanly."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTP, SMTPRecipientsRefused

import pytest

from demo.guard import is_local
from tests.support.demo_site import ROOT, DemoSite


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end site, catcher and sender with exit code 0 and no stack trace."""
    with DemoSite(tmp_path / "instance") as site:
        assert "Grove" in get(f"{site.url}/")
        assert site.stop(number) == 0
        assert "Stopping." in site.output
        assert [word for word in ("Traceback", "Warning", "rror:") if word in site.output] == []


def test_greeting_says_all_that_is_needed(tmp_path: Path) -> None:
    """The address, the sign-in and what to type into Email Settings are printed."""
    with DemoSite(tmp_path / "instance") as site:
        assert re.search(r"Password +only-for-this-test", site.output)
        assert "/admin/email/settings" in site.output
        with SMTP(site.smtp_host, site.smtp_port) as smtp:
            assert smtp.noop()[0] == 250


def test_takes_the_next_port_when_one_is_taken(tmp_path: Path) -> None:
    """Taken ports are no reason to fail, neither the site's nor the catcher's."""
    with socket.socket() as web, socket.socket() as mail:
        for taken in (web, mail):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
        web_port, mail_port = web.getsockname()[1], mail.getsockname()[1]
        with DemoSite(
            tmp_path / "instance", PORT=str(web_port), PLATO_DEMO_SMTP_PORT=str(mail_port)
        ) as site:
            assert mail_port < site.smtp_port
            assert not site.url.endswith(f":{web_port}")
            assert "Grove" in get(f"{site.url}/")


def test_wrong_port_gets_a_sentence(tmp_path: Path) -> None:
    """A port that is none ends the start with a sentence and exit code 1."""
    with pytest.raises(RuntimeError, match="PORT is 'eighty'; a port is a number from"):
        DemoSite(tmp_path / "instance", PORT="eighty").wait_until_ready()


def test_secrets_are_the_owners_alone(tmp_path: Path) -> None:
    """What must stay secret is readable by its owner only: keys, caught mail, the password."""
    folder = tmp_path / "instance"
    with DemoSite(folder, PLATO_DEMO_PASSWORD="") as site:
        mail = EmailMessage()
        mail["Subject"] = "kept"
        with SMTP(site.smtp_host, site.smtp_port) as smtp:
            smtp.send_message(mail, "a@grove.example", ["b@grove.example"])
        password = (folder / "demo_password").read_text()
        assert re.search(rf"Password +{re.escape(password)}\n", site.output)
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in [folder / "secret_key", folder / "demo_password", *folder.glob("mailbox/*.eml")]:
        assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(folder.glob("mailbox/*.eml"))) == 1


def test_catcher_refuses_the_names_it_says_it_refuses(tmp_path: Path) -> None:
    """The names for failures get the answers that the mailbox page lists."""
    with DemoSite(tmp_path / "instance") as site, SMTP(site.smtp_host, site.smtp_port) as smtp:
        for name, code in [("nobody", 550), ("full", 552), ("busy", 451)]:
            with pytest.raises(SMTPRecipientsRefused) as refused:
                smtp.sendmail("a@grove.example", [f"{name}@grove.example"], "Subject: x\r\n\r\nx")
            assert code == refused.value.recipients[f"{name}@grove.example"][0]


def test_foreign_host_names_are_refused(tmp_path: Path) -> None:
    """A recovery link cannot be made to point elsewhere by a forged Host header."""
    with DemoSite(tmp_path / "instance") as site:
        request = urllib.request.Request(f"{site.url}/recover", headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == 400
        refused.value.close()


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("/admin/?page=2", True),
        ("", False),
        ("admin", False),
        ("//elsewhere.example/", False),
        ("/\\elsewhere.example/", False),
        ("/\t/elsewhere.example/", False),
        ("/\n/elsewhere.example/", False),
        ("https://elsewhere.example/", False),
        ("javascript:alert(1)", False),
    ],
)
def test_sign_in_leads_to_this_site_only(target: str, local: bool) -> None:
    """Where to go after the sign-in may be a path of this site and nothing that leaves it."""
    assert is_local(target) is local


def test_make_lists_its_doors() -> None:
    """``make`` alone changes nothing and lists what there is, a line each."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    ran = subprocess.run(
        ["make"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    listed = {line.split()[1] for line in ran.stdout.splitlines()}
    assert {"run", "test", "check", "bench", "docs", "clean"} <= listed


def test_make_names_a_python_that_is_too_old(tmp_path: Path) -> None:
    """Without a Python that fits, ``make`` says what it needs and how to name another."""
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "constraints.txt").touch()
    ran = subprocess.run(
        ["make", "PYTHON=no-such-python", "run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ran.returncode != 0
    assert "needs Python 3.11 or later" in ran.stderr
    assert "make PYTHON=" in ran.stderr
