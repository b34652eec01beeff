"""One mail never stops all mail, a limit of the account costs no mail, and an outage is outlived.

The four gravest cases of the review, and the breaker that tells a bad server from bad mails. Time
passes on the database's clock, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import URL

from plato_email.errors import Cause
from plato_email.worker import Worker
from tests.support.databases import SQLITE, fresh_database
from tests.support.hours import Hours
from tests.support.queue_facts import count_states, rows
from tests.support.scripted_server import Conversation, Script, ScriptedServer, drop, last
from tests.support.sink import by_message_id, queue
from tests.support.sites import Host, hosted

from .conftest import EVERYWHERE
from .servers import Case, entry, lines, of_corpus, served, set_up, standing, to_each

HOUR = 3600.0
DAY = 24 * HOUR
CHARGED_AT_MOST = 10
"""Mails that a server which refuses every mail may cost an attempt."""

everywhere = pytest.mark.parametrize("url", EVERYWHERE, indirect=True)
few_and_many = pytest.mark.parametrize("connections", [1, 4])


Workers = Callable[[], Worker]


@pytest.fixture
def workers(host: Host) -> Iterator[Workers]:
    """Make senders that have hung up afterwards."""
    made: list[Worker] = []

    def make() -> Worker:
        made.append(host.site.make_worker())
        return made[-1]

    yield make
    for worker in made:
        worker.delivery.finish()


def status(host: Host, number: int) -> str:
    """How the search names the state of a message."""
    found = host.site.outbox.message(number)
    assert found is not None
    return found.status


def charged(host: Host) -> int:
    """How many mails have paid at least one attempt and did not go."""
    return sum(row.attempts > 0 and row.state != "sent" for row in rows(host).values())


def tries(server: ScriptedServer) -> int:
    """How many mails were begun with this server."""
    return sum(line.startswith("MAIL") for line in server.commands)


def heal(server: ScriptedServer) -> None:
    """Let the server take everything from now on."""
    well = {"greeting": "220 well", "MAIL": "250 Ok", "RCPT": "250 Ok", "DATA": "354 Go on"}
    server.script.update({**well, ".": "250 2.0.0 Ok", "AUTH": "235 2.7.0 Ok"})


def pass_time(host: Host, hours: Hours, *workers: Worker, until: float) -> None:
    """Let senders work in turn, from one moment at which there is something to do to the next.

    Unlike `Hours.run` it does not look twice a minute meanwhile, so that weeks pass at once.
    """
    outbox, clock = host.site.outbox, host.site.clock
    for _ in range(3000):
        if min(worker.delivery.round() for worker in workers) <= 0:
            continue
        gate, due = outbox.gate(), outbox.next_due()
        if due is None:
            break
        closed = (gate.retry_at - clock.now()).total_seconds() if gate else 0.0
        wait = max(due, closed) + 0.01
        if hours.passed + wait > until:
            break
        hours.passed += wait
    else:
        raise AssertionError("the senders never come to rest")
    hours.passed = until
    for worker in workers:
        worker.delivery.hang_up()


def steps_of_the_pause(first: float, longest: float, seconds: float) -> int:
    """How many tries fit into a time when each pause is twice the one before."""
    count, at, pause = 0, 0.0, first
    while at <= seconds:
        count, at, pause = count + 1, at + pause, min(pause * 2, longest)
    return count


ONE_MAILS = {
    "gravest-1-552-quota": "552 Quota exceeded",
    "gravest-1-552-mailbox": "552 Mailbox quota exceeded for this user",
    "gravest-1-550-user-quota": "550 ann: user quota exceeded",
    "gravest-1-552-over-quota": "552 5.7.1 The recipient is over quota",
    "gravest-1-550-rate": "550 Rate limit exceeded for user ann",
    "gravest-1-450-rate": "450 4.7.0 Too many messages to this recipient, limit exceeded",
    "gravest-1-554-hops": "554 too many hops, message limit 30 exceeded",
    "gravest-1-550-spam-score": "550 spam score limit exceeded",
    "gravest-1-550-line-length": "550 Message line length limit exceeded",
    "gravest-1-552-storage": "552 5.7.0 Requested mail action aborted: exceeded storage allocation",
    "gravest-1-452-quota": "452 Quota exceeded, try later",
    "gravest-1-554-limit": "554 5.7.1 Limit exceeded",
}
"""What a server says of one mail, without a word on whose limit it is."""


def for_bad(said: str, well: str = "250 Ok") -> Callable[[Conversation], None]:
    """Answer so for bad@customer.example alone."""
    return to_each(lambda who: said if who == "bad@customer.example" else well)


@pytest.mark.parametrize("stage", ["RCPT", "."])
@pytest.mark.parametrize("said", ONE_MAILS.values(), ids=ONE_MAILS)
def test_one_mail_of_several_stops_no_other(host: Host, said: str, stage: str) -> None:
    """It is refused, or put off and charged; all others go in the same run, without an outage."""
    with served({stage: for_bad(said)}) as server:
        set_up(host)
        good = [host.send() for _ in range(6)]
        bad = host.send(recipients=["bad@customer.example"])
        good += [host.send() for _ in range(6)]
        host.rounds()
        assert host.site.outbox.gate() is None
        assert {status(host, number) for number in good} == {"sent"}
        assert status(host, bad) in ("failed", "deferred")
        assert tries(server) == 13


@pytest.mark.parametrize("said", ONE_MAILS.values(), ids=ONE_MAILS)
def test_first_mail_stops_no_other(host: Host, said: str) -> None:
    """Nor does it at RCPT before the server has taken anything."""
    with served({"RCPT": for_bad(said)}):
        set_up(host)
        bad = host.send(recipients=["bad@customer.example"])
        good = [host.send() for _ in range(3)]
        host.rounds()
    assert host.site.outbox.gate() is None
    assert {status(host, number) for number in good} == {"sent"}
    assert status(host, bad) in ("failed", "deferred")


@pytest.mark.parametrize("said", ONE_MAILS.values(), ids=ONE_MAILS)
def test_lone_mail_leaves_the_queue_open(
    host: Host, workers: Workers, hours: Hours, said: str
) -> None:
    """Refused at RCPT as the only mail, it comes to an end, and the next one goes at once."""
    with served({"RCPT": for_bad(said)}, offers=["PIPELINING"]):
        set_up(host, send_attempts=3)
        bad = host.send(recipients=["bad@customer.example"])
        host.rounds()
        assert host.site.outbox.gate() is None
        good = host.send()
        host.rounds()
        assert status(host, good) == "sent"
        pass_time(host, hours, workers(), until=2 * DAY)
        assert status(host, bad) == "failed"


ACCOUNTS = {
    "gravest-4-cpanel-hour": "cpanel-hour",
    "gravest-4-submission-quota": "ms-submission-quota",
    "gravest-4-sending-paused": "ses-paused",
    "gravest-4-smtp-auth-required": "smtp-auth-required",
    "gravest-4-unusual-activity": "zoho-unusual",
    "gravest-4-5.1.90": "ms-5.1.90",
    "gravest-4-24h": "gd-24h",
    "gravest-4-credits": "sg-credits",
    "gravest-4-limits": "sg-limits",
    "gravest-4-per-second": "mt-per-second",
    "gravest-4-too-much-mail": "pf-too-much-mail",
    "gravest-4-policy-quota": "gomail-174",
    "gravest-4-iam": "ses-iam",
}


def account(name: str) -> Case:
    """The case of an account that may not send, without the login that is nothing to it here."""
    found = entry(name)
    login = found.username if found.stage == "login" else ""
    return of_corpus(found, username=login, port=587)


@pytest.mark.parametrize(
    ("url", "name"),
    [pytest.param("sqlite", name, id=each) for each, name in ACCOUNTS.items()]
    + [
        pytest.param(kind.values[0], "cpanel-hour", marks=kind.marks, id=f"{kind.values[0]}-cpanel")
        for kind in EVERYWHERE[1:]
    ],
    indirect=["url"],
)
def test_limit_of_the_account_costs_no_mail(
    host: Host, workers: Workers, hours: Hours, name: str
) -> None:
    """gravest-4: of 20 mails none fails in a day; later each goes exactly once."""
    case = account(name)
    with standing(case) as server:
        assert server is not None
        host.configure(case.port, **{"batch_size": 1000, **case.stored})
        ids = queue(host, 20, sender=case.sender)
        two = [workers() for _ in range(2)]
        pass_time(host, hours, *two, until=HOUR / 2)
        assert count_states(host) == {"queued": 20}
        assert {row.attempts for row in rows(host).values()} == {0}
        assert tries(server) <= steps_of_the_pause(1, 900, HOUR / 2)
        gate = host.site.outbox.gate()
        assert gate is not None
        assert (gate.cause, gate.server) == (case.cause.value, case.address)
        pass_time(host, hours, *two, until=DAY)
        assert count_states(host) == {"queued": 20}
        heard = len(server.mails)
        heal(server)
        pass_time(host, hours, *two, until=2 * DAY)
        taken = by_message_id(server.mails[heard:])
    assert {i: len(each) for i, each in taken.items()} == dict.fromkeys(ids, 1)
    assert count_states(host) == {"sent": 20}
    assert host.site.outbox.gate() is None


@pytest.mark.parametrize(
    "name", ["cpanel-hour", "ms-submission-quota", "ses-paused", "pf-too-much-mail"]
)
def test_limit_never_fails_a_lone_mail(
    host: Host, workers: Workers, hours: Hours, name: str
) -> None:
    """However often a lone mail probes, its attempts are never used up."""
    case = account(name)
    with standing(case) as server:
        assert server is not None
        host.configure(case.port, **{"send_attempts": 3, **case.stored})
        number = host.send(sender=case.sender)
        pass_time(host, hours, workers(), until=4 * DAY)
        assert status(host, number) in ("queued", "deferred")
        assert tries(server) > 10
        heal(server)
        pass_time(host, hours, workers(), until=6 * DAY)
    assert status(host, number) == "sent"


@pytest.mark.parametrize("name", ["cpanel-hour", "ms-submission-quota", "smtp-auth-required"])
def test_saving_the_settings_costs_no_mail(
    host: Host, workers: Workers, hours: Hours, name: str
) -> None:
    """The outage is taken for over when settings are saved: that blames no mail that met it."""
    case = account(name)
    with standing(case) as server:
        assert server is not None
        for attempts in (2, 3):
            host.configure(case.port, **{"send_attempts": attempts, **case.stored})
            if attempts == 2:
                ids = [host.send(sender=case.sender) for _ in range(2)]
            pass_time(host, hours, workers(), until=hours.passed + 4 * HOUR)
        pass_time(host, hours, workers(), until=hours.passed + 3 * DAY)
        assert {status(host, number) for number in ids} <= {"queued", "deferred"}
        assert host.site.outbox.gate() is not None
        heal(server)
        pass_time(host, hours, workers(), until=hours.passed + 2 * DAY)
    assert {status(host, number) for number in ids} == {"sent"}


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("name", ["cpanel-hour", "gomail-174", "smtp-auth-required"])
def test_limit_costs_no_recipient(
    host: Host, workers: Workers, hours: Hours, name: str, attempts: int
) -> None:
    """Reached between two recipients of one mail, the second gets it once the limit is renewed."""
    said = lines(entry(name).said)
    with served({"RCPT": for_bad(said)}) as server:
        set_up(host, send_attempts=attempts)
        both = ["good@customer.example", "bad@customer.example"]
        number = host.send(recipients=both)
        pass_time(host, hours, workers(), until=DAY)
        assert status(host, number) in ("queued", "deferred")
        heal(server)
        pass_time(host, hours, workers(), until=3 * DAY)
        assert status(host, number) == "sent"
        outcomes = {each.address: each.outcome for each in host.site.outbox.outcomes(number)}
        assert outcomes == dict.fromkeys(both, "accepted")


ALIKE: dict[str, Script] = {
    "451-at-the-dot": {".": "451 4.3.0 Temporary failure"},
    "554-at-RCPT": {"RCPT": "554 5.7.1 no"},
    "554-at-DATA": {"DATA": "554 5.7.1 no"},
    "554-at-the-dot": {".": "554 5.7.1 no"},
    "drop-at-MAIL": {"MAIL": drop},
    "drop-at-DATA": {"DATA": drop},
}
"""Servers that refuse every mail alike, for no reason that is a mail's."""


