"""Several sender processes on one database file."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import ExitStack
from email import message_from_bytes

from tests.support.senders import flask, sender
from tests.support.sites import Host
from tests.support.smtp_servers import Catcher


def message_ids(catcher: Catcher) -> Counter[str]:
    """Count the copies of each message by its Message-ID."""
    return Counter(str(message_from_bytes(mail.data)["Message-ID"]) for mail in catcher.mails)


def test_two_processes_deliver_500_mails_exactly_once(host: Host, catcher: Catcher) -> None:
    """Two pollers on one SQLite file share the work; every mail arrives in one copy."""
    host.configure(catcher.port, batch_size=10_000)
    with host.app.app_context():
        queued = [
            host.plato.send(
                subject=f"Number {n}",
                recipients=f"r{n}@example.com",
                sender="site@example.com",
                body="Hello.",
            ).message_id
            for n in range(500)
        ]
        host.db.session.commit()
    with sender(host), sender(host):
        catcher.wait_for(500, timeout=60)
    assert message_ids(catcher) == Counter(queued)
    assert Counter(host.states().values()) == {"sent": 500}
    senders = {a.process for n in host.states() for a in host.site.outbox.attempts(n)}
    assert len(senders) == 2


def test_rate_is_counted_over_all_processes(host: Host, catcher: Catcher) -> None:
    """Three processes together take no more than Batch Size in an interval."""
    host.configure(catcher.port, batch_size=5, poll_interval=3600)
    for _ in range(12):
        host.send()
    with ExitStack() as stack:
        running = [stack.enter_context(sender(host)) for _ in range(3)]
        for process in running:
            assert process.stdout is not None
            assert "Sending mail" in process.stdout.readline()
        catcher.wait_for(5, timeout=30)
        while len(host.site.outbox.processes()) < 3:
            catcher.wait_for(5, timeout=1)
    assert len(catcher.mails) == 5
    assert Counter(host.states().values()) == {"sent": 5, "queued": 7}


def test_sigterm_ends_a_sender_in_good_order(host: Host, catcher: Catcher) -> None:
    """SIGTERM: exit code 0, signed off, and nothing left claimed."""
    host.configure(catcher.port)
    number = host.send()
    with sender(host) as process:
        catcher.wait_for(1, timeout=30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert host.states() == {number: "sent"}
    assert host.site.outbox.processes() == ()


def test_send_due_and_status_for_scripts(host: Host, catcher: Catcher) -> None:
    """``send-due --json`` tells what went; ``status --json`` how the mail is."""
    host.configure(catcher.port)
    host.send()
    sent = flask(host, "email", "send-due", "--json")
    assert (sent.returncode, json.loads(sent.stdout)) == (
        0,
        {"outcomes": {"sent": 1}, "failing": False},
    )
    status = flask(host, "email", "status", "--json")
    found = json.loads(status.stdout)
    assert (status.returncode, found["queue"]["sent_24h"]) == (0, 1)
