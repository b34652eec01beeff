"""Claims that bring little: begun at once where one comes alone, one turn on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from plato_email import direct
from plato_email.errors import Cause, DeliveryError, Stage
from plato_email.outbox import Nothing, Outbox, Slice
from tests.support.claims import (
    age_leases,
    begun_with_its_claim,
    claim,
    held,
    replica,
    result,
    standing,
)
from tests.support.sites import Host


class TestBegunWithItsClaim:
    """A message that is taken alone, by a sender that a server waits for."""

    def test_alone_it_is_begun_with_its_claim(self, host: Host) -> None:
        """Where a server waits for it, a message taken alone is in doubt from the claim on."""
        number = host.send()
        slice_ = begun_with_its_claim(host)
        (message,) = slice_.messages
        assert (message.begun, message.attempts) == (True, 0)
        assert standing(host, number) == ("sending", 1)
        host.site.outbox.advance(slice_, done=[result(message)])
        assert standing(host, number) == ("sent", 1)

    def test_several_are_not_begun_with_their_claim(self, host: Host) -> None:
        """Of those that are taken together none is in doubt before its turn has come."""
        for _ in range(2):
            host.send()
        assert [each.begun for each in begun_with_its_claim(host).messages] == [False, False]
        assert set(host.states().values()) == {"claimed"}

    def test_begun_with_its_claim_and_begun_again_counts_once(self, host: Host) -> None:
        """Whether it is still ours can be asked by beginning it; another's it never becomes."""
        number = host.send()
        slice_ = begun_with_its_claim(host)
        assert host.site.outbox.advance(slice_, begin=slice_.messages).begun == {number}
        assert standing(host, number) == ("sending", 1)
        age_leases(host)
        assert host.site.outbox.advance(slice_, begin=slice_.messages).begun == frozenset()

    def test_begun_with_its_claim_and_given_back(self, host: Host) -> None:
        """What was begun so and never sent is free at once, uncharged, and not counted as taken."""
        number = host.send()
        slice_ = begun_with_its_claim(host, batch=1)
        host.site.outbox.release(slice_, slice_.messages)
        assert standing(host, number) == ("queued", 0)
        assert begun_with_its_claim(host, batch=1).messages[0].id == number

    def test_begun_on_the_way_is_not_given_back(self, host: Host) -> None:
        """A message that was begun by itself may have left: nobody gives that back."""
        number = host.send()
        slice_ = held(host)
        host.site.outbox.advance(slice_, begin=slice_.messages)
        host.site.outbox.release(slice_, slice_.messages)
        assert standing(host, number) == ("sending", 1)


