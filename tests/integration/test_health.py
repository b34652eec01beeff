"""Health: last tick, last error, age of the backlog, who sends; the same by HTTP and by command."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from plato_email.outbox import Slice
from plato_email.status import stamp
from tests.support.sites import Host

OLD = timedelta(minutes=6)


def health(host: Host) -> tuple[int, dict[str, Any]]:
    """What a monitor is answered, which is what the command prints, too."""
    answer = host.app.test_client().get("/admin/email/health")
    printed = host.app.test_cli_runner().invoke(args=["email", "status", "--json"])
    found, also = answer.get_json(), json.loads(printed.output)
    assert (answer.status_code, printed.exit_code) in ((200, 0), (503, 1))
    for each in (found, also):
        each["queue"]["oldest_waiting_seconds"] = round(
            each["queue"]["oldest_waiting_seconds"] or 0
        )
    assert {key for key in found if found[key] != also[key]} <= {"queue"}
    return answer.status_code, found


def age(host: Host) -> None:
    """Let all that waits have waited for six minutes."""
    message = host.site.tables.message
    earlier = host.site.clock.now() - OLD
    host.site.database.write(lambda c: c.execute(update(message).values(available_at=earlier)))


def sign_on(host: Host, error: str = "", *, seen_at: datetime | None = None) -> None:
    """A sender reports, now or then."""
    outbox, process = host.site.outbox, host.site.tables.process
    outbox.report("a" * 32, host.site.clock.now(), error)
    if seen_at is not None:
        host.site.database.write(lambda c: c.execute(update(process).values(seen_at=seen_at)))


def test_mail_that_nobody_takes_is_stuck(host: Host) -> None:
    """Six minutes old with a sender alive and no failure known: 503, exit code 1, and its age."""
    host.configure(25)
    sign_on(host)
    host.send()
    assert health(host)[0] == 200
    age(host)
    code, found = health(host)
    assert (code, found["stuck"], found["state"]) == (503, True, "unverified")
    assert 355 < found["queue"]["oldest_waiting_seconds"] < 420


def test_backlog_that_is_sent_at_its_rate_is_not_stuck(host: Host) -> None:
    """A mailing that takes an hour at the rate that was set wakes nobody."""
    host.configure(25, batch_size=1)
    sign_on(host)
    for _ in range(3):
        host.send()
    age(host)
    held = host.site.outbox.claim(limit=1, batch=1, interval=30, send_attempts=5)
    assert isinstance(held, Slice)
    assert (health(host)[0], health(host)[1]["rate"]["taken"]) == (200, 1)


def test_last_tick_and_last_error_outlive_their_sender(host: Host) -> None:
    """With the last sender gone: when it was seen, and what it had met, in words too."""
    host.configure(25)
    gone = host.site.clock.now() - OLD
    sign_on(host, "OperationalError: the server closed the connection", seen_at=gone)
    code, found = health(host)
    assert (code, found["state"], found["senders"]) == (200, "poller-silent", [])
    assert found["last_tick"] == stamp(gone)
    assert found["last_error"]["error"] == "OperationalError: the server closed the connection"
    host.send()
    assert health(host)[0] == 503
    said = host.app.test_cli_runner().invoke(args=["email", "status"]).output
    assert "the server closed the connection" in said
    assert "sender     none is running" in said


def test_who_sends_is_named(host: Host) -> None:
    """A sender that is alive stands there with its name and when it was seen."""
    host.configure(25)
    sign_on(host)
    (sender,) = health(host)[1]["senders"]
    assert sender["name"] == host.site.outbox.processes()[0].name
    assert sender["seen_at"] == health(host)[1]["last_tick"]
    assert sender["last_error"] is None
