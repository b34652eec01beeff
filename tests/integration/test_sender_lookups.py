"""How DNS is asked about a sender's domain: in time, seldom, and without a guess."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plato_email.sender_domain import Inspector, LookupFailed, TooManyLookups
from plato_email.sender_domain import inspector as inspecting
from plato_email.sender_domain.lookup import Lookup
from tests.support.dns_server import DnsServer
from tests.support.mail_zone import UNWELL, ZONE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    """The zone above."""
    with DnsServer(ZONE, servfail=UNWELL) as running:
        yield running


def test_silence_ends_in_time() -> None:
    """A server that says nothing costs the time that was given, for everything together."""
    with DnsServer("", silent=(".",)) as mute:
        started = time.monotonic()
        report = Inspector(mute.address, seconds=0.5).report("good.example.org", "far.example.net")
        spent = time.monotonic() - started
    assert {each.verdict for each in report.findings} == {"unknown"}
    assert "No answer within 0.5 seconds" in report.findings[0].detail
    assert spent < 1.5


def test_no_server_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a resolver cannot tell; nothing is called missing."""
    import dns.resolver

    def no_configuration(*_: object) -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", no_configuration)
    with pytest.raises(LookupFailed, match="names no DNS server"):
        Lookup().texts("good.example.org")


def test_answers_are_remembered(server: DnsServer) -> None:
    """The same question within minutes asks DNS once, unless it is to be fresh."""
    inspector = Inspector(server.address)
    first = inspector.report("good.example.org", "smtp.gmail.com")
    before = len(server.questions)
    assert inspector.report("good.example.org", "smtp.gmail.com") is first
    assert len(server.questions) == before
    inspector.report("good.example.org", "smtp.gmail.com", fresh=True)
    assert len(server.questions) > before


def test_what_could_not_be_told_is_soon_asked_again(
    server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was unwell may be well in half a minute; until then no page waits for it."""
    inspector = Inspector(server.address)
    inspector.report("unwell.example.org", "relay.example.net")
    before = len(server.questions)
    inspector.report("unwell.example.org", "relay.example.net")
    assert len(server.questions) == before
    monkeypatch.setattr(inspecting, "REMEMBERED_FAILING", 0.0)
    inspector.report("unwell.example.org", "smtp.gmail.com")
    before = len(server.questions)
    inspector.report("unwell.example.org", "smtp.gmail.com")
    assert len(server.questions) > before


def test_sending_needs_no_dns_library(tmp_path: Path) -> None:
    """A process that never opens the panel does not load dnspython."""
    program = (
        "import sys; from flask import Flask; from flask_sqlalchemy import SQLAlchemy\n"
        "from plato_email import PlatoEmail; app = Flask('x')\n"
        f"app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///{tmp_path}/x.db'\n"
        "db = SQLAlchemy(app); PlatoEmail(app, db)\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'dns'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert done.stdout.strip() == "[]"


def test_lookups_of_a_minute_are_counted(
    server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit nothing is asked; what is remembered is still answered."""
    monkeypatch.setattr(inspecting, "MOST_A_MINUTE", 2)
    inspector = Inspector(server.address)
    inspector.provider("good.example.org")
    inspector.report("good.example.org", "smtp.gmail.com")
    before = len(server.questions)
    with pytest.raises(TooManyLookups):
        inspector.report("bare.example.org", "smtp.gmail.com")
    assert inspector.provider("good.example.org") is not None
    assert len(server.questions) == before


@pytest.mark.parametrize(
    ("domain", "key"),
    [("good.example.org", "google"), ("own.example.org", None), ("yahoo.com", "yahoo")],
)
def test_provider_by_domain_then_by_mx(server: DnsServer, domain: str, key: str | None) -> None:
    """Whose mail it is: known by the domain itself, or by the servers that receive it."""
    found = Inspector(server.address).provider(domain)
    assert (found and found.key) == key


def test_provider_that_cannot_be_looked_up(server: DnsServer) -> None:
    """Not knowing is not the same as nobody."""
    with pytest.raises(LookupFailed):
        Inspector(server.address).provider("unwell.example.org")
