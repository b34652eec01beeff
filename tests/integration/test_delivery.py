"""From the queue to a mail server and back: what is delivered, charged, put off, given up."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import update

from plato_email import message_deferred, message_failed, message_sending, message_sent
from plato_email.delivery import backoff
from tests.support.pauses import Pause
from tests.support.sites import Host
from tests.support.smtp_servers import (
    Catcher,
    Conversation,
    Reply,
    ScriptedServer,
    drop,
    hang,
    last,
)


def attempts(host: Host) -> dict[int, int]:
    """Return the charged attempts of every message."""
    return {row.id: row.attempts for row in host.site.outbox.messages(limit=1000)}


def make_due(host: Host) -> None:
    """Let the waiting time of deferred messages and of the gate pass at once."""
    now = host.site.clock.now() - timedelta(seconds=1)
    message, gate = host.site.tables.message, host.site.tables.gate

    def work(connection: Any) -> None:
        queued = message.c.state == "queued"
        connection.execute(update(message).where(queued).values(available_at=now))
        connection.execute(update(gate).where(gate.c.retry_at.is_not(None)).values(retry_at=now))

    host.site.database.write(work)


def test_queued_mail_is_delivered_once(sending: Host, catcher: Catcher) -> None:
    """What was committed arrives, byte for byte as it was queued, and is marked sent."""
    number = sending.send(body="Grüße\n.\nEnde\n", recipients=["a@example.com", "b@example.com"])
    sending.rounds()
    (mail,) = catcher.mails
    row = sending.site.outbox.message(number)
    assert row is not None
    assert mail.recipients == ("a@example.com", "b@example.com")
    assert f"Message-ID: {row.message_id}".encode() in mail.data
    assert len(mail.data) == row.size
    assert (row.state, row.attempts, row.code) == ("sent", 1, 250)
    sending.rounds()
    assert len(catcher.mails) == 1


def test_a_batch_goes_over_the_configured_connections(sending: Host, catcher: Catcher) -> None:
    """Fifty mails go over two connections, PLATO_EMAIL_CONNECTIONS, each used again and again."""
    for _ in range(50):
        sending.send()
    sending.rounds()
    assert (len(catcher.mails), catcher.connections) == (50, 2)


def test_at_most_batch_size_in_an_interval(sending: Host, catcher: Catcher) -> None:
    """With Batch Size 7 the eighth mail waits, and the poller is told for how long."""
    sending.configure(catcher.port, batch_size=7, poll_interval=20)
    for _ in range(10):
        sending.send()
    delay = sending.rounds()
    assert len(catcher.mails) == 7
    assert 15 < delay <= 20


def test_polling_off_queues_and_sends_nothing(sending: Host, catcher: Catcher) -> None:
    """With polling switched off mail is kept and none leaves."""
    sending.configure(catcher.port, polling_enabled=False)
    number = sending.send()
    assert sending.rounds() > 0
    assert (catcher.mails, sending.states()) == ([], {number: "queued"})


def test_refused_for_good_fails_at_once(host: Host) -> None:
    """A 5yz is final: one try, the reply is kept, the others go on."""
    with Catcher(refusals={"bad@example.com": "550 5.1.1 no such user"}) as server:
        host.configure(server.port)
        bad = host.send(recipients=["bad@example.com"])
        good = host.send()
        host.rounds()
    assert host.states() == {bad: "failed", good: "sent"}
    row = host.site.outbox.message(bad)
    assert row is not None
    assert (row.attempts, row.stage, row.code, row.enhanced) == (1, "recipient", 550, "5.1.1")
    assert "no such user" in row.reply


@pytest.mark.parametrize("limit", [1, 3])
def test_send_attempts_means_exactly_that(host: Host, limit: int) -> None:
    """Against a permanent 450 a message is sent exactly Send Attempts times, then has failed."""
    with ScriptedServer({"RCPT": "450 4.2.1 later"}) as server:
        host.configure(server.port, send_attempts=limit)
        number = host.send()
        for _ in range(limit + 2):
            host.rounds()
            make_due(host)
        tries = [line for line in server.commands if line.startswith("RCPT")]
    assert (len(tries), host.states()) == (limit, {number: "failed"})
    assert attempts(host) == {number: limit}


def test_outage_charges_no_attempt(host: Host, catcher: Catcher) -> None:
    """While the server is down nobody tries twice; afterwards everything goes, uncharged."""
    host.configure(1)
    ids = [host.send() for _ in range(3)]
    delay = host.rounds()
    gate = host.site.outbox.gate()
    assert gate is not None
    assert (gate.stage, gate.verdict, gate.failures) == ("connect", "server", 1)
    assert 0 < delay <= 1
    assert host.site.outbox.gate() == gate
    assert attempts(host) == dict.fromkeys(ids, 0)
    host.configure(catcher.port)
    host.rounds()
    assert len(catcher.mails) == 3
    assert attempts(host) == dict.fromkeys(ids, 1)
    assert host.site.outbox.gate() is None


def test_wrong_password_is_tried_once(host: Host) -> None:
    """A refused login stops the queue with a reason, costs no attempt and is not repeated."""
    with Catcher(users={"me": "right"}) as server:
        host.configure(server.port, username="me", password="wrong")
        number = host.send()
        host.rounds()
        host.rounds()
        assert server.logins == ["PLAIN"]
    gate = host.site.outbox.gate()
    assert gate is not None
    assert (gate.stage, gate.verdict, gate.code) == ("login", "setup", 535)
    assert attempts(host) == {number: 0}


def test_poisonous_mail_harms_only_itself(host: Host) -> None:
    """A mail that makes the server drop the line is charged; the others are delivered."""
    poison = "poison@example.com"

    def swallow(conversation: Conversation) -> None:
        if conversation.commands[-1].upper().startswith("DATA") and any(
            poison in line for line in conversation.commands[-3:]
        ):
            drop(conversation)
        conversation.send("354 go on")

    with ScriptedServer({"DATA": swallow}) as server:
        host.configure(server.port, send_attempts=2)
        ids = [host.send() for _ in range(3)]
        bad = host.send(recipients=[poison])
        ids += [host.send() for _ in range(3)]
        for _ in range(3):
            host.rounds()
            make_due(host)
    states = host.states()
    assert states.pop(bad) == "failed"
    assert states == dict.fromkeys(ids, "sent")
    assert attempts(host)[bad] == 2


def test_partial_refusal_retries_only_who_was_put_off(host: Host) -> None:
    """250/450/550: the first is never mailed again, the second alone, the third recorded."""
    everybody = ["a@example.com", "b@example.com", "c@example.com"]
    refusals = {"b@example.com": "450 4.2.1 later", "c@example.com": "550 5.1.1 unknown"}
    with Catcher(refusals=refusals) as server:
        host.configure(server.port)
        number = host.send(recipients=everybody)
        host.rounds()
        del refusals["b@example.com"]
        make_due(host)
        host.rounds()
        assert [mail.recipients for mail in server.mails] == [
            ("a@example.com",),
            ("b@example.com",),
        ]
    assert host.states() == {number: "sent"}
    tries = host.site.outbox.attempts(number)
    assert [each.outcome for each in tries] == ["partly", "partly"]
    outcomes = {o.address: o.outcome for o in host.site.outbox.outcomes(number)}
    assert outcomes == {
        "a@example.com": "accepted",
        "b@example.com": "accepted",
        "c@example.com": "refused",
    }


def test_lost_answer_is_tried_again_with_the_same_message(host: Host) -> None:
    """After a drop behind the final dot the same bytes go again, later and charged."""
    with ScriptedServer({".": drop}) as server:
        host.configure(server.port)
        number = host.send()
        host.rounds()
        row = host.site.outbox.message(number)
        assert row is not None
        assert (row.state, row.deferred, row.attempts) == ("queued", True, 1)
        server.script["."] = "250 2.0.0 Ok"
        make_due(host)
        host.rounds()
        first, second = [mail for each in server.conversations for mail in each.mails]
    assert first == second
    assert host.states() == {number: "sent"}


def test_421_after_some_mails_renews_the_connection(host: Host) -> None:
    """A server that has had enough of a connection costs no attempt."""
    with ScriptedServer({"MAIL": ["250 ok", "250 ok", last("421 4.7.0 enough")]}) as server:
        host.configure(server.port)
        ids = [host.send() for _ in range(6)]
        host.rounds()
        mails = [mail for each in server.conversations for mail in each.mails]
    assert len(mails) == 6
    assert attempts(host) == dict.fromkeys(ids, 1)


def test_busy_from_the_start_closes_the_gate(host: Host) -> None:
    """421 to the first mail of a new connection makes everybody wait, uncharged."""
    with ScriptedServer({"MAIL": last("421 4.3.2 busy")}) as server:
        host.configure(server.port)
        number = host.send()
        host.rounds()
        assert len(server.conversations) == 1
    gate = host.site.outbox.gate()
    assert gate is not None
    assert (gate.code, attempts(host)) == (421, {number: 0})


def test_stopping_gives_back_what_was_not_begun(host: Host) -> None:
    """Asked to stop during a mail, the sender finishes it and frees the others."""
    with ScriptedServer() as server:
        host.configure(server.port)
        ids = [host.send() for _ in range(4)]
        worker = host.site.make_worker()

        def stop(_: object, **__: object) -> None:
            worker.delivery.stopping.set()

        with message_sending.connected_to(stop, host.app):
            worker.delivery.round()
        worker.delivery.hang_up()
    assert sorted(host.states().values()) == ["queued", "queued", "queued", "sent"]
    assert sorted(attempts(host)[number] for number in ids) == [0, 0, 0, 1]


def test_urgent_mail_overtakes_bulk(host: Host) -> None:
    """Mail of high priority that comes while bulk is sent goes before the rest of the bulk."""
    order: list[int] = []
    with ScriptedServer() as server:
        host.configure(server.port)
        bulk = [host.send(priority="low") for _ in range(10)]
        worker = host.site.make_worker()
        worker.delivery.connections = 1
        urgent: list[int] = []

        def hear(_: object, message: Any, **__: object) -> None:
            order.append(message.id)
            if not urgent:
                urgent.append(host.send(priority="high"))
                worker.delivery.expect(urgent=True)

        with message_sent.connected_to(hear, host.app):
            while worker.delivery.round() == 0:
                pass
        worker.delivery.hang_up()
    assert sorted(order) == sorted([*bulk, *urgent])
    # The mail in hand and the one announced behind it still go first.
    assert order.index(urgent[0]) <= 3


def test_stop_cuts_a_hanging_mail_and_gives_it_back(host: Host) -> None:
    """A server that hangs before the final dot does not hold up the end of a process."""
    with ScriptedServer({"DATA": hang}) as server:
        host.configure(server.port)
        number = host.send()
        host.site.start()
        while not any(line == "DATA" for line in server.commands):
            host.site.poller.join(0.01)
        assert host.site.stop(timeout=0.2)
    assert host.states() == {number: "queued"}
    assert attempts(host) == {number: 0}


def test_lone_mail_on_an_open_connection_is_begun_with_its_claim(host: Host) -> None:
    """One commit before its body leaves; cut before that, it is given back, uncharged."""
    waiting = Pause("250 2.1.0 Ok")
    with ScriptedServer({"MAIL": ["250 2.1.0 Ok", waiting]}) as server:
        host.configure(server.port)
        first = host.send()
        worker = host.site.make_worker()
        assert worker.delivery.round() == 0
        second = host.send()
        thread = Thread(target=worker.delivery.round)
        thread.start()
        waiting.wait_until_reached()
        assert (host.states()[second], attempts(host)[second]) == ("sending", 1)
        worker.delivery.abort()
        thread.join()
    assert host.states() == {first: "sent", second: "queued"}
    assert attempts(host) == {first: 1, second: 0}


def test_veto_of_a_mail_begun_with_its_claim(sending: Host, catcher: Catcher) -> None:
    """A receiver that says no cancels it, without a try, however early it was begun."""

    def veto(_: object, message: Any) -> bool:
        return False

    worker = sending.site.make_worker()
    sending.send()
    worker.delivery.round()
    number = sending.send()
    with message_sending.connected_to(veto, sending.app):
        worker.delivery.round()
    worker.delivery.hang_up()
    assert sending.states()[number] == "cancelled"
    assert attempts(sending)[number] == 0
    assert len(catcher.mails) == 1


def test_signals_tell_each_outcome(host: Host) -> None:
    """Sent, deferred and failed are told with the message and the result; a veto cancels."""
    told: list[tuple[str, str]] = []
    refusals = {"later@example.com": "450 4.2.1 later", "never@example.com": "550 5.1.1 no"}

    def veto(_: object, message: Any) -> bool:
        return bool(message.recipients != ("veto@example.com",))

    def hear(name: str) -> Any:
        return lambda _, message, result: told.append((name, message.recipients[0]))

    hears = [hear("sent"), hear("deferred"), hear("failed")]
    with Catcher(refusals=refusals) as server:
        host.configure(server.port)
        for who in ("fine", "later", "never", "veto"):
            host.send(recipients=[f"{who}@example.com"])
        with (
            message_sending.connected_to(veto, host.app),
            message_sent.connected_to(hears[0], host.app),
            message_deferred.connected_to(hears[1], host.app),
            message_failed.connected_to(hears[2], host.app),
        ):
            host.rounds()
    assert sorted(told) == [
        ("deferred", "later@example.com"),
        ("failed", "never@example.com"),
        ("sent", "fine@example.com"),
    ]
    assert sorted(host.states().values()) == ["cancelled", "failed", "queued", "sent"]


def test_raising_receivers_harm_no_mail(
    sending: Host, catcher: Catcher, caplog: pytest.LogCaptureFixture
) -> None:
    """What a receiver raises is logged; the mail goes and is recorded."""

    def explode(*_: object, **__: object) -> None:
        raise ValueError("a bug of the host")

    number = sending.send()
    with (
        message_sending.connected_to(explode, sending.app),
        message_sent.connected_to(explode, sending.app),
    ):
        sending.rounds()
    assert sending.states() == {number: "sent"}
    assert len(catcher.mails) == 1
    assert "a receiver of message_sending failed" in caplog.text


def test_missing_key_puts_off_only_its_messages(sending: Host, catcher: Catcher) -> None:
    """A message whose key is missing waits, uncharged, until the key is back; others go.

    It takes nothing of the rate, and is told of once, however often it is looked at.
    """
    lost = sending.send()
    keys = sending.site.key_file
    assert keys is not None
    kept = keys.path.read_bytes()
    keys.path.unlink()
    fine = sending.send()
    sending.rounds()
    assert sending.states() == {lost: "queued", fine: "sent"}
    row = sending.site.outbox.message(lost)
    assert row is not None
    assert (row.attempts, row.deferred) == (0, True)
    assert "cannot be decrypted" in row.reply
    assert sending.site.outbox.statistics(3600.0).taken == 1
    make_due(sending)
    sending.rounds()
    assert [each.outcome for each in sending.site.outbox.attempts(lost)] == ["deferred"]
    keys.path.unlink()
    keys.path.write_bytes(kept)
    keys.path.chmod(0o600)
    make_due(sending)
    sending.rounds()
    assert sending.states() == {lost: "sent", fine: "sent"}


def test_next_mail_is_offered_behind_the_final_dot(host: Host) -> None:
    """With PIPELINING a mail's commands arrive with the end of the mail before."""
    with ScriptedServer(offers=["PIPELINING"]) as server:
        host.configure(server.port)
        ids = [host.send(subject=f"Number {n}") for n in range(9)]
        host.rounds()
        received = server.received
        mails = [mail for each in server.conversations for mail in each.mails]
    assert host.states() == dict.fromkeys(ids, "sent")
    assert len(mails) == 9
    assert received.count(b"\r\n.\r\nMAIL FROM:") == 9 - len(server.conversations)


def test_refusals_in_the_middle_of_a_pipeline(host: Host) -> None:
    """A refused mail between good ones costs them nothing, wherever it was refused."""
    finals: list[Reply] = ["250 ok", "554 5.7.1 no", "250 ok"]
    recipients: list[Reply] = ["250 ok", "250 ok", "550 5.1.1 no", "250 ok"]
    script: dict[str, Reply | list[Reply]] = {".": finals, "RCPT": recipients}
    with ScriptedServer(script, offers=["PIPELINING"]) as server:
        host.configure(server.port)
        ids = [host.send() for _ in range(6)]
        worker = host.site.make_worker()
        worker.delivery.connections = 1
        worker.delivery.round()
        worker.delivery.hang_up()
    assert [host.states()[number] for number in ids] == [
        "sent",
        "failed",
        "failed",
        "sent",
        "sent",
        "sent",
    ]


def test_backoff_grows_and_is_bounded() -> None:
    """A minute, four, sixteen, ... four hours; never sooner than Interval."""
    assert [backoff(n, 30, spread=1) for n in range(1, 7)] == [60, 240, 960, 3840, 14400, 14400]
    assert backoff(1, 300, spread=1) == 300
    assert all(54 <= backoff(1, 30) <= 66 for _ in range(50))
