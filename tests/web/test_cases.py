"""Cases from bug reports of other programs, through the page: named as in ``cases/smtp.md``."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from tests.support.certificates import Authority
from tests.support.databases import fresh_database
from tests.support.names import leads_to
from tests.support.scripted_server import Reply, ScriptedServer, last, start_tls
from tests.support.sites import Host, hosted
from tests.web.conftest import Admin
from tests.web.html import Document, Element

MAIL = "mail.example.test"
LOGIN = {"requires_login": "1", "username": "site@example.com", "password": "tiger lilies"}
TLS = {"use_tls": "1", "tls_mode": "starttls"}
NO_TLS = {"use_tls": None}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the site trusts."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def host(tmp_path: Path, authority: Authority) -> Iterator[Host]:
    """A site that trusts it, and looks for servers on no port but those that a test names."""
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_CA_FILE=authority.ca_file) as site,
    ):
        site.site.trials.usual_ports = site.site.trials.catcher_ports = ()
        yield site


@contextmanager
def serving(name: str, *servers: ScriptedServer, closed: int = 0) -> Iterator[None]:
    """Let ``name`` lead to the servers, on ports of their own and on a closed one."""
    with ExitStack() as stack:
        for port in filter(None, (*(each.port for each in servers), closed)):
            stack.enter_context(leads_to(name, port, port))
        yield


def examined(admin: Admin, host: str, port: int, **typed: str | None) -> Document:
    """The page after a test of that server."""
    given = {"default_sender": "site@example.com", "recipient": "ann@customer.example"}
    return Document(admin.test(**{**given, "host": host, "port": str(port), **typed}).text)


def trial(page: Document) -> Element:
    """The result of the test."""
    return page.one(id="pe-trial")


def cause(page: Document) -> tuple[str, str]:
    """Why, and what becomes of mail."""
    return trial(page)["data-cause"], trial(page)["data-fate"]


def offers(page: Document) -> list[dict[str, str]]:
    """What the buttons fill in."""
    found = page.all("button", data_pe_offer="")
    return [dict(parse_qsl(button["value"], keep_blank_values=True)) for button in found]


def leads(page: Document) -> dict[int, str]:
    """Ports that answer with a certificate that is not trusted, and what is wrong with it."""
    found = [each for each in page.has("data-pe-lead") if each["data-pe-lead"]]
    return {int(each["data-pe-lead"]): each["data-cause"] for each in found}


def handout(page: Document) -> str:
    """The text for the operator of the server."""
    page.one("button", data_pe_copy="#pe-handout")
    return page.one("textarea", id="pe-handout").text


def upgrading(authority: Authority, certificate: str, **script: Reply) -> ScriptedServer:
    """A server with STARTTLS and one of the certificates."""
    upgrade = start_tls(getattr(authority, certificate))
    return ScriptedServer({"STARTTLS": upgrade, **script}, offers=["STARTTLS", "AUTH PLAIN LOGIN"])


# Ports


def test_case_port25_dropped(admin: Admin, host: Host, closed_port: int) -> None:
    """Port 25 does not answer, and 587 has just been found closed: it is not offered."""
    with (
        socket.socket() as full,
        ExitStack() as stack,
        leads_to("aspmx.shop.example", 587, closed_port),
    ):
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            guest = stack.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(full.getsockname())
        stack.enter_context(leads_to("aspmx.shop.example", 25, full.getsockname()[1]))
        host.site.trials.usual_ports = (587,)
        page = examined(admin, "aspmx.shop.example", 25, **NO_TLS)
    assert cause(page) == ("port-25-blocked", "server")
    assert offers(page) == []


def test_case_port25_dropped_where_587_answers(
    admin: Admin, host: Host, authority: Authority, closed_port: int
) -> None:
    """It is offered once, with what speaks for it."""
    with (
        upgrading(authority, "good") as server,
        leads_to("mail.example.test", 587, server.port),
        leads_to("mail.example.test", 25, closed_port),
    ):
        host.site.trials.usual_ports = (587,)
        page = examined(admin, "mail.example.test", 25, **NO_TLS)
    assert cause(page)[0] == "connection-refused"
    (offer,) = offers(page)
    assert offer == {"port": "587", "use_tls": "on", "tls_mode": "automatic"}


def test_ports_with_untrusted_certificates_are_leads(
    admin: Admin, host: Host, authority: Authority, closed_port: int
) -> None:
    """Nothing answers on the port; two others do, with certificates that are not trusted."""
    with (
        ScriptedServer(tls=authority.self_signed) as at_once,
        upgrading(authority, "unknown") as later,
        serving(MAIL, at_once, later, closed=closed_port),
    ):
        host.site.trials.usual_ports = (at_once.port, later.port)
        page = examined(admin, MAIL, closed_port, **TLS)
    assert cause(page) == ("connection-refused", "server")
    assert leads(page) == {
        at_once.port: "certificate-self-signed",
        later.port: "certificate-untrusted",
    }
    assert offers(page) == []
    lead = page.one(data_pe_lead=str(at_once.port)).text
    assert f"Port {at_once.port} answers with TLS from the first byte, but" in lead


def test_lead_is_there_while_the_page_watches(
    admin: Admin, host: Host, authority: Authority, closed_port: int
) -> None:
    """In the fragment as on the page."""
    with upgrading(authority, "expired") as server, serving(MAIL, server, closed=closed_port):
        host.site.trials.usual_ports = (server.port,)
        typed = {"default_sender": "site@example.com", "recipient": "ann@customer.example"}
        answer = admin.test_by_htmx(**typed, host=MAIL, port=str(closed_port), **TLS)
    assert leads(Document(answer.text)) == {server.port: "certificate-expired"}


# Mail catchers


@pytest.mark.parametrize("name", ["mailpit", "mailhog", "localhost"])
def test_catcher_with_tls_on(admin: Admin, name: str) -> None:
    """It has no STARTTLS: one press switches TLS off, and the mail goes out."""
    with (
        ScriptedServer({"greeting": "220 box Mailpit ESMTP Service ready"}) as server,
        serving(name, server),
    ):
        page = examined(admin, name, server.port, use_tls="1", tls_mode="automatic")
        assert cause(page)[0].startswith("starttls-missing-")
        (offer,) = offers(page)
        assert offer == {"use_tls": ""}
        page = examined(admin, name, server.port, use_tls="1", use=urlencode(offer))
    assert trial(page)["data-outcome"] == "sent"


@pytest.mark.parametrize("name", ["mailpit", "localhost"])
def test_catcher_with_tls_from_the_first_byte_on(admin: Admin, name: str) -> None:
    """It greets in plain: STARTTLS is no cure, as it has none."""
    script = {"greeting": "220 mailpit Mailpit ESMTP Service ready"}
    with ScriptedServer(script) as server, serving(name, server):
        page = examined(admin, name, server.port, use_tls="1", tls_mode="tls")
    assert cause(page) == ("starttls-expected", "setup")
    assert offers(page) == [{"port": str(server.port), "use_tls": ""}]


@pytest.mark.parametrize("name", ["mailpit", "mailhog", "localhost", "127.0.0.1"])
def test_catcher_is_looked_for_on_port_1025(
    admin: Admin, host: Host, closed_port: int, name: str
) -> None:
    """By the name of a service too; without TLS though it is on, for no login is set."""
    with ScriptedServer() as server, serving(name, server, closed=closed_port):
        host.site.trials.catcher_ports = (server.port,)
        page = examined(admin, name, closed_port, **TLS)
    assert offers(page) == [{"port": str(server.port), "use_tls": ""}]


def test_open_connection_is_offered_nowhere_else(
    admin: Admin, host: Host, closed_port: int
) -> None:
    """Not at another port, nor at a name with a dot, nor where a login is set."""
    with ScriptedServer(offers=["AUTH PLAIN"]) as server:
        trials = host.site.trials
        with serving("mailpit", server, closed=closed_port):
            trials.usual_ports, trials.catcher_ports = (server.port,), ()
            assert offers(examined(admin, "mailpit", closed_port, **TLS)) == []
            trials.usual_ports, trials.catcher_ports = (), (server.port,)
            assert offers(examined(admin, "mailpit", closed_port, **TLS, **LOGIN)) == []
        with serving("mail.shop.example", server, closed=closed_port):
            assert offers(examined(admin, "mail.shop.example", closed_port, **TLS)) == []
        trials.catcher_ports = ()
        with serving("mailserver", server):
            assert (
                offers(examined(admin, "mailserver", server.port, use_tls="1", tls_mode="tls"))
                == []
            )
        assert b"AUTH" not in server.received


def test_login_is_not_given_up_to_a_catcher(admin: Admin) -> None:
    """With a login, TLS is not switched off by a button for a name that is not this machine."""
    with ScriptedServer(offers=["AUTH PLAIN"]) as server, serving("mailpit", server):
        page = examined(admin, "mailpit", server.port, **TLS, **LOGIN)
    assert cause(page) == ("starttls-missing-at-catcher", "setup")
    assert offers(page) == []


# Containers


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> None:
    """The site runs in a container."""
    monkeypatch.setattr("plato_email.smtp.network.in_container", lambda: True)


@pytest.mark.usefixtures("container")
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_case_docker_localhost(admin: Admin, host: Host, closed_port: int, name: str) -> None:
    """Loopback is the container: the field is the Server Address."""
    page = examined(admin, name, closed_port, **NO_TLS)
    assert cause(page) == ("connection-refused", "server")
    assert page.one(id="pe-host-problem").text
    assert "host.docker.internal" in trial(page).text
    with ScriptedServer() as server:
        host.site.trials.usual_ports = (server.port,)
        page = examined(admin, name, closed_port, **NO_TLS)
    # Other ports are tried all the same. With a server on one, only the port is wrong.
    assert offers(page) == [{"port": str(server.port), "use_tls": ""}]
    assert page.one(id="pe-port-problem").text
    assert "host.docker.internal" not in trial(page).text


@pytest.mark.usefixtures("container")
@pytest.mark.parametrize(
    ("name", "advice"),
    [("host.docker.internal", "host-gateway"), ("no-such-service", "same network")],
)
def test_name_that_a_container_does_not_know(admin: Admin, name: str, advice: str) -> None:
    """The host machine's name, and that of a service."""
    with leads_to(name, 1025, 1025, "absent.invalid"):
        page = examined(admin, name, 1025, **NO_TLS)
    assert cause(page)[0] in ("host-not-found", "host-without-address", "name-lookup-failed")
    assert advice in trial(page).text


