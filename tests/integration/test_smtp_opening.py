"""Reaching a server and logging in: what each failure is called."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from plato_email.errors import Stage, Verdict
from plato_email.smtp import Security, Server, Session
from plato_email.smtp.reply import USER_NAME
from tests.support.smtp_client import MAIL, Envelope, failure_of, opened, server_at
from tests.support.smtp_servers import Catcher, Script, ScriptedServer, drop, last

USER, PASSWORD = "site@example.test", "p\N{LATIN SMALL LETTER A WITH DIAERESIS}ss \N{EURO SIGN}1"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def slow_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resolver that does not answer while the test runs."""
    over = Event()

    def wait(*_: Any, **__: Any) -> Any:
        over.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "over")

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield
    over.set()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Make every name have these addresses."""
    found = [
        (
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_STREAM,
            6,
            "",
            (address, port),
        )
        for address, port in addresses
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.usefixtures("slow_resolver")
def test_hanging_resolver_does_not_outlast_the_deadline() -> None:
    """The deadline holds for the operating system's resolver, which has none."""
    began = time.monotonic()
    error = failure_of(Session.open, Server("mail.example.test", 25, Security.NONE), deadline=0.3)

    assert (error.stage, error.verdict, error.code) == (Stage.RESOLVE, Verdict.SERVER, None)
    assert time.monotonic() - began < 2


def test_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that has no address is the server's trouble, in words that name it."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure_of(Session.open, Server("smtp.exmaple.test", 25, Security.NONE))

    assert (error.stage, error.verdict) == (Stage.RESOLVE, Verdict.SERVER)
    assert error.reply == "The name smtp.exmaple.test was not found (Name or service not known)."


@pytest.mark.parametrize("host", ["", "smtp. example.test", "smtp://example.test", "a\r\nb", "-"])
def test_impossible_host(host: str) -> None:
    """What cannot be a host name is not looked up."""
    error = failure_of(Session.open, Server(host, 25, Security.NONE))

    assert (error.stage, error.verdict) == (Stage.RESOLVE, Verdict.SETUP)


def test_nobody_listens() -> None:
    """A refused connection names address, port and reason."""
    port = free_port()
    error = failure_of(Session.open, Server("127.0.0.1", port, Security.NONE), deadline=1)

    assert (error.stage, error.verdict, error.code) == (Stage.CONNECT, Verdict.SERVER, None)
    assert f"No connection: 127.0.0.1:{port}: Connection refused." == error.reply


def test_every_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that refuses does not hide the next one that answers."""
    with Catcher() as catcher:
        resolve_to(monkeypatch, ("::1", free_port()), ("127.0.0.1", catcher.port))
        with Session.open(Server("mail.example.test", 25, Security.NONE), deadline=2) as session:
            session.send(Envelope(), MAIL)
        assert len(catcher.wait_for(1)) == 1


def test_silent_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that swallows everything gets its share of the time and no more."""
    with Catcher() as catcher, socket.socket() as full:
        # A listener whose queue is full drops connection requests, as a firewall does.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        resolve_to(monkeypatch, full.getsockname(), ("127.0.0.1", catcher.port))
        with Session.open(Server("mail.example.test", 25, Security.NONE), deadline=0.8) as session:
            assert session.usable
        for each in waiting:
            each.close()


def test_ipv6_literal_may_stand_in_brackets() -> None:
    """[::1] is the address ::1."""
    error = failure_of(Session.open, Server("[::1]", free_port(), Security.NONE), deadline=1)

    assert Stage.CONNECT is error.stage
    assert "[::1]:" in error.reply


@pytest.mark.parametrize(
    ("greeting", "code"),
    [("421 4.3.2 too busy", 421), ("450 later", 450), ("554 5.7.1 go away", 554)],
)
def test_refusing_greeting(greeting: str, code: int) -> None:
    """A server that does not greet is no message's fault."""
    with ScriptedServer({"greeting": last(greeting)}) as server:
        error = failure_of(opened, server)

    assert (Stage.GREETING, Verdict.SERVER, code) == (error.stage, error.verdict, error.code)


