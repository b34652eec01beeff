"""Alerts: what they are raised by, what a webhook is given, and what it cannot do to the site."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from plato_email import mail_failing
from plato_email.alerts import Webhook, WebhookError
from plato_email.errors import ConfigurationError
from plato_email.outbox.statements import GATE
from plato_email.tables import State
from tests.support.databases import fresh_database
from tests.support.hook import Hook
from tests.support.rows import put
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Authority
from tests.support.waiting import until

LONG, SHORT = timedelta(minutes=20), timedelta(minutes=5)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Somebody who is told."""
    with Hook() as server:
        yield server


@pytest.fixture
def site_for(tmp_path: Path) -> Iterator[Callable[[Hook | None], Host]]:
    """Return a function that makes a site which tells a hook."""
    with fresh_database("sqlite", tmp_path) as url:
        made: list[Any] = []

        def make(hook: Hook | None) -> Host:
            config = {} if hook is None else {"PLATO_EMAIL_ALERT_URL": hook.url}
            made.append(hosted(url, tmp_path, PLATO_EMAIL_ALERT_SECRET="s3cret", **config))
            host: Host = made[-1].__enter__()
            host.configure(25)
            return host

        yield make
        for each in made:
            each.__exit__(None, None, None)


SiteFor = Callable[[Hook | None], Host]


def close_gate(host: Host, since: timedelta) -> None:
    """Let all senders wait for the server since then."""
    now, gate = host.site.clock.now(), host.site.tables.gate
    values: dict[str, Any] = {"id": GATE, "failures": 3, "failing_since": now - since}
    values |= {"retry_at": now + LONG, "verdict": "server", "stage": "connect", "reply": "refused"}
    values |= {"cause": "connection-refused", "server": "mail.test:587"}
    host.site.database.write(lambda c: c.execute(insert(gate).values(values)))


def look(host: Host) -> str:
    """Look, deliver, and return what was told last."""
    watch = host.site.make_watch()
    watch.look_now()
    watch.finish(10)
    last = host.site.alerts.last()
    return "" if last is None else f"{last.state} {last.reason}"


def make_due(host: Host) -> None:
    """Let the pause before the next attempt be over."""
    table = host.site.tables.alert
    due = table.update().values(next_at=host.site.clock.now() - timedelta(seconds=1))
    host.site.database.write(lambda c: c.execute(due))


