"""Administrators and senders at work on the same messages, on every database."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from plato_email.errors import Cause, RecipientRefusal
from plato_email.outbox import Act, Result, Slice, SteeringRefused
from plato_email.tables import State
from tests.support.catcher import Catcher
from tests.support.sites import Host

MAILS = 120
SECONDS = 15.0


def fail(host: Host, *ids: int) -> None:
    """Let messages have failed."""
    message, now = host.site.tables.message, host.site.clock.now()
    values = {"state": State.FAILED.value, "finished_at": now, "attempts": 5, "fault": "0" * 16}
    changed = update(message).where(message.c.id.in_(ids)).values(**values)
    host.site.database.write(lambda c: c.execute(changed))


def test_every_state_allows_what_it_should(host: Host) -> None:
    """What is being sent is never touched; everything else as it makes sense."""
    outbox, ids = host.site.outbox, [host.send() for _ in range(4)]
    outbox.claim(limit=1, batch=100, interval=30, send_attempts=5)
    fail(host, ids[2])
    left = outbox.steer(Act.CANCEL, [*ids, 999]).left
    assert dict(left) == {"sending": 1, "failed": 1, "gone": 1}
    states = [host.states()[id] for id in ids]
    assert states == ["claimed", "cancelled", "failed", "cancelled"]
    assert outbox.steer(Act.RESTORE, ids).done == (ids[1], ids[3])
    assert outbox.steer(Act.RETRY, ids).done == (ids[1], ids[2], ids[3])
    assert outbox.steer(Act.DELETE, ids).done == (ids[1], ids[2], ids[3])
    assert host.states() == {ids[0]: "claimed"}


def test_retry_brings_forward_and_never_puts_back(host: Host) -> None:
    """Due at once what was put off; what is due already keeps its place in the queue."""
    outbox, message = host.site.outbox, host.site.tables.message
    first, later = host.send(), host.send()
    now = host.site.clock.now()
    put_off = update(message).where(message.c.id == later)
    put_off = put_off.values(available_at=now + timedelta(hours=1), attempts=3)
    host.site.database.write(lambda c: c.execute(put_off))
    before = outbox.message(first)
    assert before is not None
    assert outbox.steer(Act.RETRY, [first, later]).done == (first, later)
    kept, brought = outbox.message(first), outbox.message(later)
    assert kept is not None
    assert brought is not None
    assert kept.available_at == before.available_at
    assert (brought.deferred, brought.attempts) == (False, 0)


def test_recipient_of_a_failed_message_is_exchanged_once(host: Host) -> None:
    """Only of a failed one, only one that is there, only one that does not have it."""
    outbox = host.site.outbox
    number = host.send(recipients=["a@example.com", "b@example.com"])
    with pytest.raises(SteeringRefused, match="queued by now"):
        outbox.readdress(number, "a@example.com", "c@example.com")
    fail(host, number)
    with pytest.raises(SteeringRefused, match="not a recipient"):
        outbox.readdress(number, "x@example.com", "c@example.com")
    outbox.readdress(number, "a@example.com", "c@example.com")
    row = outbox.message(number)
    assert row is not None
    assert (row.recipients, row.state) == (("c@example.com", "b@example.com"), "queued")
    with pytest.raises(SteeringRefused, match="queued by now"):
        outbox.readdress(number, "b@example.com", "d@example.com")


def in_doubt(host: Host, recipients: Sequence[str]) -> tuple[int, Slice]:
    """A message whose sender has begun it, and is then so slow that others take it for dead."""
    number, outbox = host.send(recipients=list(recipients)), host.site.outbox
    held = outbox.claim(limit=1, batch=100, interval=30, send_attempts=5)
    assert isinstance(held, Slice)
    assert outbox.advance(held, begin=held.messages).begun == {number}
    message, past = host.site.tables.message, host.site.clock.now() - timedelta(seconds=1)
    lapse = update(message).where(message.c.id == number).values(lease_until=past)
    host.site.database.write(lambda c: c.execute(lapse))
    outbox.claim(limit=1, batch=0, interval=30, send_attempts=5)
    assert host.states()[number] == "queued"
    return number, held


def ended(host: Host, held: Slice, state: State, outcome: str, **more: Any) -> Result:
    """How the slow sender's try ended."""
    at = host.site.clock.now()
    return Result(held.messages[0], state, outcome, at, 1, "accepted", 250, "", "OK", **more)