@pytest.mark.parametrize(
    ("banner", "shown"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", ": 'SSH-\N{HORIZONTAL ELLIPSIS}'"),
        (b"HTTP/1.1 400 Bad Request\r\n", ": 'HTTP/\N{HORIZONTAL ELLIPSIS}'"),
        (b"* OK secret.internal IMAP ready\r\n", ": '* OK\N{HORIZONTAL ELLIPSIS}'"),
        (b"220-first.internal\r\nsecret\r\n", ""),
        (b"\x15\x03\x01\r\n", ""),
    ],
)
def test_other_services_are_told_by_their_protocol(banner: bytes, shown: str) -> None:
    """What does not speak SMTP is not quoted, but for the mark of a protocol that people know."""
    with ScriptedServer({"greeting": banner}) as server:
        error = failure_of(opened, server)

    assert (error.stage, error.verdict, error.code) == (Stage.GREETING, Verdict.SERVER, None)
    assert error.reply == f"This is not an SMTP reply{shown}."
    assert not any("secret" in line for line in (*error.transcript, error.reply))


def test_helo_where_ehlo_is_unknown() -> None:
    """A server of 1982 is spoken to in its own words."""
    script: Script = {"EHLO": "500 5.5.1 what?"}
    with ScriptedServer(script) as server, opened(server) as session:
        session.send(Envelope(), MAIL)

    assert (session.capabilities, session.sent) == ({}, 1)
    assert server.commands[1].startswith("HELO ")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("504 5.5.2 <box>: Helo command rejected: need fully-qualified hostname", Verdict.SETUP),
        ("450 4.7.1 Helo command rejected: Host not found", Verdict.SETUP),
        ("554 5.7.1 blocked", Verdict.SERVER),
        ("421 4.7.0 busy", Verdict.SERVER),
    ],
)
def test_refused_ehlo(reply: str, verdict: Verdict) -> None:
    """A refused name is a matter of the set-up, any other refusal one of the server."""
    with ScriptedServer({"EHLO": reply, "HELO": last(reply)}) as server:
        error = failure_of(opened, server)

    assert (Stage.EHLO, verdict) == (error.stage, error.verdict)


def test_refused_ehlo_outlives_the_dropped_helo() -> None:
    """The reply to EHLO is reported when the server hangs up on HELO."""
    with ScriptedServer({"EHLO": "554 5.7.1 blocked", "HELO": drop}) as server:
        error = failure_of(opened, server)

    assert (error.stage, error.code) == (Stage.EHLO, 554)


def test_own_name_is_said() -> None:
    """The configured name goes into EHLO; one that is no word is refused before."""
    with ScriptedServer() as server:
        opened(server, ehlo_name="web.example.test").close()
        error = failure_of(opened, server, ehlo_name="web example")

    assert server.commands[0] == "EHLO web.example.test"
    assert (error.stage, error.verdict) == (Stage.EHLO, Verdict.SETUP)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_login(mechanism: str) -> None:
    """A login with letters outside ASCII succeeds with either mechanism, without a trace."""
    users = {USER: PASSWORD}
    with Catcher(users=users, login_required=True, mechanisms=[mechanism]) as catcher:
        with opened(catcher, username=USER, password=PASSWORD) as session:
            session.send(Envelope(), MAIL)
        (caught,) = catcher.wait_for(1)

    assert (USER, [mechanism]) == (caught.username, catcher.logins)
    assert PASSWORD not in repr(session.transcript)
    assert f"C: AUTH {mechanism}" in "\n".join(session.transcript)
    assert base64.b64encode(USER.encode()).decode() not in repr(session.transcript)


