"""The site's own transactions: rolled back, long, or in the way of the senders."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Column, Integer, Table, insert, select

from plato_email import Attachment, message_queued
from tests.support.databases import KINDS, SQLITE, SQLITE_WAL
from tests.support.queue_facts import count_states, wait_for_states
from tests.support.scripted_server import Conversation, ScriptedServer
from tests.support.sink import Sink, by_message_id, queue
from tests.support.sites import Host

MAIL: dict[str, Any] = {"sender": "site@example.com", "body": "Hello.\n", "subject": "x"}
BLOCKED = 8.0
"""Seconds that the lock of an SQLite file is held: longer than a driver waits by itself."""


@contextmanager
def sending(host: Host) -> Iterator[None]:
    """The poller of a web process."""
    host.site.start()
    try:
        yield
    finally:
        assert host.site.poller.alive
        assert host.site.stop(20)


def test_case_12_what_is_rolled_back_never_was(host: Host, sink: Sink) -> None:
    """Rolled back whole or to a savepoint, mail leaves no row, no bytes, no event, no copy."""
    told: list[int] = []
    kept = Attachment("kept.txt", "text/plain", b"kept")
    gone = Attachment("gone.txt", "text/plain", b"gone" * 1000)

    def hear(_: object, message: Any) -> None:
        told.append(message.id)

    host.configure(sink.port, poll_interval=1)
    with sending(host), message_queued.connected_to(hear, host.app), host.app.app_context():
        host.plato.send(recipients="a@example.com", attachments=[gone], **MAIL)
        host.db.session.rollback()
        first = host.plato.send(recipients="b@example.com", attachments=[kept], **MAIL)
        savepoint = host.db.session.begin_nested()
        host.plato.send(recipients="c@example.com", attachments=[gone], **MAIL)
        savepoint.rollback()
        assert host.site.outbox.messages() == () or host.site.database.is_sqlite
        host.db.session.commit()
        sink.wait_for(1, timeout=30)
        wait_for_states(host, sent=1)
    assert [mail.recipients for mail in sink.mails] == [("b@example.com",)]
    assert told == [first.id]
    assert host.site.outbox.content_count() == 0


@pytest.mark.parametrize("url", KINDS[2:], indirect=True)
def test_case_13_long_transaction_delays_only_its_own_mail(host: Host, sink: Sink) -> None:
    """Mail queued in a transaction that stays open lets all other mail pass, and goes at its end.

    On SQLite a transaction that has written holds up every other writer; see case 10.
    """
    host.configure(sink.port, poll_interval=1)
    with sending(host), host.app.app_context():
        slow = host.plato.send(recipients="slow@example.com", priority="high", **MAIL)
        behind: list[str] = []
        other = threading.Thread(target=lambda: behind.extend(queue(host, 30)))
        other.start()
        other.join(30)
        sink.wait_for_all(behind, timeout=30)
        assert slow.message_id not in sink.copies()
        host.db.session.commit()
        sink.wait_for_all([slow.message_id], timeout=30)
    assert {len(each) for each in sink.copies().values()} == {1}


@pytest.mark.slow
@pytest.mark.parametrize("url", [SQLITE, SQLITE_WAL], indirect=True)
def test_case_10_locked_file_is_waited_for(host: Host) -> None:
    """Locked out between a mail's answer and its record, the sender waits; nothing goes twice."""
    locked, here = threading.Event(), [0]
    other = sqlite3.connect(str(host.site.database.engine.url.database), check_same_thread=False)

    def lock_and_accept(conversation: Conversation) -> None:
        if len(server.mails) == 3:
            other.execute("BEGIN IMMEDIATE")
            here[0] = len(server.mails)
            locked.set()
        conversation.send("250 2.0.0 Ok")

    with ScriptedServer({".": lock_and_accept}) as server:
        host.configure(server.port, poll_interval=1)
        ids = queue(host, 12)
        with sending(host):
            assert locked.wait(30)
            time.sleep(BLOCKED)
            # The other connection may have begun one whose bytes were still on their way.
            assert len(server.mails) <= here[0] + 1 < len(ids)
            other.rollback()
            wait_for_states(host, sent=12)
        copies = {i: len(each) for i, each in by_message_id(server.mails).items()}
    other.close()
    assert copies == dict.fromkeys(ids, 1)


@pytest.mark.parametrize("url", [SQLITE, SQLITE_WAL], indirect=True)
def test_case_10_site_meets_no_lock_of_ours(host: Host, sink: Sink) -> None:
    """A site that reads and then writes, 300 times beside a busy sender, never fails."""
    table = Table("counted", host.db.metadata, Column("number", Integer))
    with host.app.app_context():
        host.db.create_all()
    host.configure(sink.port, batch_size=10_000, poll_interval=1)
    queue(host, 150)
    with sending(host), host.app.app_context():
        for number in range(300):
            seen = host.db.session.scalars(select(table.c.number)).all()
            assert len(seen) == number
            host.db.session.execute(insert(table).values(number=number))
            host.db.session.commit()
        wait_for_states(host, sent=150)
    assert count_states(host) == {"sent": 150}
