"""The ledger: entries of several threads, written together, each told once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, cast

import pytest

from plato_email.delivery.ledger import Ledger
from plato_email.outbox import Advanced, Claimed, Outbox, Result, Slice
from tests.support.waiting import until

NOW = datetime(2026, 1, 1)  # noqa: DTZ001 - naive UTC, as every stored time
HELD = Slice("token", 1, (), probe=False)


def message(number: int) -> Claimed:
    return Claimed(number, f"<{number}@example.com>", "a@x", ("b@x",), "Hi", 1, 0, 9, NOW)


class Book:
    """Where a ledger writes: notes each commit, and waits in the first until it is let go."""

    def __init__(self) -> None:
        self.commits: list[list[int]] = []
        self.go = threading.Event()
        self.fails: Exception | None = None

    def advance(self, _: Slice, *, done: Sequence[Result], begin: Sequence[Claimed]) -> Advanced:
        ids = [each.id for each in begin]
        self.commits.append(ids)
        assert self.go.wait(10)
        if self.fails is not None:
            raise self.fails
        return Advanced(frozenset(ids), frozenset())


@pytest.fixture
def book() -> Book:
    """A book that nobody has written in."""
    return Book()


@pytest.fixture
def ledger(book: Book) -> Ledger:
    """A ledger on that book."""
    return Ledger(cast(Outbox, book), HELD)


def waiting(ledger: Ledger) -> int:
    return len(cast(Any, ledger)._entries)


def test_what_comes_during_a_commit_shares_the_next(book: Book, ledger: Ledger) -> None:
    """One commit runs; the three that come meanwhile are one commit more."""
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ledger.post, (), message(0))
        until(lambda: book.commits == [[0]], 10)
        others = [pool.submit(ledger.post, (), message(n)) for n in (1, 2, 3)]
        until(lambda: waiting(ledger) == 3, 10)
        book.go.set()
        assert first.result(10).begun == {0}
        assert {each.result(10).begun for each in others} == {frozenset({1, 2, 3})}
    assert [len(commit) for commit in book.commits] == [1, 3]


def test_an_error_is_told_to_all_who_shared_the_commit(book: Book, ledger: Ledger) -> None:
    """Nobody waits for ever, and nobody takes a failed commit for a good one."""
    book.fails = RuntimeError("the disk is full")
    with ThreadPoolExecutor(3) as pool:
        posts = [pool.submit(ledger.post, (), message(n)) for n in range(3)]
        until(lambda: len(book.commits) == 1 and waiting(ledger) == 2, 10)
        book.go.set()
        for each in posts:
            with pytest.raises(RuntimeError, match="disk"):
                each.result(10)


def test_many_threads_are_each_told_of_their_own(book: Book, ledger: Ledger) -> None:
    """Eight couriers, two hundred mails each: every mail is begun in exactly one commit."""
    book.go.set()

    def courier(first: int) -> None:
        with ledger.shared():
            for number in range(first, first + 200):
                assert number in ledger.post((), message(number)).begun

    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(courier, 200 * n) for n in range(8)]:
            each.result(60)
    assert sorted(n for commit in book.commits for n in commit) == list(range(1600))