class TestWhen:
    """What is an alert, and what is not."""

    def test_outage_that_is_long_enough(self, site_for: SiteFor, hook: Hook) -> None:
        """All senders wait; a short one is nobody's business yet."""
        host = site_for(hook)
        close_gate(host, SHORT)
        assert look(host) == ""
        gate = host.site.tables.gate
        earlier = gate.update().values(failing_since=host.site.clock.now() - LONG)
        host.site.database.write(lambda c: c.execute(earlier))
        assert look(host) == "failing outage"
        assert look(host) == "failing outage"
        assert len(hook.wait_for(1)) == 1

    def test_mail_that_does_not_move(self, site_for: SiteFor, hook: Hook) -> None:
        """It could go, and for so long nothing went; a backlog that moves is none."""
        host = site_for(hook)
        put(host, State.QUEUED, host.site.clock.now() - LONG)
        put(host, State.SENT, host.site.clock.now() - SHORT)
        assert look(host) == ""
        table = host.site.tables.message
        sent = table.update().where(table.c.state == "sent")
        host.site.database.write(lambda c: c.execute(sent.values(finished_at=None)))
        assert look(host) == "failing stuck"

    def test_everything_is_refused(self, site_for: SiteFor, hook: Hook) -> None:
        """Several have failed and none was sent; it is over once one was."""
        host = site_for(hook)
        put(host, State.FAILED, host.site.clock.now() - SHORT, 4)
        assert look(host) == ""
        put(host, State.FAILED, host.site.clock.now() - SHORT)
        assert look(host) == "failing refused"
        table = host.site.tables.message
        past = table.update().values(finished_at=host.site.clock.now() - LONG)
        host.site.database.write(lambda c: c.execute(past))
        assert look(host) == "failing refused"
        put(host, State.SENT, host.site.clock.now())
        assert look(host) == "flowing refused"

    @pytest.mark.parametrize("off", [{"polling_enabled": False}, {"mode": "hold"}])
    def test_who_has_switched_it_off_knows(
        self, site_for: SiteFor, hook: Hook, off: dict[str, Any]
    ) -> None:
        """Neither an alert nor an all-clear while nothing is meant to go."""
        host = site_for(hook)
        put(host, State.QUEUED, host.site.clock.now() - LONG)
        host.configure(25, **off)
        assert look(host) == ""
        host.configure(25, polling_enabled=True, mode="live")
        assert look(host) == "failing stuck"
        host.configure(25, **off)
        assert look(host) == "failing stuck"

    def test_sender_looks_by_itself(self, site_for: SiteFor, hook: Hook) -> None:
        """A round is enough, also one that fails."""
        host = site_for(hook)
        put(host, State.QUEUED, host.site.clock.now() - LONG)
        host.configure(25, host="")
        stored = host.site.load_settings()
        ready = replace(stored, settings=replace(stored.settings, host="smtp.example.com"))
        watch = host.site.make_watch()
        watch._load_settings = lambda: ready
        worker = host.site.make_worker()
        worker._watch = watch
        worker.round()
        hook.wait_for(1)
        worker.finish()

    def test_signal_without_a_webhook(self, site_for: SiteFor) -> None:
        """A receiver that raises harms nothing; the state is kept all the same."""
        host = site_for(None)
        close_gate(host, LONG)
        heard: list[Any] = []

        def hear(_: Any, alert: Any) -> None:
            heard.append(alert)
            raise RuntimeError("a receiver's own mistake")

        with mail_failing.connected_to(hear, sender=host.app):
            assert look(host) == "failing outage"
        assert heard[0].summary.startswith("Mail is not going out since ")
        last = host.site.alerts.last()
        assert last is not None
        assert (last.attempts, last.next_at, last.delivered_at) == (0, None, None)