@pytest.mark.usefixtures("container")
def test_server_of_the_host_machine_that_does_not_answer(admin: Admin, closed_port: int) -> None:
    """It listens where a container cannot reach it."""
    with serving("host.docker.internal", closed=closed_port):
        page = examined(admin, "host.docker.internal", closed_port, **NO_TLS)
    assert cause(page)[0] == "connection-refused"
    assert "127.0.0.1 only" in trial(page).text


# Certificates

CERTIFICATES = {
    "self_signed": ("certificate-self-signed", ""),
    "common_name": ("certificate-name", "smtp.other.test"),
    "wrong_name": ("certificate-name", "smtp.other.test, mx.other.test"),
    "expired": ("certificate-expired", "localhost"),
    "just_expired": ("certificate-expired", "mail.example.test"),
    "old_chain": ("certificate-expired", "localhost"),
    "early": ("certificate-not-yet-valid", "localhost"),
    "no_chain": ("certificate-untrusted", "localhost"),
    "unknown": ("certificate-untrusted", "localhost"),
    "between": ("certificate-intercepted", "localhost"),
    "weak": ("certificate-weak", "localhost"),
    "for_clients": ("certificate-refused", "localhost"),
}


@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_every_certificate_has_a_text_to_hand_out(
    admin: Admin, authority: Authority, certificate: str
) -> None:
    """Server, problem, names, issuer, dates, fingerprint, and what is needed."""
    expected, names = CERTIFICATES[certificate]
    with upgrading(authority, certificate) as server, serving(MAIL, server):
        page = examined(admin, MAIL, server.port, **TLS, **LOGIN)
    assert cause(page) == (expected, "setup")
    text = handout(page)
    assert f"Mail server: {MAIL}, port {server.port}" in text
    assert names in text
    marks = ("Problem: ", "Issued by: ", "Valid: ", "SHA-256 fingerprint: ", "Needed: ")
    if certificate in ("old_chain", "no_chain"):
        assert "Intermediate" in text
    assert all(mark in text for mark in marks)
    assert text.partition("fingerprint: ")[2][:95].count(":") == 31
    assert LOGIN["password"] not in page.source


