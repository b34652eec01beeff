"""Lists, searches and counts say the same on every database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from plato_email.outbox import Place, read_search
from plato_email.outbox.fault import fault_of
from plato_email.tables import State
from tests.support.sites import Host

STATES = (State.QUEUED, State.SENT, State.FAILED, State.CANCELLED, State.SENDING, State.EXPIRED)


def add(host: Host, number: int, **columns: Any) -> None:
    """Put a message into the table as it is after a while."""
    now = host.site.clock.now()
    state = columns.get("state", State.QUEUED)
    finished = state not in (State.QUEUED, State.CLAIMED, State.SENDING)
    row: dict[str, Any] = {
        "id": number,
        "state": state.value,
        "priority": 1,
        "available_at": now - timedelta(minutes=5),
        "message_id": f"<m{number}@site.example>",
        "sender": "site@example.com",
        "recipients": '["to@example.com"]',
        "subject": f"No. {number}",
        "size": 100,
        "attachments": 0,
        "sensitive": False,
        "created_at": now - timedelta(minutes=5),
        "finished_at": now - timedelta(minutes=1) if finished else None,
        "lease_until": now + timedelta(minutes=1) if state is State.SENDING else None,
    }
    if columns.get("reply"):
        said = (columns["stage"], columns["code"], columns["enhanced"], columns["reply"])
        columns["fault"] = fault_of(*said)
    row |= columns | {"state": state.value}
    host.site.database.write(lambda c: c.execute(insert(host.site.tables.message), row))


def found(host: Host, typed: str, **how: Any) -> list[int]:
    """Return the ids of every page, forward; the same must come backward."""
    outbox, ids = host.site.outbox, []
    page = outbox.page(read_search(typed), limit=2, **how)
    ids += [each.id for each in page.messages]
    while page.older is not None:
        page = outbox.page(read_search(typed), limit=2, after=page.older, **how)
        ids += [each.id for each in page.messages]
    last = page
    back = [each.id for each in last.messages]
    while page.newer is not None:
        page = outbox.page(read_search(typed), limit=2, before=page.newer, **how)
        back = [each.id for each in page.messages] + back
    assert back == ids
    return ids


@pytest.fixture
def filled(host: Host) -> Host:
    """A site with one message of each kind."""
    now = host.site.clock.now()
    for number, state in enumerate(STATES, 1):
        add(host, number, state=state)
    failed = {"state": State.FAILED, "stage": "recipient", "code": 550, "enhanced": "5.7.1"}
    add(host, 7, **failed, reply="Blocked 17", recipients='["ann@acme.com", "bob@acme.com"]')
    add(host, 8, **failed, reply="Blocked 4711", finished_at=now, attempts=3)
    add(host, 9, available_at=now + timedelta(hours=1), priority=0, subject="50% off_now")
    add(host, 10, created_at=now - timedelta(days=3), subject='Grüße, "Ann"', attachments=2)
    add(host, 11, priority=2, sensitive=True, subject="secret code 123", sender="b@acme.com")
    return host


SEARCHES: tuple[tuple[str, list[int]], ...] = (
    ("", [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ("status:queued", [1, 10, 11]),
    ("status:deferred", [9]),
    ("status:sending", [5]),
    ("status:failed", [8, 7, 3]),
    ("status:sent", [2]),
    ("status:cancelled", [4]),
    ("status:expired", [6]),
    ("status:failed status:sent", []),
    ("-status:queued -status:failed", [9, 6, 5, 4, 2]),
    ("to:@ACME.com", [7]),
    ("to:bob@", [7]),
    ("from:@acme", [11]),
    ("subject:no.", [8, 7, 6, 5, 4, 3, 2, 1]),
    ("subject:%", [9]),
    ("subject:f_n", [9]),
    ('subject:"Grüße, "', [10]),
    ("-subject:no.", [11, 10, 9]),
    ("acme", [7]),
    ("secret", []),
    ("code:5.7", [8, 7]),
    ("code:5", [8, 7]),
    ("code:55", [8, 7]),
    ("code:550 -reply:4711", [7]),
    ("code:5.70", []),
    ("-code:5.7 status:failed", [3]),
    ("older:1d", [10]),
    ("newer:1d to:example", [11, 9, 8, 6, 5, 4, 3, 2, 1]),
    ("priority:high", [9]),
    ("attempts:>2", [8]),
    ("attempts:<=2 status:failed", [7, 3]),
    ("has:attachment", [10]),
    ("id:7", [7]),
    ("id:m7@site.example", [7]),
    ("id:7 status:sent", []),
    ("id:7 id:8", []),
    ("m7@site", [7]),
    (f"fault:{fault_of('recipient', 550, '5.7.1', 'Blocked 1')}", [8, 7]),
)


def test_search_finds_what_it_says(filled: Host) -> None:
    """Every key, its opposite, and pages both ways."""
    wrong = {typed: each for typed, ids in SEARCHES if (each := found(filled, typed)) != ids}
    assert wrong == {}


def test_waiting_messages_come_in_the_order_in_which_they_go(host: Host) -> None:
    """By priority, then by the time from which they may go; across pages both ways."""
    now = host.site.clock.now()
    for number in range(1, 10):
        add(host, number, priority=number % 3, available_at=now - timedelta(seconds=10 * number))
    assert found(host, "status:queued") == [9, 6, 3, 7, 4, 1, 8, 5, 2]


def test_counts_stop_at_their_limit(filled: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tab has its number, and beyond the limit says so."""
    counts = {name: str(count) for name, count in filled.site.outbox.counts().items()}
    assert counts == {
        "queued": "3",
        "deferred": "1",
        "sending": "1",
        "sent": "1",
        "partial": "0",
        "failed": "3",
        "cancelled": "1",
        "expired": "1",
    }
    monkeypatch.setattr("plato_email.outbox.browsing.COUNTED", 2)
    assert str(filled.site.outbox.counts()["failed"]) == "2+"


