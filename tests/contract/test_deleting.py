"""Deleted, brought back, gone for good, on every database."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from plato_email.encryption import Key
from plato_email.outbox import UNDO, Act, Result, Slice, read_search
from plato_email.tables import State
from tests.support.catcher import Catcher
from tests.support.sites import Host


def whole(host: Host) -> list[Any]:
    """Every row of the queue as it stands."""
    message = host.site.tables.message
    query = select(message).order_by(message.c.id)
    return list(host.site.database.read(lambda c: c.execute(query).all()))


def bring_back(host: Host, batch: str) -> tuple[list[int], dict[str, int]]:
    """Undo a deletion, step by step."""
    done, left, after = list[int](), dict[str, int](), 0
    while True:
        step = host.site.outbox.undelete(batch=batch, after=after)
        done += step.what.done
        left |= step.what.left
        if step.last is None:
            return done, left
        after = step.last


def age(host: Host, by: timedelta) -> None:
    """Let all that is deleted have been deleted earlier."""
    deleted, at = host.site.tables.deleted, host.site.clock.now() - by
    host.site.database.write(lambda c: c.execute(update(deleted).values(deleted_at=at)))


def test_deleted_mail_is_nowhere_and_comes_back_as_it_was(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no list, count, search or cause; brought back with its tries, bytes, times and state."""
    monkeypatch.setattr("plato_email.outbox.deleting.STEP", 2)
    outbox = host.site.outbox
    refusals = {"no@example.com": "550 5.1.1 no", "full@example.com": "452 4.2.2 full"}
    with Catcher(refusals=refusals) as server:
        host.configure(server.port)
        ids = [host.send(recipients=[f"{name}@example.com"]) for name in ("no", "full", "yes")]
        ids.append(host.send(recipients=["yes@example.com", "no@example.com"]))
        host.rounds()
    ids += [host.send(), host.send(idempotency_key="once")]
    outbox.steer(Act.CANCEL, ids[4:5])
    before, tries = whole(host), [outbox.attempts(id) for id in ids]
    assert outbox.steer(Act.DELETE, ids, batch="one").done == tuple(ids)
    for typed in ("", "status:failed", "status:deferred", "status:sent", "status:partial", "once"):
        assert outbox.page(read_search(typed)).messages == ()
    assert {count.number for count in outbox.counts().values()} == {0}
    assert (outbox.faults(), outbox.deferrals(), outbox.messages()) == ((), (), ())
    assert outbox.message(ids[0]) is None
    assert outbox.deleted_at(ids[0]) is not None
    assert host.rounds() > 0
    assert list(outbox.purge("deleted", UNDO)) == []
    assert bring_back(host, "one") == (ids, {})
    assert whole(host) == before
    assert [outbox.attempts(id) for id in ids] == tries
    assert outbox.deleted_at(ids[0]) is None


def test_after_its_time_nothing_comes_back(host: Host) -> None:
    """Neither before nor after the bytes are gone, which the upkeep sees to."""
    outbox, ids = host.site.outbox, [host.send() for _ in range(3)]
    outbox.steer(Act.DELETE, ids[:2], batch="old")
    age(host, UNDO)
    assert bring_back(host, "old") == ([], {"over": 2})
    assert outbox.deleted_at(ids[0]) is None
    assert outbox.purgeable_count("deleted", UNDO) == 2
    assert host.site.make_worker().tidy() == 2
    assert bring_back(host, "old") == ([], {})
    assert (outbox.content_count(), host.states()) == (1, {ids[2]: "queued"})


def test_one_comes_back_and_the_others_stay_deleted(host: Host) -> None:
    """By its number; and by an idempotency key that is new again, not at all."""
    outbox = host.site.outbox
    ids = [host.send(), host.send(), host.send(idempotency_key="once")]
    outbox.steer(Act.DELETE, ids, batch="three")
    assert outbox.undelete(id=ids[1]).what.done == (ids[1],)
    other = host.send(idempotency_key="once")
    assert other not in ids
    assert bring_back(host, "three") == ([ids[0]], {"taken": 1})
    assert host.states() == dict.fromkeys([*ids[:2], other], "queued")
    assert outbox.undelete(id=4711).last is None


def test_deleted_mail_is_not_sent_and_goes_when_it_is_back(host: Host) -> None:
    """Once, under its own Message-ID."""
    with Catcher() as server:
        host.configure(server.port)
        number = host.send()
        host.site.outbox.steer(Act.DELETE, [number], batch="b")
        host.rounds()
        assert server.mails == []
        bring_back(host, "b")
        host.rounds()
        host.rounds()
        assert len(server.wait_for(1)) == 1
    assert host.states() == {number: "sent"}