@few_and_many
@pytest.mark.parametrize("script", ALIKE.values(), ids=ALIKE)
def test_server_that_refuses_every_mail(
    host: Host, workers: Workers, hours: Hours, script: Script, connections: int
) -> None:
    """breaker: ten mails pay at most, then all wait; a probe a pause, and it all flows again."""
    with served(script) as server:
        set_up(host)
        ids = queue(host, 40)
        worker = workers()
        worker.delivery.round()
        gate = host.site.outbox.gate()
        assert gate is not None
        assert gate.verdict == "server"
        assert gate.server == "mail.shop.example:587"
        assert charged(host) <= CHARGED_AT_MOST
        begun, lost = tries(server), count_states(host)["failed"]
        assert lost <= CHARGED_AT_MOST
        pass_time(host, hours, worker, until=DAY)
        # A probe may be dropped and tried over a second connection: that is one probe.
        probes = steps_of_the_pause(1, 900, DAY)
        assert tries(server) - begun <= probes + 1
        assert count_states(host) == {"queued": 40 - lost, **({"failed": lost} if lost else {})}
        refused = len(server.mails)
        heal(server)
        pass_time(host, hours, worker, until=3 * DAY)
        taken = by_message_id(server.mails[refused:])
    assert count_states(host) == {"sent": 40 - lost, **({"failed": lost} if lost else {})}
    assert len(taken) == 40 - lost
    assert {len(each) for each in taken.values()} == {1}
    assert taken.keys() <= set(ids)
    assert host.site.outbox.gate() is None