def test_case_cert_old_chain(admin: Admin, authority: Authority) -> None:
    """The certificate's own date is to come, so it is not what has expired."""
    with upgrading(authority, "old_chain") as server, serving(MAIL, server):
        page = examined(admin, MAIL, server.port, **TLS)
    assert cause(page) == ("certificate-expired", "setup")
    assert "has expired on" not in trial(page).text
    assert "chain" in page.one(id="pe-outcome").text


def test_certificate_that_expired_today_has_expired_itself(
    admin: Admin, authority: Authority
) -> None:
    """To the minute, not to the day: nothing is put down to its chain."""
    with upgrading(authority, "just_expired") as server, serving("mail.example.test", server):
        page = examined(admin, "mail.example.test", server.port, **TLS)
    assert cause(page) == ("certificate-expired", "setup")
    assert "has expired on" in trial(page).text
    assert "chain" not in trial(page).text


def test_case_cert_cn_other(admin: Admin, authority: Authority) -> None:
    """The common name is on the page, and is not offered: it is of another domain."""
    with upgrading(authority, "common_name") as server, serving("mail.shop.example", server):
        page = examined(admin, "mail.shop.example", server.port, **TLS)
    assert cause(page) == ("certificate-name", "setup")
    assert "smtp.other.test" in trial(page).text
    assert offers(page) == []