def deleted_in_doubt(host: Host) -> tuple[int, Slice, Result]:
    """Delete a message while nobody knows whether it was sent; return what its sender knows."""
    outbox, number = host.site.outbox, host.send()
    held = outbox.claim(limit=1, batch=100, interval=30, send_attempts=5)
    assert isinstance(held, Slice)
    assert outbox.steer(Act.DELETE, [number]).left == {"sending": 1}
    outbox.advance(held, begin=held.messages)
    message, at = host.site.tables.message, host.site.clock.now()
    lapse = update(message).values(lease_until=at - timedelta(seconds=1))
    host.site.database.write(lambda c: c.execute(lapse))
    outbox.claim(limit=1, batch=0, interval=30, send_attempts=5)
    assert outbox.steer(Act.DELETE, [number], batch="b").done == (number,)
    result = Result(held.messages[0], State.SENT, "sent", at, 1, "accepted", 250, "", "OK")
    return number, held, result


def test_success_of_a_slow_sender_is_known_when_its_mail_is_back(host: Host) -> None:
    """It was deleted while nobody knew whether it had been sent; it is not sent twice."""
    number, held, result = deleted_in_doubt(host)
    assert not host.site.outbox.advance(held, done=[result]).lost
    bring_back(host, "b")
    assert host.states() == {number: "sent"}
    assert host.site.outbox.content_count() == 0


def test_success_that_comes_while_an_undo_commits_is_known(host: Host) -> None:
    """Found all the same, while one table does not show the message yet, and the other no more."""
    outbox, lost = host.site.outbox, list[frozenset[int]]()
    number, held, result = deleted_in_doubt(host)
    undone, over = threading.Event(), threading.Event()
    which = host.site.tables.deleted.c.batch == "b"

    def undo(connection: Connection) -> None:
        outbox._undelete(connection, which, 0)
        undone.set()
        over.wait(10)

    with ThreadPoolExecutor(2) as pool:
        undoing = pool.submit(host.site.database.write, undo)
        assert undone.wait(10)
        telling = pool.submit(lambda: lost.append(outbox.advance(held, done=[result]).lost))
        # It waits for the row that the Undo holds, or for the whole file.
        with suppress(TimeoutError):
            telling.result(0.5)
        over.set()
        undoing.result()
        telling.result()
    assert lost == [frozenset()]
    assert host.states() == {number: "sent"}


def test_key_that_was_used_again_keeps_the_older_one_away(host: Host) -> None:
    """Also where the younger one was sent and deleted: it goes out once, whatever comes back."""
    older = host.send(idempotency_key="once")
    assert host.site.outbox.steer(Act.DELETE, [older], batch="a").done == (older,)
    younger = host.send(idempotency_key="once")
    with Catcher() as server:
        host.configure(server.port)
        host.rounds()
        assert host.site.outbox.steer(Act.DELETE, [younger], batch="b").done == (younger,)
        assert bring_back(host, "a") == ([], {"taken": 1})
        host.rounds()
        assert len(server.mails) == 1
    assert bring_back(host, "b") == ([younger], {})
    assert host.states() == {younger: "sent"}


def test_deleted_mail_follows_to_a_new_key(host: Host) -> None:
    """Or it could not be read when it is back."""
    outbox, number = host.site.outbox, host.send()
    outbox.steer(Act.DELETE, [number], batch="b")
    ring = host.site.key_ring().with_new(Key.generate())
    assert list(outbox.reencrypt(ring)) == [(1, 0)]
    bring_back(host, "b")
    assert set(outbox.content_keys()) == {ring.primary.id}


def test_deleting_and_undoing_beside_senders_loses_and_doubles_nothing(host: Host) -> None:
    """What is deleted before its turn is not sent; when all is back, all was sent once."""
    with Catcher() as server, ThreadPoolExecutor(5) as pool:
        host.configure(server.port, batch_size=20, poll_interval=1)
        ids = [host.send(recipients=[f"to{n}@example.com"]) for n in range(60)]
        rest, over, until = threading.Event(), threading.Event(), time.monotonic() + 30

        def send(_: int) -> None:
            worker = host.site.make_worker()
            while not over.is_set():
                rest.wait(min(worker.delivery.round(), 0.05))
            worker.delivery.hang_up()

        def steer() -> int:
            chance, deleted = random.Random(7), 0
            for turn in range(40):
                batch = f"batch{turn}"
                some = chance.sample(ids, 15)
                deleted += len(host.site.outbox.steer(Act.DELETE, some, batch=batch).done)
                rest.wait(0.01)
                bring_back(host, batch)
            return deleted

        senders = [pool.submit(send, n) for n in range(4)]
        try:
            assert pool.submit(steer).result() > 0
            while set(host.states().values()) != {"sent"} and time.monotonic() < until:
                rest.wait(0.05)
        finally:
            over.set()
        for each in senders:
            each.result()
        came = Counter(mail.recipients[0] for mail in server.mails)
    assert host.states() == dict.fromkeys(ids, "sent")
    assert (len(came), set(came.values())) == (60, {1})
    assert host.site.outbox.content_count() == 0
