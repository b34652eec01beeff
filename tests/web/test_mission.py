"""The mission, point by point: one test for each row of the design's table, M1 to M15."""

from __future__ import annotations

import os
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from plato_email import Attachment, message_queued
from plato_email.outbox import Nothing, Slice
from tests.support.databases import fresh_database
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Authority, Catcher, ScriptedServer
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.web.conftest import Admin


def read(data: bytes) -> EmailMessage:
    """Parse a caught mail."""
    return message_from_bytes(data, policy=policy.default)


def test_m01_settings_page_only_for_permitted_people(admin: Admin, host: Host) -> None:
    """M1: the page is there for whom authorize lets in, and for nobody else."""
    assert admin.get("/settings").status_code == 200
    host.site.authorize = lambda _: False
    assert admin.get("/settings").status_code == 403
    host.site.authorize = None
    assert admin.get("/settings").status_code == 403


def test_m02_warning_while_not_configured(admin: Admin, host: Host, catcher: Catcher) -> None:
    """M2: the banner warns until there is a server and a sender."""

    def state() -> str:
        return admin.open().has("data-plato-email-state")[0]["data-plato-email-state"]

    assert state() == "not-configured"
    host.configure(catcher.port)
    assert state() != "not-configured"


def test_m03_default_sender(sending: Host, catcher: Catcher) -> None:
    """M3: mail that names no sender is from the default one, display name and all."""
    sending.configure(catcher.port, default_sender="Plato, Ltd. <site@example.com>")
    sending.send(sender=None)
    sending.rounds()
    (mail,) = catcher.mails
    (sender,) = read(mail.data)["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Plato, Ltd.", "site@example.com")
    assert mail.sender == "site@example.com"


def test_m04_server_address_and_port(admin: Admin, host: Host) -> None:
    """M4: host and port are checked, cleaned and stored; 25 unless TLS picks another."""
    sender = {"default_sender": "site@example.com"}
    assert admin.save(host=" Mail.Bücher.example ", port="", **sender).status_code == 303
    settings = host.site.load_settings().settings
    assert (settings.host, settings.port) == ("mail.xn--bcher-kva.example", 25)
    assert admin.save(host="mail.example.com", port="65536", **sender).status_code == 422
    assert admin.save(host="mail.example.com", port="", use_tls="1", **sender).status_code == 303
    assert host.site.load_settings().settings.port == 587


def test_m05_credentials_are_stored_encrypted_and_write_only(admin: Admin, host: Host) -> None:
    """M5: user name and password are ciphertext in the database; the password is on no page."""
    admin.save(
        default_sender="site@example.com",
        host="127.0.0.1",
        port="2525",
        requires_login="1",
        username="postmaster-7",
        password="correct-horse",
    )
    stored = host.site.load_settings().settings
    assert (stored.username, stored.password) == ("postmaster-7", "correct-horse")
    table = host.site.tables.settings
    row = host.site.database.read(lambda c: c.execute(select(table)).one())
    assert all("postmaster-7" not in str(v) and "correct-horse" not in str(v) for v in row)
    assert "correct-horse" not in admin.get("/settings").text


def test_m06_tls_or_no_mail_at_all(host: Host) -> None:
    """M6: with TLS ticked and no STARTTLS on offer, nothing of the mail leaves."""
    with ScriptedServer() as server:
        host.configure(server.port, use_tls=True)
        number = host.send()
        host.rounds()
        assert not [line for line in server.commands if line.startswith(("MAIL", "AUTH"))]
    gate = host.site.outbox.gate()
    assert gate is not None
    assert (gate.stage, gate.verdict) == ("tls", "setup")
    assert host.states() == {number: "queued"}