def test_failures_of_one_cause_stand_together(filled: Host) -> None:
    """Numbers in the reply do not tell causes apart; the latest failed one is the example."""
    (fault,) = filled.site.outbox.faults()
    assert (str(fault.count), fault.example.id) == ("2", 8)


def test_search_that_takes_too_long_stops_and_goes_on(host: Host) -> None:
    """Without patience a search ends after one window, says where, and finds all by going on."""
    host.site.database.write(
        lambda c: c.execute(
            insert(host.site.tables.message), [_many(host, number) for number in range(1, 2501)]
        )
    )
    page = host.site.outbox.page(read_search("needle"), patience=0.0)
    assert page.messages == ()
    assert page.reached is not None
    assert found(host, "needle", patience=0.0) == [1300, 3]
    assert [each.id for each in host.site.outbox.search(read_search("needle"), limit=9)] == [
        1300,
        3,
    ]


def test_search_of_many_words_looks_at_few_messages_at_first(host: Host) -> None:
    """A window costs as much as its rows times its words; nobody is kept waiting by words."""
    host.site.database.write(
        lambda c: c.execute(
            insert(host.site.tables.message), [_many(host, number) for number in range(1, 1201)]
        )
    )
    typed = " ".join(f"-no{number}" for number in range(9)) + " nowhere"
    one, ten = (host.site.outbox.page(read_search(q), patience=0.0) for q in ("nowhere", typed))
    assert one.older is not None
    assert ten.older is not None
    assert (one.older.id, ten.older.id) == (201, 1101)


def _many(host: Host, number: int) -> dict[str, Any]:
    now = host.site.clock.now()
    return {
        "id": number,
        "state": "queued",
        "priority": 1,
        "available_at": now,
        "created_at": now,
        "message_id": f"<{number}@x>",
        "sender": "a@x",
        "recipients": "[]",
        "size": 1,
        "subject": "needle" if number in (3, 1300) else "hay",
        "attachments": 0,
        "sensitive": False,
    }


def test_retried_message_belongs_to_no_fault(filled: Host) -> None:
    """What is queued again has failed of nothing."""
    outbox, message = filled.site.outbox, filled.site.tables.message
    content = filled.site.tables.content
    filled.site.database.write(
        lambda c: c.execute(insert(content), {"message_id": 7, "data": b"x"})
    )
    assert outbox.retry(7)
    assert [str(fault.count) for fault in outbox.faults()] == ["1"]
    filled.site.database.write(lambda c: c.execute(update(message).values(fault=None)))
    assert outbox.faults() == ()


def test_place_survives_its_address() -> None:
    """A place is written into a link and read back; nonsense is no place."""
    assert Place.read(str(Place(2, None, 7))) == Place(2, None, 7)
    for nonsense in ("", "x", "1.2", "1..x", "0.99999999999999999999.1"):
        assert Place.read(nonsense) is None
