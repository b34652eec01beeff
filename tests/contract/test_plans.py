"""The planner uses the indexes that keep a claim flat."""

from __future__ import annotations

from sqlalchemy import MetaData, create_engine
from sqlalchemy.pool import StaticPool

from plato_email.outbox.statements import Statements
from plato_email.tables import join_metadata


def test_no_statement_of_a_claim_scans_the_messages_on_sqlite() -> None:
    """Reaping, looking and picking go by index: partial ones need their WHERE in the query."""
    engine, metadata = create_engine("sqlite://", poolclass=StaticPool), MetaData()
    statements = Statements(join_metadata(metadata))
    metadata.create_all(engine)
    with engine.connect() as connection:
        for statement in (*statements.lapsed.values(), statements.next_due, statements.pick):
            sql = str(statement.compile(engine))
            plan = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {sql}", ("2026-01-01",) * sql.count("?")
            )
            steps = [row[3] for row in plan if "plato_email_message" in row[3]]
            assert steps
            assert [step for step in steps if "USING" not in step] == []
    engine.dispose()
