"""The audit log on every database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from plato_email import audit

if TYPE_CHECKING:
    import pytest

    from tests.support.sites import Host


def test_entries_are_kept_whole_and_paged(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newest first, by key, names exactly as they are; purged in steps, the oldest first."""
    log = host.site.audit
    for number in range(7):
        by = "Zoë 🦉" if number % 2 else "zoë 🦉"
        log.note("message.retried", by=by, origin="::1", subject="7", detail={"n": number})
    entries = log.page(limit=3)
    assert [entry.detail["n"] for entry in entries] == [6, 5, 4]
    older = log.page(before=entries[-1].id, limit=9)
    assert [entry.detail["n"] for entry in older] == [3, 2, 1, 0]
    assert [entry.detail["n"] for entry in log.page(by="Zoë 🦉")] == [5, 3, 1]
    assert log.page(action="test.sent") == ()
    first = entries[0]
    assert (first.actor, first.origin, first.subject) == ("zoë 🦉", "::1", "7")
    assert abs(host.site.clock.now() - first.at) < timedelta(minutes=1)
    monkeypatch.setattr(audit, "STEP", 3)
    assert list(log.purge(timedelta(days=1))) == []
    assert list(log.purge(timedelta(seconds=-5))) == [3, 3, 1]
