"""The planner uses the indexes that keep a claim flat."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from plato_email.outbox.ready import Ready, Row
from plato_email.outbox.results import Results
from plato_email.outbox.statements import Statements
from plato_email.outbox.taking import Taking
from plato_email.outbox.writing import ATTEMPT, CONCLUSION
from tests.support.sites import Host

NOW = datetime(2026, 1, 1)  # noqa: DTZ001 - naive UTC, as every stored time
SENT = 2_000
VALUES: dict[str, Any] = {
    **dict.fromkeys((*CONCLUSION, *ATTEMPT)),
    "id": 7,
    "most": 50,
    "token": "token",
    "now": NOW,
    "begin": NOW,
    "until": NOW,
    "alone": 7,
    "begun": 1,
}
AT_ONCE: dict[str, Any] = {
    **{name: [value] for name, value in VALUES.items()},
    **{f"try_{name}": [None] for name in ATTEMPT},
    "ids": [7],
    "begin": [7],
    "drop": [7],
    "token": "token",
    "now": NOW,
    "until": NOW,
    "alone": 7,
}


@pytest.fixture
def years(host: Host) -> Host:
    """A site whose queue is short and whose past is long."""
    message = host.site.tables.message
    row = {"priority": 1, "sender": "a@x", "recipients": "[]", "subject": "", "size": 1}
    row |= {"attachments": 0, "sensitive": False, "created_at": NOW, "available_at": NOW}
    rows: list[dict[str, Any]] = [
        row | {"state": "sent", "message_id": f"<{n}>", "finished_at": NOW + timedelta(seconds=n)}
        for n in range(SENT)
    ]
    host.site.database.write(lambda c: c.execute(insert(message), rows))
    queued = [row | {"state": "queued", "message_id": f"<q{n}>"} for n in range(3)]
    host.site.database.write(lambda c: c.execute(insert(message), queued))
    with host.site.database.engine.connect() as connection:
        words = {"mysql": "ANALYZE TABLE"}.get(connection.dialect.name, "ANALYZE")
        connection.exec_driver_sql(f"{words} plato_email_message")
    return host


def plan(connection: Connection, ready: Ready, given: Row) -> Iterable[str]:
    """Return the planner's steps at the messages, each in the database's own words."""
    sql, values = ready.text(connection.dialect, given)
    name = connection.dialect.name
    words = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN (FORMAT JSON)"}
    found = connection.exec_driver_sql(f"{words.get(name, 'EXPLAIN FORMAT=JSON')} {sql}", values)
    if name == "sqlite":
        return [row[3] for row in found if "plato_email_message" in row[3]]
    told = found.scalar_one()
    steps = _steps(json.loads(told) if isinstance(told, str) else told)
    return [json.dumps(each) for each in steps if _is_of_messages(each)]


def _steps(tree: Any) -> Iterable[dict[str, Any]]:
    if isinstance(tree, dict):
        yield {name: value for name, value in tree.items() if not isinstance(value, dict | list)}
    for branch in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(branch, dict | list):
            yield from _steps(branch)


def _is_of_messages(step: dict[str, Any]) -> bool:
    name = "plato_email_message"
    looked_up = step.get("Relation Name") == name and str(step.get("Node Type")).endswith("Scan")
    return looked_up or step.get("table_name") == name


def is_by_index(step: str) -> bool:
    """Whether a step finds its rows by a key, which each database says in its own way."""
    return any(
        words in step
        for words in (
            *("SEARCH", "USING COVERING INDEX", "USING INDEX"),
            *('"Index Scan"', '"Index Only Scan"', '"Bitmap Heap Scan"'),
            *('"access_type": "range"', '"access_type": "ref"', '"access_type": "const"'),
            '"access_type": "eq_ref"',
        )
    )


def is_by_id(step: str) -> bool:
    """Whether a step goes by the primary key."""
    return any(words in step for words in ("INTEGER PRIMARY KEY", "_pkey", '"PRIMARY"'))


def scans(
    connection: Connection,
    readies: dict[str, Ready],
    good: Callable[[str], bool],
    given: Row = VALUES,
) -> list[tuple[str, str]]:
    """Return the steps that are not as they ought to be."""
    steps = {name: list(plan(connection, ready, given)) for name, ready in readies.items()}
    assert [name for name, found in steps.items() if not found] == []
    return [(name, step) for name, found in steps.items() for step in found if not good(step)]


def test_looking_and_reaping_go_by_index(years: Host) -> None:
    """What is due, the next that will be, and what dead senders held are found by a key."""
    statements, taking = Statements(years.site.tables), Taking(years.site.tables)
    lapsed = {f"lapsed {state}": Ready(query) for state, query in statements.lapsed.items()}
    readies = {"look": taking.look, "next due": Ready(statements.next_due), **lapsed}
    with years.site.database.engine.connect() as connection:
        assert scans(connection, readies, is_by_index) == []


def test_taking_and_recording_go_by_id(years: Host) -> None:
    """A message in hand is found by its id, however few there are in its state just now."""
    taking, results = Taking(years.site.tables), Results(years.site.tables)
    readies = {
        "claim": taking.claim,
        "begin": results.begin,
        "conclude": results.conclude,
        "renew": results.renew,
        "release": results.release,
    }
    with years.site.database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            readies = {"claim": taking.claim_at_once, "advance": results.advance}
            assert scans(connection, readies, is_by_id, AT_ONCE) == []
        else:
            assert scans(connection, readies, is_by_id) == []