@everywhere
@pytest.mark.parametrize("script", [ALIKE["451-at-the-dot"], ALIKE["554-at-RCPT"]], ids=["4", "5"])
def test_breaker_on_every_database(
    host: Host, workers: Workers, hours: Hours, script: Script
) -> None:
    """Where the outage is kept it can be read by all, with cause and server; then all mail goes."""
    with served(script) as server:
        set_up(host)
        queue(host, 15)
        worker = workers()
        pass_time(host, hours, worker, until=HOUR)
        lost = count_states(host)["failed"]
        assert lost <= CHARGED_AT_MOST
        gate = host.site.outbox.gate()
        assert gate is not None
        assert (gate.verdict, gate.server) == ("server", "mail.shop.example:587")
        assert Cause.read(gate.cause) is not None
        heal(server)
        pass_time(host, hours, worker, until=2 * DAY)
    assert count_states(host)["sent"] == 15 - lost


NOBODYS = {
    "dead-addresses": {"RCPT": "550 5.1.1 <ann@customer.example>: User unknown"},
    "full-mailboxes": {"RCPT": "552 5.2.2 Mailbox full"},
    "greylisting": {"RCPT": "450 4.7.1 Greylisted, see you in 300 seconds"},
    "spam": {".": "550 5.7.1 Message rejected as spam"},
    "too-large": {".": "552 5.3.4 Message size exceeds fixed limit"},
}
"""What speaks of one recipient or one content."""