def test_common_name_of_the_same_domain_is_offered(admin: Admin, authority: Authority) -> None:
    """It counts for host names where there is no other name."""
    with upgrading(authority, "common_name") as server, serving("mail.other.test", server):
        page = examined(admin, "mail.other.test", server.port, **TLS)
    assert offers(page) == [{"host": "smtp.other.test"}]


def test_address_in_the_wrong_place(admin: Admin, authority: Authority) -> None:
    """A certificate with the address as its common name is not said to be for another one."""
    with upgrading(authority, "misplaced_address") as server:
        page = examined(admin, "127.0.0.1", server.port, **TLS)
    assert cause(page) == ("certificate-name", "setup")
    assert "another name" not in trial(page).text
    assert "alternative name" in trial(page).text


def test_case_cert_no_chain(admin: Admin, authority: Authority) -> None:
    """The first advice is the server's missing intermediate certificate."""
    with upgrading(authority, "no_chain") as server, serving(MAIL, server):
        page = examined(admin, MAIL, server.port, **TLS)
    assert cause(page) == ("certificate-untrusted", "setup")
    assert "intermediate" in page.one(id="pe-trial").text
    assert "whole chain" in handout(page)


@pytest.mark.parametrize("certificate", ["self_signed", "wrong_name"])
def test_case_bridge_local(admin: Admin, authority: Authority, certificate: str) -> None:
    """On loopback TLS can be switched off by a button; the certificate can be handed out too."""
    with (
        upgrading(authority, certificate) as server,
        leads_to("localhost", server.port, server.port),
    ):
        page = examined(admin, "localhost", server.port, **TLS, **LOGIN)
    assert trial(page)["data-fate"] == "setup"
    assert offers(page) == [{"use_tls": ""}]
    assert "SHA-256 fingerprint: " in handout(page)


def test_turning_tls_off_is_no_cure_for_a_port_that_begins_with_it(
    admin: Admin, authority: Authority
) -> None:
    """Self-signed on loopback, TLS from the first byte."""
    with ScriptedServer(tls=authority.self_signed) as server:
        page = examined(admin, "127.0.0.1", server.port, use_tls="1", tls_mode="tls")
    assert cause(page) == ("certificate-self-signed", "setup")
    assert offers(page) == []


@pytest.mark.parametrize("certificate", ["short_key", "old"])
def test_case_tls_dh_small(admin: Admin, authority: Authority, certificate: str) -> None:
    """Short parameters are not the certificate, nor old TLS; the operator gets a text."""
    expected = {"short_key": "tls-key-too-short", "old": "tls-too-old"}[certificate]
    with upgrading(authority, certificate) as server, serving(MAIL, server):
        page = examined(admin, MAIL, server.port, **TLS)
    assert cause(page) == (expected, "setup")
    assert {"short_key": "2048 bits", "old": "TLS 1.2"}[certificate] in handout(page)


# Words of servers


