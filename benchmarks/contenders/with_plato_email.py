"""plato_email, used as a site uses it: a Flask app, its database, a worker or the poller."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from contender import Job, Work, cpu_of_this, play
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sample import HTML, RECIPIENT, SENDER, TEXT, subject
from sqlalchemy import event, func, insert, literal, select, true

from plato_email import Message, PlatoEmail
from plato_email.message import compose
from plato_email.site import Site

MOST, SOONEST = 10_000, 1
"""Batch Size and Interval at the most that the settings allow: 10,000 mails a second."""


class Host:
    """A site that hands its mail to a sink."""

    def __init__(self, job: Job, **config: Any) -> None:
        self.app = Flask("bench", instance_path=job.folder)
        self.app.config.update(
            SECRET_KEY="benchmark",
            SQLALCHEMY_DATABASE_URI=job.database,
            PLATO_EMAIL_HOST="127.0.0.1",
            PLATO_EMAIL_PORT=job.port or 25,
            PLATO_EMAIL_DEFAULT_SENDER=SENDER,
            PLATO_EMAIL_BATCH_SIZE=MOST,
            PLATO_EMAIL_POLL_INTERVAL=SOONEST,
        )
        self.app.config.setdefault("PLATO_EMAIL_POLLER", False)
        self.app.config.update(job.options.get("config", {}), **config)
        self.db = SQLAlchemy(self.app)
        self.plato = PlatoEmail(self.app, self.db)

    @property
    def site(self) -> Site:
        """What plato_email holds for the app."""
        site: Site = self.app.extensions["plato_email"]
        return site

    def send(self, number: int) -> None:
        """Queue one mail; the caller commits."""
        self.plato.send(
            subject=subject(number), recipients=[RECIPIENT], body=TEXT, html=HTML, sender=SENDER
        )

    def left(self) -> int:
        """Count the mails that are not sent."""
        message = self.site.tables.message
        unsent = select(func.count()).where(message.c.state != "sent")
        with self.site.database.engine.connect() as connection:
            return int(connection.scalar(unsent) or 0)


@contextmanager
def hosted(job: Job, **config: Any) -> Iterator[Host]:
    """A site for as long as the block runs."""
    host = Host(job, **config)
    with host.app.app_context():
        yield host
        host.site.stop()


def fill(job: Job) -> Work:
    """Make the tables and queue mails."""
    yield
    with hosted(job) as host:
        make_tables(host)
        for number in range(job.count):
            host.send(number)
            if number % 500 == 499:
                host.db.session.commit()
        host.db.session.commit()
    return None


def drain(job: Job) -> Work:
    """Deliver until the queue is empty, in rounds as the poller does."""
    with hosted(job) as host:
        rounds = drained(host)
        yield
        for _ in rounds:
            pass
        return {"left": host.left()}


def drained(host: Host) -> Iterator[None]:
    """Work in rounds, as the poller does, until nothing is due."""
    worker = host.site.make_worker()
    while True:
        delay = worker.round()
        yield
        if delay > 0:
            if host.site.outbox.next_due() is None:
                break
            time.sleep(min(delay, 0.05))
    worker.finish()


def drain_together(job: Job) -> Work:
    """The same by several processes, forked from this one."""
    with hosted(job) as host:
        yield
        pipes = [_forked(job) for _ in range(job.options["processes"])]
        told = [tuple(map(float, os.fdopen(pipe).read().split())) for pipe in pipes]
        for _ in pipes:
            os.wait()
        claims, busy, seconds = (sum(column) for column in zip(*told, strict=True))
        return {"left": host.left(), "claims": claims, "busy": busy, "claiming": seconds}


def _forked(job: Job) -> int:
    """Drain in a child; return where it tells its claims, those in vain, and the time of them."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        return reading
    code = 1
    try:
        with hosted(job) as host:
            told = _count_claims(host.site.outbox)
            for _ in drained(host):
                pass
        os.write(writing, " ".join(map(str, told)).encode())
        code = 0
    finally:
        os._exit(code)


