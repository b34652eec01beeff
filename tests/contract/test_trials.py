"""Trials on every database: stored whole, and counted exactly by however many begin at once."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from plato_email.diagnosis import Diagnosis
from plato_email.errors import Stage, TooManyTests
from plato_email.smtp import Security, Step
from plato_email.trial import Kind, State, Trial, TrialLog
from plato_email.trial.values import Offer

if TYPE_CHECKING:
    from tests.support.sites import Host

LIMIT = 6


def log_of(host: Host) -> TrialLog:
    return host.site.trials.log


def trial_of(host: Host, fingerprint: str = "f" * 64) -> Trial:
    return Trial(
        token=secrets.token_hex(16),
        kind=Kind.SEND,
        recipient="zoë@grove.example",
        begun_by="Zoë 🦉",
        started_at=log_of(host).now(),
        fingerprint=fingerprint,
        host="localhost",
        security=Security.STARTTLS,
        login=True,
        saved=False,
    )


def test_trial_is_stored_whole(host: Host) -> None:
    """A long dialogue in any letters comes back as it was."""
    log, begun = log_of(host), trial_of(host)
    log.begin(begun, LIMIT)
    assert log.find(begun.token) == begun
    over = replace(
        begun,
        state=State.DONE,
        outcome="failed",
        steps=(Step(Stage.CONNECT, True, 1.5, "::1"), Step(Stage.LOGIN, False, 2.0, "535 näh 🦉")),
        seconds=3.25,
        diagnosis=Diagnosis("code", "port", "Title", "Why.", ("Do this.", "Then that.")),
        offers=(Offer("Use this", "587 answers.", {"port": "587", "use_tls": "on"}),),
        transcript=tuple(f"S: 250 {'🦉' * 400}" for _ in range(400)),
    )
    log.store(over)
    assert log.find(begun.token) == over


def test_strange_tokens_find_nothing(host: Host) -> None:
    """Whatever stands in the address."""
    for token in ("", "x" * 32, "F" * 32, "0" * 31, "%", "' OR 1=1 --"):
        assert log_of(host).find(token) is None


def test_rate_is_exact_for_all_who_begin_at_once(host: Host) -> None:
    """Twenty at the same moment: as many as the limit says, the others learn when it goes on."""

    def begin(_: int) -> float | None:
        try:
            log_of(host).begin(trial_of(host), LIMIT)
        except TooManyTests as error:
            return error.seconds
        return None

    with ThreadPoolExecutor(20) as pool:
        waits = list(pool.map(begin, range(20)))
    assert waits.count(None) == LIMIT
    assert all(0 < wait <= 61 for wait in waits if wait is not None)


def test_latest_trial_of_settings_counts(host: Host) -> None:
    """A check gives way to a mail; other settings, and what is over an hour old, do not count."""
    log = log_of(host)
    mine, outcomes = "a" * 64, ("failed", "sent", "checked")
    for number, outcome in enumerate(outcomes):
        at = log.now() - timedelta(minutes=10 - number)
        log.begin(replace(trial_of(host, mine), started_at=at, outcome=outcome), 100)
    log.begin(replace(trial_of(host, "b" * 64), outcome="failed"), 100)
    found = host.site.database.read(lambda c: log.latest(c, [mine, "c" * 64]))
    assert found is not None
    assert found.outcome == "sent"
    assert host.site.database.read(lambda c: log.latest(c, ["c" * 64])) is None
    log.begin(
        replace(
            trial_of(host, "d" * 64), started_at=log.now() - timedelta(hours=2), outcome="sent"
        ),
        100,
    )
    assert host.site.database.read(lambda c: log.latest(c, ["d" * 64])) is None


def test_trial_without_an_end_is_lost(host: Host) -> None:
    """Its process is gone, and the page is told."""
    begun = replace(trial_of(host), started_at=log_of(host).now() - timedelta(minutes=1))
    log_of(host).begin(begun, LIMIT)
    found = log_of(host).find(begun.token)
    assert found is not None
    assert found.state is State.LOST


def test_refusal_says_when_it_goes_on(host: Host) -> None:
    """A minute after the one that has to be waited for."""
    first = trial_of(host)
    log_of(host).begin(first, 1)
    with pytest.raises(TooManyTests, match="No more than 1 a minute") as refused:
        log_of(host).begin(trial_of(host), 1)
    assert refused.value.at == first.started_at + timedelta(seconds=60)