@few_and_many
@pytest.mark.parametrize("script", NOBODYS.values(), ids=NOBODYS)
def test_many_bad_mails_are_no_outage(host: Host, script: Script, connections: int) -> None:
    """breaker: thirty in a row close nothing, and each has its own end."""
    with served(script) as server:
        set_up(host)
        ids = [host.send() for _ in range(30)]
        host.rounds()
        assert host.site.outbox.gate() is None
        assert {status(host, each) for each in ids} <= {"failed", "deferred"}
        assert charged(host) == 30
        heal(server)
        good = host.send()
        host.rounds()
        assert status(host, good) == "sent"


@pytest.mark.parametrize(("connections", "run"), [(1, 9), (4, 3)])
def test_success_in_between_resets(host: Host, connections: int, run: int) -> None:
    """breaker: some mails refused, one taken, some refused: no outage, however many in all."""
    with served({"RCPT": for_bad("554 5.7.1 no")}):
        set_up(host)
        good = []
        for _ in range(4):
            for _ in range(run):
                host.send(recipients=["bad@customer.example"])
            good.append(host.send())
        host.rounds()
    assert host.site.outbox.gate() is None
    assert {status(host, number) for number in good} == {"sent"}
    assert count_states(host) == {"sent": 4, "failed": 4 * run}