class TestDelivery:
    """What the other side gets."""

    def test_body_and_signature(self, site_for: SiteFor, hook: Hook) -> None:
        """As docs/how-to/be-told-when-mail-fails.md says; no recipient, no subject, no secret."""
        host = site_for(hook)
        host.send(subject="Private", recipients=["ada@example.com"])
        close_gate(host, LONG)
        look(host)
        (posted,) = hook.wait_for(1)
        assert posted.path == "/hook?to=ops"
        timestamp = posted.headers["X-Plato-Email-Timestamp"]
        signed = timestamp.encode() + b"." + posted.body
        expected = "v1=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
        assert posted.headers["X-Plato-Email-Signature"] == expected
        assert abs(time.time() - int(timestamp)) < 60
        body = json.loads(posted.body)
        assert (body["event"], body["reason"], body["waiting"]) == ("mail.failing", "outage", 1)
        said = {"name": "mail.test:587", "cause": "connection-refused"}
        assert body["server"] == {"stage": "connect", "code": None, "reply": "refused"} | said
        assert body["text"].startswith("host: Mail is not going out since ")
        assert set(body) == {
            *("event", "id", "site", "at", "since", "reason", "text", "waiting"),
            *("failed_24h", "sent_24h", "server"),
        }
        for private in (b"ada@", b"Private", b"s3cret"):
            assert private not in posted.body

    def test_refusal_is_tried_again(self, site_for: SiteFor) -> None:
        """The same alert by the same id, later each time, until it is accepted."""
        with Hook(503, 500, 204) as hook:
            host = site_for(hook)
            close_gate(host, LONG)
            pauses = []
            for _ in range(2):
                look(host)
                last = host.site.alerts.last()
                assert last is not None
                assert last.next_at is not None
                assert "answered 50" in last.error
                pauses.append(last.next_at - host.site.clock.now())
                make_due(host)
            look(host)
            assert pauses[0] < pauses[1]
            ids = {json.loads(each.body)["id"] for each in hook.wait_for(3)}
            assert len(ids) == 1
            last = host.site.alerts.last()
            assert last is not None
            assert last.delivered_at is not None
            assert (last.attempts, last.error, last.next_at) == (3, "", None)

    def test_look_never_waits_for_an_answer(self, site_for: SiteFor) -> None:
        """Delivery of mail goes on while the other side hangs."""
        hold = threading.Event()
        with Hook(hold=hold) as hook:
            host = site_for(hook)
            close_gate(host, LONG)
            watch = host.site.make_watch()
            watch.look_now()
            hook.wait_for(1)
            assert watch._delivery is not None
            assert watch._delivery.is_alive()
            hold.set()
            watch.finish(10)
        assert host.site.alerts.last().delivered_at is not None  # type: ignore[union-attr]

    def test_redirect_is_not_followed(self, hook: Hook) -> None:
        """It could lead anywhere."""
        refused = pytest.raises(WebhookError, match="answered 302")
        with Hook(302, location=hook.url) as leading, refused:
            Webhook(leading.url).post(b"{}", "1")
        assert hook.posted == []

    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254/latest",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "https://0.0.0.0/",
            "http://224.0.0.1/",
        ],
    )
    def test_some_addresses_are_never_called(self, url: str) -> None:
        """Link-local, where clouds hand out secrets; unspecified; multicast."""
        with pytest.raises(WebhookError, match="no webhook can have"):
            Webhook(url).post(b"{}", "1")

    def test_certificate_is_checked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of an authority that this machine does not know, and with one that it does."""
        authority = Authority(tmp_path)
        with Hook(tls=authority.good) as hook:
            url = f"https://localhost:{hook.port}/"
            with pytest.raises(WebhookError, match="certificate is not trusted"):
                Webhook(url).post(b"{}", "1")
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
            Webhook(url).post(b"{}", "1")
            assert len(hook.posted) == 1

    def test_time_is_bounded_in_all(self) -> None:
        """An answer in drops ends at the deadline like no answer at all."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            over = threading.Event()

            def drip() -> None:
                line, _ = listener.accept()
                with line:
                    line.settimeout(5)
                    while not over.wait(0.05):
                        try:
                            line.sendall(b"H")
                        except OSError:
                            return

            thread = threading.Thread(target=drip)
            thread.start()
            began = time.monotonic()
            with pytest.raises(WebhookError):
                Webhook(f"http://127.0.0.1:{listener.getsockname()[1]}/").post(
                    b"{}", "1", deadline=0.5
                )
            assert time.monotonic() - began < 5
            over.set()
            thread.join()

    def test_nobody_there(self, closed_port: int) -> None:
        """Said in a line, without the address and what stands in it."""
        with pytest.raises(WebhookError) as refused:
            Webhook(f"http://127.0.0.1:{closed_port}/T0KEN").post(b"{}", "1")
        assert "T0KEN" not in str(refused.value)


@pytest.fixture
def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://example.com/",
            "example.com/hook",
            "file:///etc/passwd",
            "https://",
            "javascript:1",
        ),
        *("https://user:secret@example.com/", "https://exa mple.com/", "https://example.com:0/"),
        *("https://example.com/\r\nX: y", "https://[::1", "https://ex\u00e4mple.com/"),
    ],
)
def test_address_that_cannot_be_is_refused_at_once(tmp_path: Path, url: str) -> None:
    """When the site starts, and without repeating what may hold a token."""
    with fresh_database("sqlite", tmp_path) as database:
        with pytest.raises(ConfigurationError, match="PLATO_EMAIL_ALERT_URL") as refused:
            hosted(database, tmp_path, PLATO_EMAIL_ALERT_URL=url).__enter__()
        assert "secret" not in str(refused.value).replace("alert_secret", "")


def test_secrets_are_not_in_a_repr(site_for: SiteFor, hook: Hook) -> None:
    """The address may hold a token, too."""
    host = site_for(hook)
    shown = repr(host.site.config) + repr(Webhook(hook.url, "s3cret"))
    assert "s3cret" not in shown
    assert "/hook" not in shown
    until(lambda: hook.posted == [], 1)
