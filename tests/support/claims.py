"""Claims, and what they leave behind, for the contract tests."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update

from plato_email.outbox import Claimed, Nothing, Outbox, Result, Slice
from plato_email.tables import State
from tests.support.sites import Host


def claim(host: Host, limit: int = 20, batch: int = 100, interval: float = 30.0) -> Slice | Nothing:
    return host.site.outbox.claim(limit=limit, batch=batch, interval=interval, send_attempts=5)


def held(host: Host, **how: int) -> Slice:
    slice_ = claim(host, **how)
    assert isinstance(slice_, Slice)
    return slice_


def replica(host: Host) -> Outbox:
    """The queue as another process sees it."""
    site = host.site
    return Outbox(site.database, site.tables, site.clock, process="other")


def standing(host: Host, number: int) -> tuple[str, int]:
    row = host.site.outbox.message(number)
    assert row is not None
    return row.state, row.attempts


def begun_with_its_claim(host: Host, batch: int = 100) -> Slice:
    slice_ = host.site.outbox.claim(
        limit=20, batch=batch, interval=30.0, send_attempts=5, begin=True
    )
    assert isinstance(slice_, Slice)
    return slice_


def result(message: Claimed, state: State = State.SENT, **more: object) -> Result:
    at = datetime(2026, 1, 1)  # noqa: DTZ001 - naive UTC, as every stored time
    return Result(message, state, "sent", at, 5, "accepted", 250, "2.0.0", "Ok", **more)  # type: ignore[arg-type]


def age_leases(host: Host) -> None:
    """Let every lease lapse, as if its sender had died a while ago."""
    message = host.site.tables.message
    past = host.site.clock.now() - timedelta(seconds=1)
    host.site.database.write(
        lambda c: c.execute(
            update(message).where(message.c.lease_until.is_not(None)).values(lease_until=past)
        )
    )