def test_two_kinds_of_refusal_in_turn_are_counted_apart(host: Host) -> None:
    """breaker: refusals that are not alike are no sign of one fault of the server."""
    answers = to_each(
        lambda who: "554 5.7.1 no" if int(who[1:].partition("@")[0]) % 2 else "550 5.1.1 who?"
    )
    with served({"RCPT": answers}):
        set_up(host)
        queue(host, 18)
        host.rounds()
    assert count_states(host) == {"failed": 18}
    assert host.site.outbox.gate() is None


STOPS: dict[str, Script] = {
    "451": {"RCPT": for_bad("450 4.7.1 Error: too much mail from 203.0.113.9")},
    "550-quota": {"RCPT": for_bad("550 5.7.1 Email sending quota exceeded for this account")},
    "552-account": {".": for_bad("550 Your account has exceeded its daily sending limit")},
    "setup": {"RCPT": for_bad("550 smtp auth required")},
}
"""Refusals that speak of all mail, and yet are given to one mail alone."""


@everywhere
@pytest.mark.parametrize("script", STOPS.values(), ids=STOPS)
def test_mail_that_stops_the_queue_twice_steps_aside(
    host: Host, workers: Workers, hours: Hours, script: Script
) -> None:
    """It is charged the second time, and other mail flows; it comes to an end and stops nothing."""
    with served(script) as server:
        set_up(host, send_attempts=4)
        bad = host.send(recipients=["bad@customer.example"])
        first = [host.send() for _ in range(3)]
        worker = workers()
        # The pauses of a limit that is the account's: an hour, then two.
        pass_time(host, hours, worker, until=4 * HOUR)
        assert {status(host, number) for number in first} == {"sent"}
        assert host.site.outbox.gate() is None
        row = host.site.outbox.message(bad)
        assert row is not None
        assert row.attempts >= 1
        stops = 0
        for _ in range(10):
            hours.passed += HOUR
            good = host.send()
            while worker.delivery.round() == 0:
                stops += host.site.outbox.gate() is not None
            stops += host.site.outbox.gate() is not None
            assert status(host, good) == "sent"
        worker.delivery.hang_up()
        assert stops == 0
        pass_time(host, hours, worker, until=hours.passed + 3 * DAY)
        assert status(host, bad) == "failed"
        assert tries(server) <= 4 + 1 + 13


