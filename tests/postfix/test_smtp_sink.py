"""Postfix's smtp-sink fails on purpose: no mail is lost, and none is accepted twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update

from plato_email.delivery.courier import ALIKE
from tests.support.databases import SQLITE_WAL, fresh_database
from tests.support.postfix import SmtpSink, free_port
from tests.support.sites import Host, hosted

SOFT, HARD, HANG_UP, LEAVE = "-r", "-f", "-q", "-Q"
FATES: dict[tuple[str, str], str] = {
    (SOFT, "MAIL"): "deferred",
    (SOFT, "RCPT"): "deferred",
    (SOFT, "DATA"): "deferred",
    (SOFT, "."): "deferred",
    (HARD, "MAIL"): "deferred",
    (HARD, "RCPT"): "deferred",
    (HARD, "DATA"): "deferred",
    (HARD, "."): "deferred",
    (HANG_UP, "MAIL"): "deferred",
    (HANG_UP, "RCPT"): "deferred",
    (HANG_UP, "DATA"): "deferred",
    (HANG_UP, "."): "unknown",
    (HANG_UP, "CONNECT"): "held",
    (LEAVE, "CONNECT"): "held",
    (LEAVE, "EHLO"): "held",
    (LEAVE, "MAIL"): "held",
    (HARD, "CONNECT"): "held",
}
"""What becomes of a mail that meets the error; ``held``: not charged, all mail waits.

``500 5.3.0 Error: command failed`` is of the server, not of the mail, and so costs no mail.
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A site whose settings name a port that nothing listens on yet."""
    with fresh_database(SQLITE_WAL, tmp_path) as url, hosted(url, tmp_path) as site:
        site.configure(free_port(), send_attempts=50, batch_size=10_000)
        yield site


def port_of(host: Host) -> int:
    """The port that the settings name."""
    return host.site.load_settings().settings.port


def queue(host: Host, count: int) -> set[str]:
    """Queue mails; return their Message-IDs."""
    for number in range(count):
        host.send(subject=f"Mail {number}")
    return set(by_state(host)["queued"])


def by_state(host: Host) -> dict[str, list[str]]:
    """Return the Message-IDs by the state of the mail."""
    message = host.site.tables.message
    found: dict[str, list[str]] = {}
    for state, name in host.site.database.read(
        lambda c: c.execute(select(message.c.state, message.c.message_id)).all()
    ):
        found.setdefault(state, []).append(name)
    return found


def outcomes(host: Host) -> Counter[tuple[str, str]]:
    """Count the tries by Message-ID and outcome."""
    message, attempt = host.site.tables.message, host.site.tables.attempt
    query = select(message.c.message_id, attempt.c.outcome).join(
        attempt, attempt.c.message_id == message.c.id
    )
    return Counter(
        (name, outcome)
        for name, outcome in host.site.database.read(lambda c: c.execute(query).all())
    )


def let_all_try_again(host: Host) -> None:
    """Open the gate and make every deferred mail due, behind those that wait already."""
    message = host.site.tables.message
    now = datetime.now(UTC).replace(tzinfo=None)
    deferred = (message.c.state == "queued", message.c.available_at > now)
    host.site.outbox.open_gate()
    host.site.database.write(
        lambda c: c.execute(update(message).where(*deferred).values(available_at=now))
    )


def deliver(host: Host, flags: Sequence[str] = (), rounds: int = 200) -> list[str]:
    """Deliver into a sink; return the Message-IDs of what it was sent whole."""
    with SmtpSink(port_of(host), flags) as sink:
        host.rounds(rounds)
        return sink.message_ids()


@pytest.mark.parametrize("error", FATES, ids="".join)
def test_an_error_at_every_mail(host: Host, error: tuple[str, str]) -> None:
    """Each kind of error has its fate; once the server is well, every mail arrives once."""
    fate = FATES[error]
    queued = queue(host, 12)
    deliver(host, error)
    after = by_state(host)
    tries = outcomes(host)
    outage = host.site.status().gate
    let_all_try_again(host)
    accepted = deliver(host)

    assert {state: set(names) for state, names in after.items()} == {"queued": queued}
    if fate == "unknown":
        assert tries == {(name, fate): 1 for name in queued}
    else:
        charged = {name: count for (name, outcome), count in tries.items() if outcome == fate}
        assert {outcome for _, outcome in tries} <= {fate, "released"}
        assert set(charged.values()) <= {1}
        assert len(charged) in ((0,) if fate == "held" else (ALIKE - 1, ALIKE))
        assert outage is not None
    assert Counter(accepted) == Counter(queued)
    assert set(by_state(host)["sent"]) == queued


@pytest.mark.slow
def test_errors_of_all_kinds_while_a_queue_drains(host: Host) -> None:
    """Two hundred mails meet a server that fails in every way by turns: each has one right end."""
    queued = queue(host, 200)
    unknown: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for error, fate in FATES.items():
        taken = deliver(host, error, rounds=1)
        let_all_try_again(host)
        if fate == "unknown":
            unknown.update(taken)
            accepted.update(deliver(host, rounds=1))
    accepted.update(deliver(host))
    ends = by_state(host)
    tries = outcomes(host)

    assert set(ends) == {"sent"}
    assert Counter(ends["sent"]) == accepted
    assert queued == set(accepted)
    assert {name for name, outcome in tries if outcome == "unknown"} == set(unknown)
    assert all(count == 1 for (_, outcome), count in tries.items() if outcome == "sent")
