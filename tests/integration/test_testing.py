"""What hosts' tests use: capture what was queued, deliver what is due."""

from __future__ import annotations

from collections import Counter

from plato_email.testing import capture_messages, deliver_due
from tests.support.sites import Host
from tests.support.smtp_servers import Catcher


def test_capture_sees_what_was_committed(host: Host) -> None:
    """Only committed mail is captured, and only in the block."""
    with capture_messages(host.app) as queued:
        number = host.send(subject="Welcome")
    host.send()
    assert [(each.id, each.subject) for each in queued] == [(number, "Welcome")]


def test_deliver_due_counts_outcomes(sending: Host, catcher: Catcher) -> None:
    """Everything that is due goes, in the test's own thread."""
    for _ in range(3):
        sending.send()
    assert deliver_due(sending.app) == Counter(sent=3)
    assert len(catcher.mails) == 3