@everywhere
def test_next_probe_is_another_mail(host: Host, workers: Workers, hours: Hours) -> None:
    """The mail that probed twice steps aside: the others find out how the server is."""
    with served({"RCPT": "550 5.7.1 Email sending quota exceeded for this account"}) as server:
        set_up(host)
        ids = [host.send(recipients=[f"r{n}@customer.example"]) for n in range(3)]
        pass_time(host, hours, workers(), until=DAY)
        asked = [line for line in server.commands if line.startswith("RCPT")]
    assert len(asked) > 6
    assert all(one != next_one for one, next_one in pairwise(asked))
    assert {status(host, number) for number in ids} <= {"queued", "deferred"}


@pytest.mark.parametrize(
    "script", [ALIKE["451-at-the-dot"], ALIKE["554-at-RCPT"], ALIKE["drop-at-MAIL"]]
)
def test_outage_alone_fails_no_mail(
    host: Host, workers: Workers, hours: Hours, script: Script
) -> None:
    """Mail that comes during an outage of days is not lost to it, and all of it goes."""
    with served(script) as server:
        set_up(host, send_attempts=2)
        queue(host, 12)
        worker = workers()
        pass_time(host, hours, worker, until=HOUR)
        lost = count_states(host)["failed"]
        assert lost <= CHARGED_AT_MOST
        later = queue(host, 20)
        pass_time(host, hours, worker, until=3 * DAY)
        assert count_states(host)["failed"] == lost
        heal(server)
        pass_time(host, hours, worker, until=5 * DAY)
    states = {each: row.state for each, row in rows(host).items()}
    assert {states[each] for each in later} == {"sent"}
    assert count_states(host)["sent"] == 32 - lost


@everywhere
def test_outage_is_probed_by_another_process(
    host: Host, workers: Workers, hours: Hours, url: URL, tmp_path: Path
) -> None:
    """Of two senders on one database one probes at a time, and knows the outage of the other."""
    with served({"RCPT": "554 5.7.1 no"}) as server:
        set_up(host)
        ids = queue(host, 30)
        one = workers()
        one.delivery.round()
        lost = count_states(host)["failed"]
        assert lost <= CHARGED_AT_MOST
        with hosted(url, tmp_path, PLATO_EMAIL_CONNECTIONS=1) as second:
            other = second.site.make_worker()
            begun = tries(server)
            for _ in range(6):
                hours.passed += 1000.0
                assert other.delivery.round() == 0.0
                assert one.delivery.round() > 0
                assert count_states(host)["failed"] == lost
            assert tries(server) - begun == 6
            gate = host.site.outbox.gate()
            assert gate is not None
            assert gate.failures == 7
            heal(server)
            refused = len(server.mails)
            pass_time(host, hours, one, other, until=hours.passed + 2 * DAY)
            taken = by_message_id(server.mails[refused:])
    assert len(taken) == 30 - lost
    assert taken.keys() <= set(ids)
    assert {len(each) for each in taken.values()} == {1}


@pytest.mark.parametrize("script", [ALIKE["554-at-RCPT"], ALIKE["451-at-the-dot"]], ids=["5", "4"])
def test_breaker_outlives_a_small_batch_and_each_run_of_cron(
    host: Host, hours: Hours, script: Script
) -> None:
    """breaker: ``flask email send-due`` every minute, five mails each time: ten pay at most."""
    runner = host.app.test_cli_runner()
    with served(script):
        set_up(host, batch_size=5, poll_interval=60)
        queue(host, 30)
        for _ in range(10):
            runner.invoke(args=["email", "send-due"])
            hours.passed += 61.0
    assert charged(host) <= CHARGED_AT_MOST


def test_breaker_of_two_senders_with_small_batches(
    host: Host, workers: Workers, hours: Hours
) -> None:
    """breaker: two senders that take three mails each in turn find the same outage together."""
    with served({"RCPT": "554 5.7.1 no"}):
        set_up(host, batch_size=3)
        queue(host, 40)
        two = [workers() for _ in range(2)]
        for turn in range(16):
            two[turn % 2].delivery.round()
            hours.passed += 31.0
    assert host.site.outbox.gate() is not None
    assert charged(host) <= CHARGED_AT_MOST


