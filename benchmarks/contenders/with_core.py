"""The floors of an enqueue: one bare INSERT of ready bytes, and building them in the stdlib."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from contender import Job, Work, play
from sample import READY, standard
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    create_engine,
    insert,
)

OUTBOX = Table(
    "outbox",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("state", String(10), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("available_at", DateTime, nullable=False),
    Column("message_id", String(255), nullable=False, unique=True),
    Column("sender", String(320), nullable=False),
    Column("recipients", Text, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
Index("ix_outbox_due", OUTBOX.c.state, OUTBOX.c.priority, OUTBOX.c.available_at, OUTBOX.c.id)


def enqueue(job: Job) -> Work:
    """Insert one row a transaction: SQLAlchemy Core, the statement built once."""
    engine, statement = create_engine(job.database), insert(OUTBOX)
    if engine.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    OUTBOX.metadata.create_all(engine)

    def one(number: int) -> None:
        now = datetime.now(UTC).replace(tzinfo=None)
        row = {
            "state": "queued",
            "priority": 1,
            "available_at": now,
            "message_id": f"<{secrets.token_hex(16)}@example.org>",
            "sender": "shop@example.org",
            "recipients": '["ann@example.com"]',
            "subject": f"Order {number}",
            "created_at": now,
            "data": READY,
        }
        with engine.begin() as connection:
            connection.execute(statement, row)

    for number in range(50):
        one(number)
    yield
    for number in range(job.count):
        one(number)
    return None


def build(job: Job) -> Work:
    """Build the bytes with ``EmailMessage(policy.SMTP)``."""
    yield
    for number in range(job.count):
        standard(number)
    return None


if __name__ == "__main__":
    play({"enqueue": enqueue, "build": build})
