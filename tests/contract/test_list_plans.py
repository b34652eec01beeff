"""Every list, count and group of errors follows an index, on every database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, event

from plato_email.outbox import Place, read_search
from tests.support.sites import Host

LISTS = (
    *("", "status:queued", "status:deferred", "status:sending", "status:sent", "status:failed"),
    *("status:cancelled", "status:partial", "status:partial newer:1d", "status:failed newer:1d"),
    *("id:7", "id:x@example.com", "newer:1d"),
    *("fault:0123456789abcdef", "status:deferred fault:0123456789abcdef"),
)


def test_no_page_of_a_list_and_no_count_scans_or_sorts(host: Host) -> None:
    """Each list follows an index in its order, from any place, on every database."""
    outbox, now = host.site.outbox, host.site.clock.now()
    statements: list[tuple[str, Any]] = []

    def heard(_c: object, _cu: object, sql: str, values: object, *_: object) -> None:
        if sql.startswith("SELECT") and ("plato_email_message" in sql or "_deleted" in sql):
            statements.append((sql, values))

    event.listen(host.site.database.engine, "before_cursor_execute", heard)
    for typed in LISTS:
        outbox.page(read_search(typed), after=Place(0, now, 5))
    outbox.counts()
    outbox.faults()
    outbox.deferrals()
    outbox.undelete(batch="b", after=5)
    outbox.undelete(id=5)
    list(outbox.purge("deleted", timedelta(hours=1)))
    event.remove(host.site.database.engine, "before_cursor_execute", heard)
    assert len(statements) > len(LISTS)
    with host.site.database.engine.connect() as connection:
        wrong = [sql for sql, values in statements if _is_dear(connection, sql, values)]
    assert wrong == []


def _is_dear(connection: Connection, sql: str, values: Any) -> bool:
    """Whether the database would read a whole table, or sort more than a page."""
    match connection.dialect.name:
        case "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            steps = [row[3] for row in plan if "plato_email_" in row[3]]
            return any("SCAN" in step and "USING" not in step for step in steps)
        case "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
            connection.exec_driver_sql("SET enable_bitmapscan = off")
            lines = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {sql}", values)]
            return any("Seq Scan on plato_email_" in line for line in lines)
        case _:
            rows = connection.exec_driver_sql(f"EXPLAIN {sql}", values).mappings().all()
            return any(
                row["type"] == "ALL" and "plato_email" in (row["table"] or "") for row in rows
            )
