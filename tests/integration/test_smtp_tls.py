"""TLS or nothing: certificates are verified, and no password is sent in the clear."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from plato_email.errors import Stage, Verdict
from plato_email.smtp import Security, Step
from tests.support.smtp_client import MAIL, Envelope, failure_of, opened
from tests.support.smtp_servers import (
    Authority,
    Catcher,
    Script,
    ScriptedServer,
    hang,
    last,
    start_tls,
)

LOGIN: dict[str, Any] = {"username": "site@example.test", "password": "correct horse"}
BOTH = pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of our own."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@BOTH
def test_mail_over_tls(authority: Authority, security: Security) -> None:
    """With either way to begin TLS the mail arrives encrypted, and the step describes it."""
    steps: list[Step] = []
    catcher = Catcher(
        tls=authority.good,
        implicit=security is Security.TLS,
        starttls_required=security is Security.STARTTLS,
        users={LOGIN["username"]: LOGIN["password"]},
        login_required=True,
    )
    with catcher:
        session = opened(
            catcher, security, ca_file=authority.ca_file, observe=steps.append, **LOGIN
        )
        with session:
            session.send(Envelope(), MAIL)
        (caught,) = catcher.wait_for(1)

    assert (True, LOGIN["username"], MAIL) == (caught.tls, caught.username, caught.data)
    (step,) = (step for step in steps if step.stage is Stage.TLS)
    assert "TLSv1.3" in step.detail
    assert "certificate for localhost, 127.0.0.1" in step.detail
    assert "valid until" in step.detail


@BOTH
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "wrong_name",
            r"not for the name 127\.0\.0\.1; it is for smtp\.other\.test, mx\.other\.test\.$",
        ),
        ("expired", r"it has expired on \d{4}-\d\d-\d\d\.$"),
        (
            "early",
            r"not valid yet, but from \d{4}-\d\d-\d\d on, or this machine's clock is wrong\.$",
        ),
        ("unknown", r"an authority that is not trusted here \(trustme v.+\)\.$"),
        ("between", r"an authority that is not trusted here \(Zscaler Inc\..*\)\.$"),
        ("self_signed", "it is self-signed"),
    ],
)
def test_bad_certificates(authority: Authority, security: Security, kind: str, words: str) -> None:
    """A certificate that proves nothing ends the session before the login, and says of itself."""
    catcher = Catcher(tls=getattr(authority, kind), implicit=security is Security.TLS)
    with catcher:
        error = failure_of(opened, catcher, security, ca_file=authority.ca_file, **LOGIN)

    assert (error.stage, error.verdict, error.code) == (Stage.TLS, Verdict.SETUP, None)
    assert re.search(words, error.reply)
    assert catcher.logins == []


def test_certificate_is_checked_against_the_system_by_default(authority: Authority) -> None:
    """Without a file of our own only the system's authorities are trusted."""
    with Catcher(tls=authority.good, implicit=True) as catcher:
        error = failure_of(opened, catcher, Security.TLS)

    assert "not trusted here" in error.reply


@BOTH
def test_old_tls_is_refused(authority: Authority, security: Security) -> None:
    """A server that speaks nothing newer than TLS 1.1 is not spoken to."""
    script: Script = {"STARTTLS": start_tls(authority.old)}
    implicit = authority.old if security is Security.TLS else None
    with ScriptedServer(script, offers=["STARTTLS"], tls=implicit) as server:
        error = failure_of(opened, server, security, ca_file=authority.ca_file)

    assert (error.stage, error.verdict) == (Stage.TLS, Verdict.SETUP)
    assert "protocol version" in error.reply or "unsupported protocol" in error.reply


@pytest.mark.parametrize(
    ("offers", "reply", "code", "verdict"),
    [
        ((), "220 ready", None, Verdict.SETUP),
        (("STARTTLS",), "502 5.5.1 not implemented", 502, Verdict.SETUP),
        (("STARTTLS",), "454 4.7.0 TLS not available", 454, Verdict.SERVER),
        (("STARTTLS",), last("421 4.7.0 closing"), 421, Verdict.SERVER),
    ],
    ids=["stripped", "refused", "not now", "closing"],
)
def test_no_starttls_no_login(
    offers: tuple[str, ...], reply: str, code: int | None, verdict: Verdict
) -> None:
    """Where STARTTLS is not to be had nothing secret is sent."""
    with ScriptedServer({"STARTTLS": reply}, offers=["AUTH PLAIN", *offers]) as server:
        error = failure_of(opened, server, Security.STARTTLS, **LOGIN)
        server.wait_until_left()

    assert (Stage.TLS, verdict, code) == (error.stage, error.verdict, error.code)
    assert b"AUTH" not in server.received


