"""A zoo of broken and odd servers on real sockets: each is told for what it is."""

from __future__ import annotations

import statistics
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from plato_email.diagnosis import RULES
from plato_email.errors import Stage
from plato_email.trial import Kind

from . import animals, apart, refusing
from .keeper import PASSWORD, PATIENCE, Animal, Meeting, authority, meet

ZOO: tuple[Animal, ...] = (
    *animals.REACHING,
    *animals.GREETING,
    *animals.TLS,
    *animals.LOGIN,
    *refusing.SENDERS,
    *refusing.REFUSALS,
)
APART = "needs a network of its own; met there where one can be had"
STUFFED = {
    "name-lookup-slow": APART,
    "name-lookup-failed": APART,
    "host-without-address": APART,
    "connection-forbidden": APART,
    "ipv6-broken": APART,
    "connection-failed": "is what remains when the system gives a reason that nobody foresaw",
    "login-unencrypted": APART,
    "content-not-ascii": "a test mail is plain ASCII",
    "content-malformed": "a test mail has the form that it should have",
}
"""What cannot be met on this machine's network, and why."""


@pytest.fixture(scope="module")
def meetings() -> dict[str, Meeting]:
    """A test mail to every animal, side by side."""
    authority()  # before the threads, which would make one each
    with ThreadPoolExecutor(12) as visitors:
        return {each.animal.name: each for each in visitors.map(meet, ZOO)}


@pytest.mark.parametrize("animal", ZOO, ids=lambda animal: animal.name)
def test_each_is_told_for_what_it_is(animal: Animal, meetings: dict[str, Meeting]) -> None:
    """The diagnosis is the animal's own, in the server's words and without the password."""
    met = meetings[animal.name]
    assert (met.code, met.outcome) == (animal.code, "failed"), met.why
    assert met.error is not None
    assert met.error.code is None or str(met.error.code) in met.why
    assert PASSWORD not in met.why + "\n".join(met.error.transcript)


@pytest.fixture(scope="module")
def checks(meetings: dict[str, Meeting]) -> dict[str, Meeting]:
    """The same, asked whether they would take a mail."""
    with ThreadPoolExecutor(12) as visitors:
        met = visitors.map(partial(meet, kind=Kind.CHECK), ZOO)
        return {each.animal.name: each for each in met}


@pytest.mark.parametrize("animal", ZOO, ids=lambda animal: animal.name)
def test_a_check_tells_the_same(
    animal: Animal, meetings: dict[str, Meeting], checks: dict[str, Meeting]
) -> None:
    """Without a mail the diagnosis is the same, if the fault shows before the message."""
    sent, checked = meetings[animal.name], checks[animal.name]
    assert sent.error is not None
    if sent.error.stage is Stage.ACCEPTED or animal.offers == ("SIZE 100",):
        assert checked.outcome == "checked"
    else:
        assert (checked.outcome, checked.code) == ("failed", sent.code), checked.why


def test_no_two_share_a_diagnosis_by_accident() -> None:
    """One animal each; a further one says what makes it different."""
    assert len(ZOO) >= 40
    assert len({animal.name for animal in ZOO}) == len(ZOO)
    first = Counter(animal.code for animal in ZOO if not animal.variant)
    assert [code for code, count in first.items() if count > 1] == []


def test_every_rule_is_reached() -> None:
    """No rule is there for nothing, and none is only stuffed that could be alive."""
    alive = {animal.code for animal in ZOO}
    assert alive | set(STUFFED) == {rule.code for rule in RULES}
    assert alive & set(STUFFED) == set()
    assert {animal.code for animal in apart.ANIMALS} >= {
        code for code, why in STUFFED.items() if why == APART
    }


def test_no_verdict_takes_longer_than_allowed(meetings: dict[str, Meeting]) -> None:
    """Whatever a server does, the test has ended by its deadline (and a moment to clean up)."""
    late = {
        name: met.seconds
        for name, met in meetings.items()
        if met.seconds > (met.animal.waits or PATIENCE) + 3
    }
    assert late == {}


def test_time_to_verdict(meetings: dict[str, Meeting]) -> None:
    """The table of times, for ``pytest -rP``; a silent server takes as long as it is given."""
    at_once = [met.seconds for met in meetings.values() if not met.animal.waits]
    print(f"\n{'server':48} {'ms':>6}  verdict")
    for name, met in meetings.items():
        print(f"{name:48} {met.seconds * 1000:6.0f}  {met.title}")
    print(f"\n{len(at_once)} of {len(meetings)} can be told at once: ", end="")
    print(f"median {statistics.median(at_once) * 1000:.0f} ms, most {max(at_once) * 1000:.0f} ms")
    assert len(at_once) > len(meetings) / 2
