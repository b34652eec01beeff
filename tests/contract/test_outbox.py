"""The outbox keeps the same promises on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import select, text, update

from plato_email import Message
from plato_email.errors import Cause, DeliveryError, MessageError, RecipientRefusal, Stage
from plato_email.outbox import Claimed, Nothing, Slice
from plato_email.tables import State
from tests.support.claims import age_leases, claim, held, result
from tests.support.queue_facts import rows
from tests.support.sites import Host


class TestEnqueue:
    """What ``send()`` leaves behind."""

    def test_commit_makes_the_mail_exist(self, host: Host) -> None:
        """After the commit there is one queued message that is due now."""
        number = host.send()
        assert host.states() == {number: "queued"}
        assert host.site.outbox.next_due() == 0.0

    def test_rollback_leaves_nothing(self, host: Host) -> None:
        """A rollback of the host's transaction takes message and content with it."""
        with host.app.app_context():
            host.plato.send(
                subject="x", recipients="a@example.com", sender="b@example.com", body="x"
            )
            host.db.session.rollback()
        assert host.states() == {}
        assert host.site.outbox.content_count() == 0

    def test_savepoint_rollback_leaves_nothing(self, host: Host) -> None:
        """A message queued inside a savepoint goes with it; the others stay."""
        mail: dict[str, Any] = {"subject": "x", "sender": "b@example.com", "body": "x"}
        with host.app.app_context():
            kept = host.plato.send(recipients="kept@example.com", **mail)
            savepoint = host.db.session.begin_nested()
            host.plato.send(recipients="gone@example.com", **mail)
            savepoint.rollback()
            host.db.session.commit()
        assert host.states() == {kept.id: "queued"}
        assert host.site.outbox.content_count() == 1

    def test_idempotency_key_queues_once(self, host: Host) -> None:
        """The same key a second time adds nothing and returns the first message."""
        first = host.send(idempotency_key="order-7")
        second = host.send(idempotency_key="order-7")
        other = host.send(idempotency_key="Order-7")
        assert (first == second, first == other) == (True, False)
        assert len(host.states()) == 2

    def test_the_same_message_id_twice_is_refused(self, host: Host) -> None:
        """A standard message that brings its Message-ID is queued once; the transaction lives."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "a@example.com", "b@example.com", "x"
        mail["Message-ID"] = "<mine@example.com>"
        mail.set_content("x")
        with host.app.app_context():
            first = host.plato.send(mail)
            with pytest.raises(MessageError, match="in the queue already"):
                host.plato.send(mail)
            host.db.session.commit()
        assert host.states() == {first.id: "queued"}

    def test_stored_bytes_are_encrypted(self, host: Host) -> None:
        """The database never holds a reset link in the clear."""
        host.send(body="https://example.com/reset/0123456789")
        content = host.site.tables.content
        data = host.site.database.read(lambda c: c.scalar(select(content.c.data)))
        assert data is not None
        assert b"reset" not in data

    def test_a_schema_of_ones_own_is_kept(self, host: Host) -> None:
        """A site with a schema for each of its customers queues into the one of the session."""
        schema = {"sqlite": "main", "postgresql": "public"}.get(host.site.database.engine.name)
        with host.app.app_context():
            name = schema or host.db.session.scalar(text("SELECT DATABASE()"))
            host.db.session.rollback()
            options = {"schema_translate_map": {None: name}}
            host.db.session.connection(execution_options=options)
            queued = host.plato.send(
                subject="x", recipients="a@example.com", sender="b@example.com", body="x"
            )
            host.db.session.commit()
        assert host.states() == {queued.id: "queued"}
        assert host.site.outbox.contents(held(host).messages).keys() == {queued.id}

    def test_send_at_and_expires_at(self, host: Host) -> None:
        """A message for later is not due now; one that is too late is never sent."""
        now = host.site.clock.now()
        host.send(send_at=now + timedelta(hours=1))
        late = host.send(expires_at=now + timedelta(hours=1))
        message = host.site.tables.message
        host.site.database.write(
            lambda c: c.execute(
                update(message)
                .where(message.c.id == late)
                .values(expires_at=now - timedelta(seconds=1))
            )
        )
        assert isinstance(claim(host), Nothing)
        assert sorted(host.states().values()) == ["expired", "queued"]
        assert host.site.outbox.content_count() == 1


class TestClaim:
    """Who sends what."""

    def test_claims_are_disjoint(self, host: Host) -> None:
        """Two claims never hold the same message."""
        ids = {host.send() for _ in range(5)}
        first, second = held(host, limit=3), held(host, limit=3)
        taken = [m.id for m in (*first.messages, *second.messages)]
        assert sorted(taken) == sorted(ids)
        assert isinstance(claim(host), Nothing)

    def test_oldest_first_within_a_priority(self, host: Host) -> None:
        """High before normal before low, and the older before the younger."""
        order = ["low", "normal", "high", "normal", "high"]
        ids = [host.send(priority=each) for each in order]
        assert [m.id for m in held(host).messages] == [ids[2], ids[4], ids[1], ids[3], ids[0]]

    def test_low_priority_never_starves(self, host: Host) -> None:
        """Behind more high mail than can be taken, one in ten is still normal, one low."""
        kinds = {n: host.send(priority=n) for n in ("low", "normal")}
        with host.app.app_context():
            for _ in range(30):
                host.plato.send(
                    subject="x",
                    recipients="a@example.com",
                    sender="b@example.com",
                    body="x",
                    priority="high",
                )
            host.db.session.commit()
        taken = [m.id for m in held(host, limit=10).messages]
        assert len(taken) == 10
        assert taken[-2:] == [kinds["normal"], kinds["low"]]

    def test_never_more_than_batch_in_an_interval(self, host: Host) -> None:
        """The fourth message of three per interval waits until the first is old enough."""
        for _ in range(5):
            host.send()
        assert len(held(host, batch=3).messages) == 3
        waiting = claim(host, batch=3)
        assert isinstance(waiting, Nothing)
        assert waiting.reason == "rate"
        assert waiting.wait is not None
        assert 0 < waiting.wait <= 30.0

    def test_release_gives_back_message_and_rate(self, host: Host) -> None:
        """What was not begun is free at once, uncharged, and does not count as taken."""
        for _ in range(3):
            host.send()
        first = held(host, batch=3)
        host.site.outbox.release(first, first.messages)
        again = held(host, batch=3)
        assert [m.attempts for m in again.messages] == [0, 0, 0]

    def test_lapsed_claim_is_free_and_uncharged(self, host: Host) -> None:
        """A sender that died before it began leaves no trace on the message."""
        host.send()
        held(host)
        age_leases(host)
        (message,) = held(host).messages
        assert message.attempts == 0
        assert [row.unknowns for row in rows(host).values()] == [0]

    def test_lapsed_sending_is_unknown(self, host: Host) -> None:
        """A sender that died while sending leaves the message in doubt, to be tried later."""
        number = host.send()
        first = held(host)
        assert host.site.outbox.advance(first, begin=first.messages[:1])
        age_leases(host)
        assert isinstance(claim(host), Nothing)
        row = host.site.outbox.message(number)
        assert row is not None
        assert (row.state, row.deferred, row.attempts) == ("queued", True, 1)

    def test_late_truth_wins_over_doubt(self, host: Host) -> None:
        """A sender that was only slow still records its success while nobody else has begun."""
        number = host.send()
        first = held(host)
        host.site.outbox.advance(first, begin=first.messages[:1])
        age_leases(host)
        claim(host)
        host.site.outbox.advance(first, done=[result(first.messages[0])])
        assert host.states() == {number: "sent"}

    def test_late_truth_wins_over_the_last_doubt(self, host: Host) -> None:
        """Given up on its last attempt, a message that was accepted after all ends as sent."""
        number = host.send()
        first = held(host)
        host.site.outbox.advance(first, begin=first.messages[:1])
        age_leases(host)
        host.site.outbox.claim(limit=1, batch=9, interval=1, send_attempts=1)
        assert host.states() == {number: "failed"}
        assert [each.outcome for each in host.site.outbox.attempts(number)] == ["unknown"]
        host.site.outbox.advance(first, done=[result(first.messages[0])])
        assert host.states() == {number: "sent"}

    def test_lost_lease_stops_the_sender(self, host: Host) -> None:
        """A message that another sender has taken over is not begun."""
        host.send()
        first = held(host)
        age_leases(host)
        second = held(host)
        number = first.messages[0].id
        assert host.site.outbox.advance(first, begin=first.messages[:1]).begun == frozenset()
        assert host.site.outbox.advance(second, begin=second.messages[:1]).begun == {number}

    def test_stale_result_never_overwrites_a_newer_claim(self, host: Host) -> None:
        """The result of a sender that lost its lease does not touch the new holder's row."""
        number = host.send()
        first = held(host)
        age_leases(host)
        held(host)
        host.site.outbox.advance(first, done=[result(first.messages[0], State.FAILED)])
        assert host.states() == {number: "claimed"}

    def test_what_was_committed_unheard_is_not_done_twice(self, host: Host) -> None:
        """An answer to the commit that was lost: the same again changes nothing, and says so."""
        numbers = [host.send() for _ in range(3)]
        slice_ = held(host)
        sent, later, following = slice_.messages
        host.site.outbox.advance(slice_, begin=[sent, later])
        done = [result(sent), result(later, State.QUEUED, retry_in=60.0)]
        first, again = (
            host.site.outbox.advance(slice_, done=done, begin=[following]) for _ in range(2)
        )
        assert first == again == (frozenset({following.id}), frozenset())
        assert [len(host.site.outbox.attempts(number)) for number in numbers] == [1, 1, 0]
        rows = [host.site.outbox.message(number) for number in numbers]
        assert [(row.state, row.attempts) for row in rows if row] == [
            ("sent", 1),
            ("queued", 1),
            ("sending", 1),
        ]

    def test_of_two_results_the_one_still_ours_is_stored(self, host: Host) -> None:
        """What another sender has taken over costs the results beside it nothing."""
        numbers = [host.send(), host.send()]
        first = held(host)
        taken, ours = first.messages
        host.site.outbox.advance(first, begin=[ours])
        host.site.outbox.release(first, [taken])
        second = held(host)
        told = host.site.outbox.advance(first, done=[result(taken), result(ours)])
        assert told == (frozenset(), frozenset({taken.id}))
        assert host.states() == dict(zip(numbers, ["claimed", "sent"], strict=True))
        assert host.site.outbox.contents(second.messages).keys() == {taken.id}

    def test_ids_are_never_reused(self, host: Host) -> None:
        """A purged message's id is not given to a new one."""
        first = host.send()
        slice_ = held(host)
        host.site.outbox.advance(slice_, begin=slice_.messages[:1])
        host.site.outbox.advance(slice_, done=[result(slice_.messages[0])])
        assert sum(host.site.outbox.purge(State.SENT, timedelta(seconds=-1))) == 1
        assert host.send() > first