def test_m06_starttls_and_tls_from_the_first_byte(tmp_path: Path) -> None:
    """M6: both ways of TLS deliver to a server whose certificate is trusted."""
    authority = Authority(tmp_path)
    for implicit, mode in ((False, "starttls"), (True, "tls")):
        folder = tmp_path / mode
        folder.mkdir()
        with (
            Catcher(tls=authority.good, implicit=implicit) as server,
            fresh_database("sqlite", folder) as url,
            hosted(url, folder, PLATO_EMAIL_CA_FILE=str(authority.ca_file)) as host,
        ):
            host.configure(server.port, host="localhost", use_tls=True, tls_mode=mode)
            host.send()
            host.rounds()
            assert [mail.tls for mail in server.mails] == [True]


def test_m07_mail_is_queued_and_sent_in_batches(sending: Host, catcher: Catcher) -> None:
    """M7: everything a message can carry is queued with the transaction and arrives intact."""
    attachment = Attachment("Übersicht 2026.pdf", "application/pdf", bytes(range(256)) * 40)
    logo = Attachment("logo.png", "image/png", b"\x89PNG\r\n", "inline", content_id="logo")
    number = sending.send(
        subject="Grüße aus Köln, " + "ja " * 40,
        sender=("Müller, Jörg", "joerg@example.com"),
        recipients=["Doe, Jane <jane@example.com>", ("Zoë", "zoe@bücher.example")],
        cc=["cc@example.com"],
        bcc=["secret@example.com"],
        reply_to="answers@example.com",
        body="Grüße\n.\n..\nEnde\n",
        html='<p>Grüße <img src="cid:logo"></p>',
        attachments=[attachment, logo],
        extra_headers={"List-Unsubscribe": "<mailto:out@example.com>"},
        priority="high",
    )
    sending.rounds()
    (mail,) = catcher.mails
    parsed = read(mail.data)
    assert sending.states() == {number: "sent"}
    assert mail.recipients == (
        "jane@example.com",
        "zoe@xn--bcher-kva.example",
        "cc@example.com",
        "secret@example.com",
    )
    assert parsed["Subject"] == "Grüße aus Köln, " + "ja " * 40
    assert [a.display_name for a in parsed["To"].addresses] == ["Doe, Jane", "Zoë"]
    assert (parsed["Bcc"], b"secret@example.com" in mail.data) == (None, False)
    assert parsed["Reply-To"] == "answers@example.com"
    assert parsed["List-Unsubscribe"] == "<mailto:out@example.com>"
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == "Grüße\n.\n..\nEnde\n"
    assert "cid:logo" in html.get_content()
    parts = {part.get_filename(): part for part in parsed.walk() if part.get_filename()}
    assert parts["Übersicht 2026.pdf"].get_content() == attachment.data
    assert parts["logo.png"]["Content-ID"] == "<logo>"


def test_m08_interval_and_m09_batch_size_bound_the_rate(host: Host) -> None:
    """M8, M9: no more than Batch Size are taken in an Interval; then it is told how long."""
    for _ in range(7):
        host.send()
    first = host.site.outbox.claim(limit=20, batch=5, interval=60, send_attempts=5)
    second = host.site.outbox.claim(limit=20, batch=5, interval=60, send_attempts=5)
    assert isinstance(first, Slice)
    assert isinstance(second, Nothing)
    assert len(first.messages) == 5
    assert (second.reason, 50 < (second.wait or 0) <= 60) == ("rate", True)


def test_m10_send_attempts_are_exactly_that_many(host: Host) -> None:
    """M10: two attempts are two tries, after which the message has failed and is kept."""
    with ScriptedServer({".": "451 4.3.0 later"}) as server:
        host.configure(server.port, send_attempts=2)
        number = host.send()
        message = host.site.tables.message
        for _ in range(4):
            host.rounds()
            host.site.database.write(
                lambda c: c.execute(
                    message.update()
                    .where(message.c.state == "queued")
                    .values(available_at=host.site.clock.now())
                )
            )
        tries = sum(line == "DATA" for line in server.commands)
    assert (tries, host.states()) == (2, {number: "failed"})
    assert host.site.outbox.retry(number)