def test_breaker_where_no_failed_message_is_kept(tmp_path: Path) -> None:
    """breaker: a queue is not emptied into nothing, though each refusal leaves no row behind."""
    with (
        fresh_database(SQLITE, tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_KEEP_FAILED_DAYS=0) as host,
        served({"RCPT": "554 5.7.1 no"}),
    ):
        set_up(host)
        queue(host, 30)
        host.rounds()
        assert host.site.outbox.gate() is not None
        assert count_states(host) == {"queued": 30 - (CHARGED_AT_MOST - 1)}


def one_mail_a_connection(talk: Conversation) -> None:
    """Take one mail, then end the connection at the next, as some providers do."""
    mails = sum(line.startswith("MAIL") for line in talk.commands)
    talk.act("250 Ok" if mails == 1 else last("421 4.7.0 Too many messages on this connection"))


def test_server_that_takes_one_mail_a_connection_costs_none(host: Host) -> None:
    """A used connection that ends says nothing of the mail in hand: it goes over the next one."""
    with served({"MAIL": one_mail_a_connection}):
        set_up(host, send_attempts=2)
        queue(host, 20)
        host.rounds()
        assert count_states(host) == {"sent": 20}
        assert {row.attempts for row in rows(host).values()} <= {0, 1}


def test_success_of_another_process_resets(host: Host, workers: Workers) -> None:
    """breaker: what one process refuses is no outage while another one's mail goes."""
    with served({"RCPT": for_bad("554 5.7.1 no")}):
        set_up(host)
        one, other = workers(), workers()
        bad = []
        for _ in range(12):
            bad.append(host.send(recipients=["bad@customer.example"]))
            one.delivery.round()
            host.send()
            other.delivery.round()
    assert host.site.outbox.gate() is None
    assert {status(host, number) for number in bad} == {"failed"}


def test_probe_with_a_refused_sender_of_its_own_ends_the_outage(
    host: Host, workers: Workers, hours: Hours
) -> None:
    """The server has answered for a mail: the others need not wait for the next probe."""
    with served({"MAIL": "451 4.3.0 Temporary failure"}) as server:
        set_up(host)
        queue(host, 12)
        pass_time(host, hours, workers(), until=60)
        assert host.site.outbox.gate() is not None
        foreign = [host.send(sender=f"x{n}@elsewhere.example", priority="high") for n in range(3)]
        heal(server)
        server.script["MAIL"] = sender_of("elsewhere", "553 5.7.1 Sender not owned by user")
        pass_time(host, hours, workers(), until=hours.passed + 120)
    assert {status(host, number) for number in foreign} == {"failed"}
    assert count_states(host)["sent"] == 12


def sender_of(part: str, said: str) -> Callable[[Conversation], None]:
    """Answer so to each sender with that in its address, and take the others."""

    def answer(talk: Conversation) -> None:
        talk.act(said if part in talk.commands[-1] else "250 Ok")

    return answer


def test_urgent_mail_that_stops_the_queue_is_not_every_probe(
    host: Host, workers: Workers, hours: Hours
) -> None:
    """What was refused already lets another find out how the server is, though it is urgent."""
    script: Script = {"RCPT": for_bad("452 4.2.1 Your sending quota is exceeded for today")}
    with served(script):
        set_up(host)
        bad = host.send(recipients=["bad@customer.example"], priority="high")
        pass_time(host, hours, workers(), until=1)
        assert host.site.outbox.gate() is not None
        others = [host.send() for _ in range(5)]
        pass_time(host, hours, workers(), until=2 * HOUR)
        assert {status(host, number) for number in others} == {"sent"}
        assert status(host, bad) in ("queued", "deferred")