def _count_claims(outbox: Any) -> list[float]:
    told, claim = [0.0, 0.0, 0.0], outbox.claim

    def counted(**options: Any) -> Any:
        start = time.perf_counter()
        held = claim(**options)
        told[0] += 1
        told[1] += getattr(held, "reason", "") == "busy"
        told[2] += time.perf_counter() - start
        return held

    outbox.claim = counted
    return told


def enqueue(job: Job) -> Work:
    """Queue and commit mails one by one."""
    with hosted(job) as host:
        make_tables(host)
        for number in range(50):
            host.send(number)
            host.db.session.commit()
        yield
        for number in range(job.count):
            host.send(number)
            host.db.session.commit()
        return None


def build(job: Job) -> Work:
    """Only build the bytes, every check included."""
    yield
    for number in range(job.count):
        compose(Message(subject(number), [RECIPIENT], TEXT, HTML, sender=SENDER))
    return None


def latency(job: Job) -> Work:
    """Commit single mails; the poller thread of the same process sends them."""
    with hosted(job) as host:
        make_tables(host)
        host.site.start()
        host.send(-1)
        host.db.session.commit()
        time.sleep(1.0)
        yield
        committed = []
        for number in range(job.count):
            host.send(number)
            host.db.session.commit()
            committed.append(time.monotonic_ns())
            time.sleep(job.options["pause"])
        time.sleep(1.0)
        return {"committed": committed}


def claim(job: Job) -> Work:
    """Take 50 messages from a queue of ``count``, again and again."""
    with hosted(job) as host:
        make_tables(host)
        _queue_rows(host, job.count)
        outbox, times = host.site.outbox, []
        yield
        for turn in range(job.options["turns"] + 5):
            start = time.perf_counter()
            taken = outbox.claim(limit=50, batch=MOST, interval=SOONEST, send_attempts=5)
            if turn >= 5:
                times.append(time.perf_counter() - start)
            if len(getattr(taken, "messages", ())) != 50:
                raise SystemExit(f"the claim took {taken}")
        return {"times": times}


def idle(job: Job) -> Work:
    """Let the poller run with nothing to send, at the default interval."""
    with hosted(job, PLATO_EMAIL_POLL_INTERVAL=30) as host:
        make_tables(host)
        statements = [0]

        def count(*_: object) -> None:
            statements[0] += 1

        event.listen(host.site.database.engine, "before_cursor_execute", count)
        host.site.start()
        time.sleep(2)
        yield
        statements[0], before = 0, cpu_of_this()
        spent = time.thread_time()
        time.sleep(job.options["window"])
        own = time.thread_time() - spent
        return {"statements": statements[0], "used": cpu_of_this() - before - own}


def _queue_rows(host: Host, count: int) -> None:
    """Make rows by one statement. Their bodies would lie in another table, which no claim reads."""
    message, now = host.site.tables.message, datetime.now(UTC).replace(tzinfo=None)
    number = select(literal(1).label("n")).cte("number", recursive=True)
    number = number.union_all(select(number.c.n + 1).where(number.c.n < count))
    values = {
        "state": "queued",
        "priority": 1,
        "available_at": now - timedelta(hours=1),
        "sender": "shop@example.org",
        "recipients": '["ann@example.com"]',
        "subject": "Order",
        "size": 2000,
        "attachments": 0,
        "created_at": now,
    }
    columns = [literal(value, message.c[name].type) for name, value in values.items()]
    named = literal("<") + number.c.n.cast(message.c.message_id.type) + "@example.org>"
    rows = select(*columns, ~true(), named)
    with host.site.database.transaction() as connection:
        names = [*values, "sensitive", "message_id"]
        connection.execute(insert(message).from_select(names, rows))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"ANALYZE {message.name}")


def make_tables(host: Host) -> None:
    """Make the site's tables."""
    if host.db.engine.name == "sqlite":
        with host.db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    host.db.create_all()


if __name__ == "__main__":
    verbs = (fill, drain, drain_together, enqueue, build, latency, claim, idle)
    play({verb.__name__: verb for verb in verbs})