@pytest.mark.parametrize("mechanisms", [["PLAIN", "LOGIN"], ["LOGIN"]])
def test_wrong_password_is_tried_once(mechanisms: list[str]) -> None:
    """A wrong password is one failed login, whatever else the server offers."""
    with Catcher(users={USER: "right"}, mechanisms=mechanisms) as catcher:
        error = failure_of(opened, catcher, username=USER, password="wrong")

    assert (error.stage, error.verdict, error.code) == (Stage.LOGIN, Verdict.SETUP, 535)
    assert mechanisms[:1] == catcher.logins


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("535 5.7.8 Error: authentication failed", Verdict.SETUP),
        ("534 5.7.9 Application-specific password required", Verdict.SETUP),
        ("530 5.7.0 Must issue a STARTTLS command first", Verdict.SETUP),
        ("550 5.7.30 Basic authentication is not supported", Verdict.SETUP),
        ("504 5.5.4 Unrecognized authentication type", Verdict.SETUP),
        ("334 VGVsbCBtZSBtb3Jl", Verdict.SETUP),
        ("432 4.7.12 A password transition is needed", Verdict.SETUP),
        ("454 4.7.0 Too many login attempts", Verdict.SERVER),
        ("421 4.7.0 Try again later", Verdict.SERVER),
    ],
)
def test_refused_login(reply: str, verdict: Verdict) -> None:
    """Each refusal of AUTH has its verdict, and none is followed by a second AUTH."""
    script: Script = {"AUTH": reply, "response": "501 5.7.0 Cancelled"}
    with ScriptedServer(script, offers=["AUTH PLAIN LOGIN"]) as server:
        error = failure_of(opened, server, username=USER, password="secret-word")

    assert (Stage.LOGIN, verdict, int(reply[:3])) == (error.stage, error.verdict, error.code)
    assert sum(command.startswith("AUTH") for command in server.commands) == 1


def test_long_password_does_not_fit_the_command() -> None:
    """A response that would make the AUTH line too long waits for the server's 334."""
    password = "x" * 600
    script: Script = {"AUTH": "334 ", "response": "235 2.7.0 Welcome"}
    with ScriptedServer(script, offers=["AUTH PLAIN"]) as server:
        opened(server, username=USER, password=password).close()

    sent = base64.b64encode(f"\0{USER}\0{password}".encode()).decode()
    assert ["AUTH PLAIN", sent] == server.commands[1:3]


@pytest.mark.parametrize(
    ("offers", "words"),
    [((), "offers no login"), (("AUTH CRAM-MD5 XOAUTH2",), "CRAM-MD5 XOAUTH2")],
)
def test_no_mechanism(offers: tuple[str, ...], words: str) -> None:
    """Without a mechanism that we speak no login is tried, and the words say what there is."""
    with ScriptedServer(offers=offers) as server:
        error = failure_of(opened, server, username=USER, password="secret-word")

    assert (error.stage, error.verdict, error.code) == (Stage.LOGIN, Verdict.SETUP, None)
    assert words in error.reply
    assert not any(command.startswith("AUTH") for command in server.commands)


def test_auth_offered_in_the_old_spelling() -> None:
    """ "AUTH=LOGIN" is understood as servers of old wrote it."""
    with ScriptedServer(offers=["AUTH=PLAIN"]) as server:
        opened(server, username=USER, password="secret-word").close()

    assert any(command.startswith("AUTH PLAIN ") for command in server.commands)


@pytest.mark.parametrize(("username", "password"), [("a\0b", "c"), ("a", "b\0c")])
def test_nul_in_credentials(username: str, password: str) -> None:
    """A NUL, which separates user and password in PLAIN, is refused before anything is sent."""
    with ScriptedServer(offers=["AUTH PLAIN"]) as server:
        error = failure_of(opened, server, username=username, password=password)
        server.wait_until_left()

    assert (error.stage, error.verdict) == (Stage.LOGIN, Verdict.SETUP)
    assert b"AUTH" not in server.received


def test_credentials_repeated_by_the_server_are_blotted_out() -> None:
    """A server that quotes the login in its refusal cannot put it into an error or a log."""
    password = "correct horse"
    plain = base64.b64encode(f"\0{USER}\0{password}".encode()).decode()
    said = f"535 5.7.8 bad: {password} / {plain} / {USER}"
    with ScriptedServer({"AUTH": said}, offers=["AUTH PLAIN"]) as server:
        error = failure_of(opened, server, username=USER, password=password)

    assert error.reply == f"5.7.8 bad: *** / *** / {USER_NAME}"
    shown = f"{error} {error.transcript}"
    assert not any(secret in shown for secret in (password, plain, USER))


def test_server_does_not_show_its_credentials() -> None:
    """Neither user name nor password is in a repr."""
    with ScriptedServer() as server:
        shown = repr(server_at(server, username=USER, password=PASSWORD))

    assert not any(secret in shown for secret in (USER, PASSWORD))
