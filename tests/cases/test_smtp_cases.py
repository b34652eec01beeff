"""Every server of the review, told rightly by the page and the shell, and by what the queue does.

Each is met under its own host name and port; a test is named after its case.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from plato_email.errors import Stage, Verdict
from plato_email.outbox import MessageRow
from plato_email.smtp import Session
from plato_email.smtp.network import in_container
from plato_email.trial import conduct
from tests.corpus import FATES, Entry, replies
from tests.support.names import leads_to
from tests.support.sites import Host
from tests.web.conftest import Admin
from tests.web.html import Document
from tests.zoo.keeper import closed

from .servers import (
    CASES,
    GRAVEST,
    PASSWORD,
    RECIPIENT,
    REVIEWED,
    SILENCE,
    TEST_SECONDS,
    Case,
    entry,
    of_corpus,
    standing,
)


@pytest.fixture(params=CASES, ids=lambda case: case.id)
def case(
    request: pytest.FixtureRequest, host: Host, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Case]:
    """Each case in turn, while its server stands."""
    case: Case = request.param
    with ExitStack() as stack:
        stack.enter_context(standing(case))
        if case.silent:
            monkeypatch.setattr(conduct, "DEADLINE", TEST_SECONDS)
            defaults: Any = Session.open.__func__.__kwdefaults__  # type: ignore[attr-defined]
            monkeypatch.setitem(defaults, "deadline", SILENCE)
        if case.id == "port25-dropped":
            host.site.trials.usual_ports = (587,)
            stack.enter_context(leads_to(case.host, 587, stack.enter_context(closed())))
        if case.id == "docker-localhost":
            monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
            in_container.cache_clear()
            stack.callback(in_container.cache_clear)
        yield case


def marked(page: Document) -> set[str]:
    """The fields that are marked as wrong."""
    return {
        each.attributes.get("name", "")
        for each in page.elements
        if each.attributes.get("aria-invalid") == "true"
    }


def offered(page: Document) -> set[str]:
    """The changes that buttons of the page make, each as ``field=value``."""
    return {
        f"{name}={value}"
        for button in page.all("button", data_pe_offer="")
        for name, value in parse_qsl(button["value"], keep_blank_values=True)
    }


def test_page(case: Case, host: Host) -> None:
    """The test of the settings page: its cause, the mail's fate, and the field to look at."""
    page = Document(Admin(host).test(**case.typed).text)
    trial = page.one(id="pe-trial")
    assert trial["data-outcome"] == "failed"
    assert trial["data-cause"] == case.cause.value, trial.text
    assert trial["data-fate"] == case.verdict.value
    assert marked(page) == ({case.field} if case.field else set())
    assert [each for each in case.tells if each not in trial.text] == []
    assert offered(page) >= set(case.offers)
    assert offered(page) & set(case.withholds) == set()
    assert PASSWORD not in page.source


def test_shell(case: Case, host: Host) -> None:
    """``flask email test --json`` says the same, and ends with 1."""
    host.configure(case.port, **case.stored)
    runner = host.app.test_cli_runner()
    result = runner.invoke(args=["email", "test", RECIPIENT, "--json"])
    found = json.loads(result.stdout)
    assert (result.exit_code, found["outcome"]) == (1, "failed")
    assert (found["error"]["cause"], found["error"]["code"]) == (case.cause.value, case.code)
    assert found["error"]["verdict"] == found["diagnosis"]["fate"] == case.verdict.value
    assert (found["diagnosis"]["code"], found["diagnosis"]["field"]) == (
        case.cause.value,
        case.field,
    )
    assert PASSWORD not in result.output


def message(host: Host, number: int) -> MessageRow:
    """A message as it stands."""
    found = host.site.outbox.message(number)
    assert found is not None
    return found


EXPECTED = {
    "all mail waits": ("queued", 0),
    "deferred": ("deferred", 1),
    "failed": ("failed", 1),
}
"""State and attempts of a lone mail, by its fate."""


def test_queue(case: Case, host: Host) -> None:
    """A mail of the queue fares as the page says, and cause and server are kept with it.

    Only an outage keeps the next one, which the server would meet in the same way, from a try.
    """
    host.configure(case.port, **case.stored)
    number, following = (host.send(recipients=[RECIPIENT], sender=case.sender) for _ in range(2))
    host.rounds()

    row, gate = message(host, number), host.site.outbox.gate()
    assert (row.status, row.attempts) == EXPECTED[case.fate]
    assert (row.cause, row.server, row.code) == (case.cause.value, case.address, case.code)
    (attempt,) = host.site.outbox.attempts(number)
    assert (attempt.cause, attempt.server, attempt.code) == (
        case.cause.value,
        case.address,
        case.code,
    )
    if case.fate == "all mail waits":
        assert gate is not None
        assert (gate.verdict, gate.cause, gate.server) == (
            case.verdict.value,
            case.cause.value,
            case.address,
        )
        assert gate.failures == 1
        assert not host.site.outbox.attempts(following)
    else:
        assert gate is None
        assert len(host.site.outbox.attempts(following)) == 1

    page = Admin(host).open(f"/messages/{number}")
    (why,) = page.all("section", data_cause=case.cause.value)
    assert Verdict(why["data-fate"]) in FATES[case.fate]
    assert why["data-fate"] == case.verdict.value
    (tried,) = page.all("li", data_cause=case.cause.value)
    assert case.address in tried.text


SLOWED_DOWN = [
    each
    for each in replies()
    if each.stage in (Stage.SENDER, Stage.RECIPIENT, Stage.DATA)
    and each.cause.verdict(each.code) is Verdict.SERVER
    and each.code // 100 in (4, 5)
]
"""Replies to MAIL, RCPT and DATA that are the server's own, and no mail's."""


@pytest.mark.parametrize("reply", SLOWED_DOWN, ids=lambda reply: reply.id)
def test_reply_that_is_the_servers_own_charges_no_mail(host: Host, reply: Entry) -> None:
    """Told as such by the page, it makes all mail wait: the first time no attempt is counted."""
    case = of_corpus(reply)
    with standing(case):
        host.configure(case.port, **case.stored)
        number = host.send(recipients=[RECIPIENT], sender=case.sender)
        host.rounds()
    row, gate = message(host, number), host.site.outbox.gate()
    assert (row.status, row.attempts, row.cause) == ("queued", 0, case.cause.value)
    assert gate is not None
    assert (gate.verdict, gate.cause, gate.server) == ("server", case.cause.value, case.address)


def test_corpus_has_the_cases() -> None:
    """The corpus takes each reply for what its review takes it for."""
    for name, codes in REVIEWED.items():
        assert entry(name).cause.value in codes
    for name, code in GRAVEST.values():
        assert entry(name).cause.value == code


def test_speed_limit_costs_a_minute_and_no_hour(host: Host) -> None:
    """mt-per-second: mail is tried again within a minute, however often it was too fast."""
    case = next(each for each in CASES if each.id == "mt-per-second")
    with standing(case):
        host.configure(case.port, **case.stored)
        host.send()
        host.rounds()
    gate = host.site.outbox.gate()
    assert gate is not None
    assert (gate.retry_at - gate.failing_since).total_seconds() <= 60


def test_no_date_to_come_is_told_as_past(host: Host) -> None:
    """cert-old-chain: the certificate's own end is not told as the date of its expiry."""
    case = next(each for each in CASES if each.id == "cert-old-chain")
    with standing(case):
        page = Document(Admin(host).test(**case.typed).text)
    assert f"expired on {datetime.now(UTC):%Y}" not in page.one(id="pe-trial").text
