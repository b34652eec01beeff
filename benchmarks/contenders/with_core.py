"""The floors of an enqueue: one bare INSERT of ready bytes, and building them in the stdlib."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from contender import Job, Work, play
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sample import READY, standard
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Engine,
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
    _make_tables(engine)

    def one(number: int) -> None:
        with engine.begin() as connection:
            connection.execute(statement, _row(number))

    for number in range(50):
        one(number)
    yield
    for number in range(job.count):
        one(number)
    return None


def enqueue_in_session(job: Job) -> Work:
    """The same in the session of a Flask site, which is where its own rows are written, too."""
    app, statement = Flask("bench", instance_path=job.folder), insert(OUTBOX)
    app.config["SQLALCHEMY_DATABASE_URI"] = job.database
    db = SQLAlchemy(app)

    def one(number: int) -> None:
        db.session.execute(statement, _row(number))
        db.session.commit()

    with app.app_context():
        _make_tables(db.engine)
        for number in range(50):
            one(number)
        yield
        for number in range(job.count):
            one(number)
        return None


def _make_tables(engine: Engine) -> None:
    if engine.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    OUTBOX.metadata.create_all(engine)


def _row(number: int) -> dict[str, object]:
    now = datetime.now(UTC).replace(tzinfo=None)
    return {
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


def build(job: Job) -> Work:
    """Build the bytes with ``EmailMessage(policy.SMTP)``."""
    yield
    for number in range(job.count):
        standard(number)
    return None


if __name__ == "__main__":
    play({"enqueue": enqueue, "enqueue_in_session": enqueue_in_session, "build": build})