class TestRecord:
    """How a try is remembered."""

    def begin(self, host: Host, **fields: object) -> tuple[Slice, Claimed]:
        host.send(**fields)
        slice_ = held(host)
        assert host.site.outbox.advance(slice_, begin=slice_.messages[:1])
        return slice_, slice_.messages[0]

    def test_sent_drops_the_content(self, host: Host) -> None:
        """A sent message keeps its row and loses its bytes."""
        slice_, message = self.begin(host)
        host.site.outbox.advance(slice_, done=[result(message)])
        assert host.states() == {message.id: "sent"}
        assert host.site.outbox.content_count() == 0
        (attempt,) = host.site.outbox.attempts(message.id)
        assert (attempt.at.year, attempt.milliseconds, attempt.stage) == (2026, 5, "accepted")
        assert attempt.process
        assert (attempt.outcome, attempt.code, attempt.reply) == ("sent", 250, "Ok")

    def test_tries_are_told_in_their_order(self, host: Host) -> None:
        """Two tries that were put off, and then the one that ended well, each with its answer."""
        host.send()
        for state in (State.QUEUED, State.QUEUED, State.SENT):
            slice_ = held(host)
            host.site.outbox.advance(slice_, begin=slice_.messages)
            outcome = result(slice_.messages[0], state)
            host.site.outbox.advance(slice_, done=[replace(outcome, outcome=state.value)])
        tries = host.site.outbox.attempts(slice_.messages[0].id)
        assert [each.outcome for each in tries] == ["queued", "queued", "sent"]

    def test_uncharged_try_costs_no_attempt(self, host: Host) -> None:
        """A server's fault leaves the attempts as they were."""
        slice_, message = self.begin(host)
        free = result(message, State.QUEUED, charged=False)
        host.site.outbox.advance(slice_, done=[free])
        assert held(host).messages[0].attempts == 0

    def test_accepted_recipients_are_left_out_of_the_retry(self, host: Host) -> None:
        """After 250/450/550 only the recipient that was put off is tried again."""
        everybody = ["a@example.com", "b@example.com", "c@example.com"]
        slice_, message = self.begin(host, recipients=everybody)
        refused = {
            "b@example.com": RecipientRefusal(450, "4.2.1", "later", Cause.PUT_OFF),
            "c@example.com": RecipientRefusal(550, "5.1.1", "unknown", Cause.RECIPIENT_UNKNOWN),
        }
        partly = result(message, State.QUEUED, accepted=("a@example.com",), refused=refused)
        host.site.outbox.advance(slice_, done=[partly])
        (again,) = held(host).messages
        assert again.recipients == ("b@example.com",)
        outcomes = {o.address: o.outcome for o in host.site.outbox.outcomes(message.id)}
        assert outcomes == {
            "a@example.com": "accepted",
            "b@example.com": "deferred",
            "c@example.com": "refused",
        }

    def test_retry_starts_from_zero(self, host: Host) -> None:
        """A failed message that is retried is queued with no attempts."""
        slice_, message = self.begin(host)
        host.site.outbox.advance(slice_, done=[result(message, State.FAILED)])
        assert host.site.outbox.retry(message.id)
        assert not host.site.outbox.retry(message.id)
        assert held(host).messages[0].attempts == 0


