"""The usual ports of a host, tried side by side."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from plato_email.smtp import Probe, Security, Server, probe, probe_ports
from tests.support.smtp_servers import (
    Authority,
    Catcher,
    ScriptedServer,
    hang,
    last,
)

LOGIN: dict[str, Any] = {"username": "site@example.test", "password": "correct horse"}
USERS = {"site@example.test": "correct horse"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of our own."""
    return Authority(tmp_path_factory.mktemp("certificates"))


def look(authority: Authority, *ports: int, seconds: float = 3.0, **more: Any) -> list[Probe]:
    """Probe ports of this machine."""
    server = Server("127.0.0.1", 1, Security.NONE, ca_file=authority.ca_file, **more)
    return list(probe_ports(server, ports, seconds))


def test_best_port_comes_first(authority: Authority) -> None:
    """Usable before not, TLS before none; each with what it is and what it offers."""
    closed = socket.create_server(("127.0.0.1", 0))
    nobody = closed.getsockname()[1]
    closed.close()
    with ExitStack() as servers:
        plain, starttls, tls = (
            servers.enter_context(each)
            for each in (
                Catcher(),
                Catcher(tls=authority.good, starttls_required=True, users=USERS),
                Catcher(tls=authority.good, implicit=True, users=USERS),
            )
        )
        found = look(authority, nobody, plain.port, tls.port, starttls.port, **LOGIN)

        assert [(each.port, each.security) for each in found] == [
            (tls.port, Security.TLS),
            (starttls.port, Security.STARTTLS),
            (nobody, Security.STARTTLS),
            (plain.port, Security.NONE),
        ]
        assert [each.usable for each in found] == [True, True, False, False]
        assert [each.login_offered for each in found] == [True, True, False, False]
        assert all(0 < each.milliseconds < 3000 for each in found)
        assert found[0].detail == "It answers with TLS from the first byte."
        assert "Connection refused" in found[2].detail
        assert found[3].detail == "It offers no login with a user name and a password."
        assert starttls.logins == tls.logins == []


def test_nothing_is_said_that_a_probe_does_not_need(authority: Authority) -> None:
    """EHLO, and neither a login nor a mail."""
    with ScriptedServer(offers=["AUTH PLAIN"]) as server:
        (found,) = look(authority, server.port, **LOGIN)
        server.wait_until_left()

    assert (found.usable, found.login_offered, found.security) == (True, True, Security.NONE)
    assert [command.partition(" ")[0] for command in server.commands] == ["EHLO"]


def test_password_in_the_clear_is_no_way(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port without TLS on another machine is of no use where there is a password."""
    monkeypatch.setattr("plato_email.smtp.auth.is_loopback", lambda _: False)
    with ScriptedServer(offers=["AUTH PLAIN"]) as server:
        (with_login,) = look(authority, server.port, **LOGIN)
        (without,) = look(authority, server.port)

    assert (with_login.usable, without.usable) == (False, True)
    assert "offers no TLS" in with_login.detail


@pytest.mark.parametrize(("kind", "words"), [("expired", "expired"), ("wrong_name", "not for")])
def test_certificate_is_checked(authority: Authority, kind: str, words: str) -> None:
    """A port whose certificate proves nothing is not offered."""
    context = getattr(authority, kind)
    with Catcher(tls=context) as starttls, Catcher(tls=context, implicit=True) as tls:
        found = look(authority, starttls.port, tls.port)

    assert [each.usable for each in found] == [False, False]
    assert all(words in each.detail for each in found)


def test_tls_port_that_speaks_in_the_clear(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where TLS is not understood on the port for it, STARTTLS is tried."""
    with Catcher(tls=authority.good) as catcher:
        monkeypatch.setattr(probe, "_TLS_PORT", catcher.port)
        (found,) = look(authority, catcher.port)

    assert (found.usable, found.security) == (True, Security.STARTTLS)


def test_time_is_kept(authority: Authority) -> None:
    """Servers that hang take no longer than the time for all of them together."""
    with ExitStack() as stack:
        servers = [stack.enter_context(ScriptedServer({"greeting": hang})) for _ in range(4)]
        began = time.monotonic()
        found = look(authority, *(each.port for each in servers), seconds=0.6)
        took = time.monotonic() - began

    assert not any(each.usable for each in found)
    assert took < 4 * 0.6


def test_refusal_is_told_in_the_servers_words(authority: Authority) -> None:
    """A server that does not want us is quoted; a service that is none is not."""
    banner = b"hello, I am secret.internal\r\n"
    with (
        ScriptedServer({"greeting": last("554 5.7.1 not from your address")}) as busy,
        ScriptedServer({"greeting": banner}) as other,
    ):
        found = look(authority, busy.port, other.port, seconds=1)

    assert found[0].detail == "5.7.1 not from your address"
    assert found[1].detail == "This is not an SMTP reply."


def test_list_of_allowed_servers_holds(authority: Authority) -> None:
    """A port outside the list is not tried."""
    with ScriptedServer() as server:
        (found,) = look(authority, server.port, allowed=("127.0.0.1:587",))

    assert (found.usable, server.conversations) == (False, [])
    assert "not on the site's list" in found.detail