def test_bytes_behind_the_220_are_not_believed(authority: Authority) -> None:
    """Replies put in front of the handshake end the session; nothing secret was sent."""
    injected = b"250-scripted.test\r\n250 AUTH PLAIN\r\n"
    script: Script = {"STARTTLS": start_tls(authority.good, behind=injected)}
    with ScriptedServer(script, offers=["STARTTLS"]) as server:
        error = failure_of(opened, server, Security.STARTTLS, ca_file=authority.ca_file, **LOGIN)
        server.wait_until_left()

    assert (error.stage, error.verdict) == (Stage.TLS, Verdict.SETUP)
    assert "tampered" in error.reply
    assert b"AUTH" not in server.received


def test_what_was_offered_before_tls_is_forgotten(authority: Authority) -> None:
    """Only the EHLO inside TLS counts: AUTH offered outside alone is not used."""
    script: Script = {
        "EHLO": ["250-scripted.test\r\n250-AUTH PLAIN\r\n250 STARTTLS", "250 scripted.test"],
        "STARTTLS": start_tls(authority.good),
    }
    with ScriptedServer(script) as server:
        error = failure_of(opened, server, Security.STARTTLS, ca_file=authority.ca_file, **LOGIN)

    assert (error.stage, error.verdict) == (Stage.LOGIN, Verdict.SETUP)
    assert "offers no login" in error.reply


def test_refused_second_ehlo_is_told_as_such(authority: Authority) -> None:
    """A server that refuses our name only inside TLS fails at EHLO, not at TLS."""
    steps: list[Step] = []
    script: Script = {
        "EHLO": ["250-scripted.test\r\n250 STARTTLS", "504 5.5.2 need a fully-qualified name"],
        "HELO": "504 5.5.2 need a fully-qualified name",
        "STARTTLS": start_tls(authority.good),
    }
    with ScriptedServer(script) as server:
        error = failure_of(
            opened, server, Security.STARTTLS, ca_file=authority.ca_file, observe=steps.append
        )

    assert (error.stage, error.verdict) == (Stage.EHLO, Verdict.SETUP)
    assert [(s.stage, s.ok) for s in steps[-2:]] == [(Stage.TLS, True), (Stage.EHLO, False)]


def test_tls_spoken_to_a_server_that_wants_starttls() -> None:
    """TLS from the first byte on a plain port fails at once, in the words of OpenSSL."""
    with ScriptedServer() as server:
        error = failure_of(opened, server, Security.TLS)

    assert (error.stage, error.verdict) == (Stage.TLS, Verdict.SETUP)
    assert "handshake failed: " in error.reply


@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS])
def test_plain_spoken_to_a_server_that_wants_tls(authority: Authority, security: Security) -> None:
    """A server that waits for TLS says nothing, and the deadline ends the wait at the greeting."""
    with Catcher(tls=authority.good, implicit=True) as catcher:
        error = failure_of(opened, catcher, security, deadline=0.3)

    assert (error.stage, error.verdict, error.code) == (Stage.GREETING, Verdict.SERVER, None)
    assert "No answer in time" in error.reply


def test_handshake_that_hangs_keeps_the_deadline() -> None:
    """A server that never answers the handshake is left when the time is over."""
    with ScriptedServer({"greeting": hang}) as server:
        error = failure_of(opened, server, Security.TLS, deadline=0.3)

    assert (error.stage, error.verdict) == (Stage.TLS, Verdict.SERVER)
    assert "No answer in time" in error.reply


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_unusable_ca_file(tmp_path: Path, content: str | None) -> None:
    """A missing or empty file of authorities is named, and nobody is trusted instead."""
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    with ScriptedServer({"greeting": hang}) as server:
        error = failure_of(opened, server, Security.TLS, ca_file=str(ca_file))

    assert (error.stage, error.verdict) == (Stage.TLS, Verdict.SETUP)
    assert str(ca_file) in error.reply