class TestGate:
    """The back-off that all senders share."""

    FAULT = DeliveryError(Stage.CONNECT, Cause.CONNECTION_REFUSED, "refused")

    def test_closed_gate_holds_everybody(self, host: Host) -> None:
        """While the gate is closed nothing is claimed, and the wait is told."""
        host.send()
        slice_ = held(host)
        host.site.outbox.release(slice_, slice_.messages)
        host.site.outbox.close_gate(self.FAULT, 15.0, 900.0)
        waiting = claim(host)
        assert isinstance(waiting, Nothing)
        assert (waiting.reason, round(waiting.wait or 0)) == ("failing", 15)

    def test_pause_doubles_up_to_its_limit(self, host: Host) -> None:
        """15, 30, 60 ... never over the limit."""
        claim(host)
        pauses = []
        for _ in range(8):
            host.site.outbox.close_gate(self.FAULT, 15.0, 900.0, probe=True)
            gate = host.site.outbox.gate()
            assert gate is not None
            pauses.append(round((gate.retry_at - host.site.clock.now()).total_seconds()))
        assert pauses == [15, 30, 60, 120, 240, 480, 900, 900]

    def test_senders_that_fail_together_pause_once(self, host: Host) -> None:
        """Four senders that meet the same outage lengthen the pause no more than one does."""
        claim(host)
        for _ in range(4):
            host.site.outbox.close_gate(self.FAULT, 15.0, 900.0)
        gate = host.site.outbox.gate()
        assert gate is not None
        assert gate.failures == 1

    def test_a_probe_with_old_settings_holds_nobody(self, host: Host) -> None:
        """A failure with settings that were replaced meanwhile closes nothing."""
        host.configure(25)
        version = host.site.load_settings().version
        host.configure(2525)
        claim(host)
        outbox = host.site.outbox
        outbox.close_gate(self.FAULT, 15.0, 900.0, probe=True, settings_version=version)
        assert outbox.gate() is None
        outbox.close_gate(self.FAULT, 15.0, 900.0, probe=True, settings_version=version + 1)
        assert outbox.gate() is not None

    def test_one_probe_then_all(self, host: Host) -> None:
        """After the pause one message goes as a probe; the others wait for its outcome."""
        for _ in range(3):
            host.send()
        claim_and_release = held(host)
        host.site.outbox.release(claim_and_release, claim_and_release.messages)
        host.site.outbox.close_gate(self.FAULT, -1.0, 900.0)
        probe = held(host)
        assert (probe.probe, len(probe.messages)) == (True, 1)
        assert isinstance(claim(host), Nothing)
        host.site.outbox.open_gate()
        assert len(held(host).messages) == 2


def test_message_and_keywords_are_not_mixed(host: Host) -> None:
    """A message together with fields is a mistake that is told."""
    with host.app.app_context(), pytest.raises(TypeError, match="not both"):
        host.plato.send(Message(subject="x"), body="y")