def test_m11_polling_off_queues_and_says_so(admin: Admin, sending: Host, catcher: Catcher) -> None:
    """M11: with polling off mail is queued, none is sent, and the page says so loudly."""
    sending.configure(catcher.port, polling_enabled=False)
    number = sending.send()
    sending.rounds()
    assert (sending.states(), catcher.mails) == ({number: "queued"}, [])
    (banner,) = admin.open().has("data-plato-email-state")
    assert banner["data-plato-email-state"] == "polling-off"


def test_m12_test_mail_answers_next_to_its_button(
    admin: Admin, sending: Host, catcher: Catcher
) -> None:
    """M12: the button sends through the real path and the fragment tells every stage."""
    answer = admin.test_by_htmx(recipient="me@example.com")
    page = Document(answer.text)
    assert page.has("data-outcome")[0]["data-outcome"] == "sent"
    assert catcher.mails[0].recipients == ("me@example.com",)


def test_m13_statistics_are_a_partial(admin: Admin, sending: Host) -> None:
    """M13: the queue in numbers, as a fragment that asks for itself again."""
    sending.send()
    page = Document(admin.get("/queue", headers={"HX-Request": "true"}).text)
    words = {element["data-stat"] for element in page.elements if "data-stat" in element}
    assert words == {"queued", "deferred", "sending", "sent", "failed"}


def test_m14_thread_starts_with_the_app_and_is_woken_by_the_commit(
    tmp_path: Path, catcher: Catcher
) -> None:
    """M14: a poller from the start on; a committed mail leaves without waiting for Interval."""
    before = threading.active_count()
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_POLLER=True) as host,
    ):
        assert host.site.poller.alive
        host.configure(catcher.port, poll_interval=3600)
        host.send()
        catcher.wait_for(1)
        host.send()
        catcher.wait_for(2)
        assert host.site.stop()
    assert threading.active_count() <= before


def test_m15_key_ring_protects_secrets(host: Host, catcher: Catcher) -> None:
    """M15: a key file of its own, for the owner only; without it the secret is unreadable."""
    host.configure(catcher.port, username="me", password="secret")
    file = host.site.key_file
    assert file is not None
    assert os.stat(file.path).st_mode & 0o777 == 0o600  # noqa: PTH116 - a mode is a stat
    file.path.unlink()
    host.site.key_ring()
    stored = host.site.load_settings()
    assert "password" in stored.unreadable
    assert stored.settings.password == ""
    assert host.site.status().state == "unreadable-secret"


def test_queued_is_told_after_the_commit_only(host: Host) -> None:
    """message_queued comes with the commit; a rollback tells nobody."""
    told: list[Any] = []

    def hear(_: object, message: Any) -> None:
        told.append(message.id)

    mail: dict[str, Any] = {
        "subject": "x",
        "recipients": "a@example.com",
        "sender": "b@example.com",
        "body": "x",
    }
    with message_queued.connected_to(hear, host.app), host.app.app_context():
        host.plato.send(**mail)
        host.db.session.rollback()
        assert told == []
        savepoint = host.db.session.begin_nested()
        host.plato.send(**mail)
        savepoint.rollback()
        kept = host.plato.send(**mail)
        with host.db.session.begin_nested():
            inner = host.plato.send(**mail)
        assert told == []
        host.db.session.commit()
    assert told == [kept.id, inner.id]


def test_forgotten_commit_is_said_in_the_log(host: Host, caplog: Any) -> None:
    """A request that queues mail and never commits finds out why nothing came."""
    mail: dict[str, Any] = {"subject": "x", "recipients": "a@example.com", "body": "x"}
    with host.app.app_context():
        host.plato.send(sender="b@example.com", **mail)
    assert "never committed" in caplog.text
    caplog.clear()
    with host.app.app_context():
        host.plato.send(sender="b@example.com", **mail)
        host.db.session.commit()
    assert "never committed" not in caplog.text