def test_late_success_of_a_cancelled_message_is_not_lost(host: Host) -> None:
    """It was sent, whatever was wanted of it meanwhile: the page tells the truth."""
    outbox = host.site.outbox
    for undone in (False, True):
        number, held = in_doubt(host, ["a@example.com"])
        assert outbox.steer(Act.CANCEL, [number]).done == (number,)
        if undone:
            assert outbox.steer(Act.RESTORE, [number]).done == (number,)
        assert not outbox.advance(held, done=[ended(host, held, State.SENT, "sent")]).lost
        assert host.states()[number] == "sent"
        assert outbox.content(number) is None
        assert "sent" in [each.outcome for each in outbox.attempts(number)]


def test_late_word_to_try_again_does_not_undo_a_cancellation(host: Host) -> None:
    """It stays cancelled; who has it already is known, and left out if it is brought back."""
    people, outbox = ("a@example.com", "b@example.com"), host.site.outbox
    number, held = in_doubt(host, people)
    outbox.steer(Act.CANCEL, [number])
    later = RecipientRefusal(452, "4.2.2", "full", Cause.MAILBOX_FULL)
    more = {"accepted": people[:1], "refused": {people[1]: later}}
    result = ended(host, held, State.QUEUED, "partly", **more)
    assert outbox.advance(held, done=[result]).lost == {number}
    assert host.states()[number] == "cancelled"
    outbox.steer(Act.RETRY, [number])
    again = outbox.claim(limit=1, batch=100, interval=30, send_attempts=5)
    assert isinstance(again, Slice)
    assert [each.recipients for each in again.messages] == [people[1:]]


def test_two_administrators_and_four_senders_lose_nothing(host: Host) -> None:
    """What was cancelled and left so is not sent; all else is sent once; every act counts."""
    with Catcher() as server:
        host.configure(server.port, batch_size=40, poll_interval=1)
        ids = [host.send(recipients=[f"to{n}@example.com"]) for n in range(MAILS)]
        acts, lock = Counter[tuple[Act, int]](), threading.Lock()
        until, troubles = time.monotonic() + SECONDS, list[BaseException]()

        rest = threading.Event()

        def steer(seed: int) -> None:
            chance = random.Random(seed)
            while _waiting(host) and time.monotonic() < until:
                act, some = chance.choice([Act.CANCEL, Act.RESTORE]), chance.sample(ids, 20)
                done = host.site.outbox.steer(act, some).done
                with lock:
                    acts.update((act, number) for number in done)

        def send(_: int) -> None:
            worker = host.site.make_worker()
            while _waiting(host) and time.monotonic() < until:
                rest.wait(min(worker.delivery.round(), 0.05))
            worker.delivery.hang_up()

        senders = [partial(send, n) for n in range(4)]
        _at_once(troubles, *senders, partial(steer, 1), partial(steer, 2))
        assert troubles == []
        came = Counter(mail.recipients[0] for mail in server.mails)
    states = host.states()
    assert set(came.values()) == {1}
    assert {ids[int(each[2:-12])] for each in came} == {id for id in ids if states[id] == "sent"}
    for id in ids:
        # Each cancellation that was said to be done was undone by one restoration, or holds.
        held = acts[Act.CANCEL, id] - acts[Act.RESTORE, id]
        assert held == (states[id] == "cancelled"), states[id]
    assert sum(acts.values()) > MAILS / 4


def _waiting(host: Host) -> bool:
    return not {"queued", "claimed", "sending"}.isdisjoint(host.states().values())


def _at_once(troubles: list[BaseException], *works: Callable[[], None]) -> None:
    """Run each in a thread of its own until all have ended; keep what went wrong."""

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test tells of it
            troubles.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 60)
        assert not thread.is_alive()