@pytest.mark.parametrize(
    ("script", "login", "expected", "fate"),
    [
        (
            {
                "greeting": last(
                    "421 Cannot connect to SMTP server 203.0.113.25 (203.0.113.25:587), "
                    "connect error 10060"
                )
            },
            False,
            "proxy-cannot-connect",
            "server",
        ),
        ({"DATA": "250 ok"}, False, "answers-out-of-step", "server"),
        ({"AUTH": "535 5.7.8 No"}, True, "login-hidden-characters", "setup"),
    ],
    ids=["av-proxy-421", "says-250-to-all", "gm-nbsp-password"],
)
def test_case(
    admin: Admin,
    authority: Authority,
    script: dict[str, Reply],
    login: bool,
    expected: str,
    fate: str,
) -> None:
    """What answers is no mail server; what was pasted has a blank that cannot be seen."""
    typed = {**LOGIN, "password": "abcd\u00a0efgh\u00a0ijkl\u00a0mnop"} if login else {}
    host = "smtp.gmail.com" if login else "mail.example.test"
    upgrade = start_tls(authority.issue(host))
    offers = ["STARTTLS", "AUTH PLAIN"] if login else []
    with (
        ScriptedServer({**script, "STARTTLS": upgrade}, offers=offers) as server,
        serving(host, server),
    ):
        page = examined(admin, host, server.port, **(TLS if login else NO_TLS), **typed)
    assert cause(page) == (expected, fate)
    if login:
        assert "no-break space (U+00A0)" in trial(page).text


def test_case_mg_region(admin: Admin, authority: Authority) -> None:
    """The other region's server is named."""
    script: dict[str, Reply] = {
        "AUTH": "535 Authentication failed",
        "STARTTLS": start_tls(authority.issue("smtp.mailgun.org")),
    }
    with (
        ScriptedServer(script, offers=["STARTTLS", "AUTH PLAIN"]) as server,
        serving("smtp.mailgun.org", server),
    ):
        page = examined(admin, "smtp.mailgun.org", server.port, **TLS, **LOGIN)
    assert cause(page) == ("provider-credentials", "setup")
    assert "smtp.eu.mailgun.org" in trial(page).text


def test_case_slow_greeting(admin: Admin, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test waits less long than a sender: the page says how long, and that mail may flow."""
    monkeypatch.setattr("plato_email.trial.conduct.DEADLINE", 4.0)

    def slow(conversation: Any) -> None:
        conversation.stopping.wait(3)

    with ScriptedServer({"greeting": slow}) as server:
        page = examined(admin, "127.0.0.1", server.port, **NO_TLS)
    assert cause(page) == ("greeting-silent", "server")
    assert "waited 1 seconds" in trial(page).text
    assert "minute" in trial(page).text


@pytest.mark.parametrize(
    ("charset", "words"),
    [
        ("gb18030", "用户名或密码错误"),
        ("big5", "帳號或密碼錯誤"),
        ("cp949", "비밀번호가 틀렸습니다"),
        ("euc_jp", "認証に失敗しました"),
        ("koi8_r", "Неверный пароль"),
        ("cp1252", "Ungültiges Passwort"),
    ],
)
def test_reply_in_another_charset_is_readable(admin: Admin, charset: str, words: str) -> None:
    """In the stages, in the transcript and in the reason."""
    reply = f"535 {words}".encode(charset) + b"\r\n"
    with ScriptedServer({"AUTH": reply}, offers=["AUTH PLAIN"]) as server:
        page = examined(admin, "127.0.0.1", server.port, **NO_TLS, **LOGIN)
    assert words in page.one(data_stage="login").text
    assert words in page.one("textarea", id="pe-transcript").text


def test_shell_hands_out_the_same_text(admin: Admin, host: Host, authority: Authority) -> None:
    """In the plain form and in JSON."""
    with upgrading(authority, "self_signed") as server, serving(MAIL, server):
        page = examined(admin, MAIL, server.port, **TLS)
        host.configure(server.port, host=MAIL, use_tls=True, tls_mode="starttls")
        run = host.app.test_cli_runner().invoke
        plain = run(args=["email", "test", "ann@customer.example"])
        found = json.loads(run(args=["email", "test", "ann@customer.example", "--json"]).stdout)
    text = found["diagnosis"]["handout"]
    assert text in plain.stdout
    assert " ".join(text.split()) == handout(page)
    assert found["error"]["cause"] == trial(page)["data-cause"]