class TestClaimOfLittle:
    """Claims that find less than they might take."""

    @pytest.fixture
    def emptied(self, host: Host) -> Host:
        """A site whose queue was looked at, and found empty."""
        assert claim(host) == Nothing(None, "empty")
        return host

    def test_high_first_then_the_oldest(self, emptied: Host) -> None:
        """The order is that of every claim."""
        low, high, normal = (emptied.send(priority=each) for each in ("low", "high", "normal"))
        second = emptied.send(priority="high")
        found = [each.id for each in held(emptied).messages]
        assert found == [high, second, normal, low]

    def test_no_more_than_is_wanted(self, emptied: Host) -> None:
        """What is more than a slice is left, and said to be there."""
        for _ in range(3):
            emptied.send()
        slice_ = held(emptied, limit=2)
        assert (len(slice_.messages), slice_.more) == (2, True)

    def test_no_more_than_the_rate_allows(self, emptied: Host) -> None:
        """Batch Size holds, over what was taken in one turn before."""
        for count in (2, 2):
            for _ in range(count):
                emptied.send()
            taken = held(emptied, batch=3)
        assert len(taken.messages) == 1
        assert claim(emptied, batch=3).__class__ is Nothing

    def test_what_is_late_is_not_sent(self, emptied: Host) -> None:
        """A message whose time is over expires, also where it is the only one."""
        number = emptied.send(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
        assert isinstance(claim(emptied), Nothing)
        assert emptied.states() == {number: "expired"}

    def test_all_wait_while_the_server_fails(self, emptied: Host) -> None:
        """A closed gate is a closed gate."""
        emptied.site.outbox.close_gate(
            DeliveryError(Stage.CONNECT, Cause.CONNECTION_TIMED_OUT, "no answer"), 60, 900
        )
        emptied.send()
        waiting = claim(emptied)
        assert isinstance(waiting, Nothing)
        assert waiting.reason == "failing"

    def test_what_waits_long_is_due_sooner_than_what_is_new(self, emptied: Host) -> None:
        """Sorted by when it was due, not by when it was queued."""
        new = emptied.send()
        old = emptied.send(send_at=datetime(2020, 1, 1, tzinfo=UTC))
        assert [each.id for each in held(emptied).messages] == [old, new]

    def test_many_at_once_keep_the_rate(self, host: Host) -> None:
        """Eight senders that claim at the same moment, again and again, take what is allowed."""
        senders = [replica(host) for _ in range(8)]
        how: dict[str, Any] = {"limit": 20, "batch": 12, "interval": 30.0, "send_attempts": 5}
        for each in senders:
            assert each.claim(**how) == Nothing(None, "empty")
        taken: list[int] = []
        for _ in range(3):
            for _ in range(5):
                host.send()
            together = Barrier(len(senders))

            def take(outbox: Outbox, start: Barrier = together) -> None:
                start.wait()
                found = outbox.claim(**how)
                while isinstance(found, Nothing) and found.reason == "busy":
                    found = outbox.claim(**how)
                taken.extend(each.id for each in getattr(found, "messages", ()))

            with ThreadPoolExecutor(len(senders)) as pool:
                list(pool.map(take, senders))
        assert len(taken) == len(set(taken)) == 12


class TestLostAnswers:
    """The commit of a claim took place, and its answer was lost on the way."""

    @pytest.fixture(params=[False, True], ids=["claimed", "begun"])
    def begin(self, request: pytest.FixtureRequest) -> bool:
        """Whether the message is begun with its claim."""
        return bool(request.param)

    def test_what_is_held_already_is_found_again(
        self, host: Host, begin: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The sender has its slice, and nothing waits for a lease to lapse."""
        number = host.send()
        lose_first_commit(monkeypatch)
        slice_ = host.site.outbox.claim(
            limit=20, batch=50, interval=30.0, send_attempts=1, begin=begin
        )
        assert isinstance(slice_, Slice)
        assert [(each.id, each.begun) for each in slice_.messages] == [(number, begin)]
        assert standing(host, number) == (("sending", 1) if begin else ("claimed", 0))
        assert set(slice_.contents) == {number}
        host.site.outbox.release(slice_, slice_.messages)
        assert standing(host, number) == ("queued", 0)

    def test_what_was_not_committed_is_claimed_anew(
        self, host: Host, begin: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the commit itself was lost, the second claim takes the message."""
        number = host.send()
        lose_first_commit(monkeypatch, before=True)
        slice_ = host.site.outbox.claim(
            limit=20, batch=50, interval=30.0, send_attempts=1, begin=begin
        )
        assert isinstance(slice_, Slice)
        assert [(each.id, each.begun) for each in slice_.messages] == [(number, begin)]


def lose_first_commit(patch: pytest.MonkeyPatch, *, before: bool = False) -> None:
    """Cut the line at the first COMMIT: before the server hears it, or before it answers."""
    run, lost = direct.execute, list[str]()

    def execute(connection: Connection, sql: str, *rest: Any, **more: Any) -> direct.Answer:
        cut = sql == "COMMIT" and not lost
        if cut:
            lost.append(sql)
        if not (cut and before):
            answer = run(connection, sql, *rest, **more)
        if cut:
            connection.invalidate()
            raise OperationalError(sql, None, Exception("lost"), connection_invalidated=True)
        return answer

    patch.setattr(direct, "execute", execute)
