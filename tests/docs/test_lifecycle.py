"""The guarantees' state diagram and what they say of dying senders, against real rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from plato_email import message_failed, message_sending, message_sent
from plato_email.outbox import Act, Claimed, Result, Slice, read_search
from plato_email.tables import State
from tests.support.databases import fresh_database
from tests.support.documents import blocks, read
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Catcher, Conversation, ScriptedServer

Edge = tuple[str, str]
PAGE = "docs/explanation/delivery-guarantees.md"
OUTSIDE = "[*]"

TRIGGERS = (
    "CREATE TABLE seen (old TEXT, new TEXT)",
    "CREATE TRIGGER born AFTER INSERT ON plato_email_message"
    " BEGIN INSERT INTO seen VALUES ('[*]', new.state); END",
    "CREATE TRIGGER changed AFTER UPDATE ON plato_email_message WHEN old.state <> new.state"
    " BEGIN INSERT INTO seen VALUES (old.state, new.state); END",
    "CREATE TRIGGER gone AFTER DELETE ON plato_email_message"
    " BEGIN INSERT INTO seen VALUES (old.state, '[*]'); END",
)


def drawn() -> set[Edge]:
    """The arrows of the diagram."""
    (diagram,) = blocks(read(PAGE), "mermaid")
    return set(re.findall(r"^\s+(\S+) --> (\S+?):", diagram, re.MULTILINE))


class Watched(Host):
    """A site whose database remembers every change of a message's state."""

    def seen(self) -> set[Edge]:
        """Every change so far."""
        rows = self.site.database.read(lambda c: c.execute(text("SELECT old, new FROM seen")).all())
        return {(row.old, row.new) for row in rows}

    def claim(self, *, begin: bool = False) -> Slice:
        held = self.site.outbox.claim(
            limit=1, batch=1000, interval=30, send_attempts=2, begin=begin
        )
        assert isinstance(held, Slice)
        return held

    def begin(self) -> tuple[Slice, Claimed]:
        held = self.claim()
        assert self.site.outbox.advance(held, begin=held.messages)
        return held, held.messages[0]

    def lapse(self, send_attempts: int = 2) -> None:
        """Let the leases of all senders lapse, as if they had died, and have others notice."""
        message = self.site.tables.message
        past = self.site.clock.now() - timedelta(seconds=1)
        leased = message.c.lease_until.is_not(None)
        self.site.database.write(
            lambda c: c.execute(update(message).where(leased).values(lease_until=past))
        )
        self.site.outbox.claim(limit=1, batch=0, interval=30, send_attempts=send_attempts)

    def due(self) -> None:
        """Let every wait be over."""
        message, past = self.site.tables.message, self.site.clock.now() - timedelta(seconds=1)
        self.site.database.write(lambda c: c.execute(update(message).values(available_at=past)))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A site on a SQLite file with triggers on the queue."""
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path) as host:
        site = Watched(host.app, host.db, host.plato)
        with site.site.database.transaction() as connection:
            for statement in TRIGGERS:
                connection.execute(text(statement))
        yield site


def _over_smtp(host: Watched) -> None:
    """Sent, refused and queued again, put off until given up, partly sent, expired, vetoed."""
    refusals = {"bad@example.com": "550 5.1.1 nobody", "busy@example.com": "451 4.3.2 later"}
    with Catcher(refusals=refusals) as server:
        host.configure(server.port, send_attempts=2)
        host.send()
        bad = host.send(recipients="bad@example.com")
        host.send(recipients="busy@example.com")
        host.send(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
        host.rounds()
        assert host.site.outbox.retry(bad)
        host.rounds()
        host.send(recipients=["busy@example.com", "well@example.com"])
        host.rounds()
        server.refusals = {"busy@example.com": "550 5.1.1 gone"}
        host.due()
        host.rounds()
        (partial,) = host.site.outbox.page(read_search("status:partial")).messages
        assert host.site.outbox.retry(partial.id)
        host.rounds()

        def veto(_: object, message: Claimed) -> bool:
            return False

        with message_sending.connected_to(veto):
            host.send()
            host.rounds()


def _refused_at_the_dot(host: Watched) -> None:
    """The server says no once it has the whole message: for now, and for good."""
    for answer in ("451 4.3.0 not now", "554 5.7.1 not ever"):
        with Catcher(final=answer) as server:
            host.configure(server.port, send_attempts=2)
            host.due()
            host.send()
            host.rounds()


def _with_dying_senders(host: Watched) -> None:
    """Give back; die before and while sending; answer late; die in the last try."""
    outbox = host.site.outbox
    for late in (State.SENT, State.FAILED):
        host.send()
        held = host.claim(begin=True)
        outbox.release(held, held.messages)
        held = host.claim()
        outbox.release(held, held.messages)
        host.claim()
        host.lapse()
        held, message = host.begin()
        host.lapse()
        at = host.site.clock.now()
        outbox.advance(held, done=[Result(message, late, late.value, at, 1, "accepted")])
    held, message = _killed_in_the_last_try(host)
    at = host.site.clock.now()
    outbox.advance(held, done=[Result(message, State.SENT, "sent", at, 1, "accepted")])
    _killed_in_the_last_try(host)


def _ended_in_doubt(host: Watched) -> None:
    """Cancelled, brought back, cancelled again, or too old, before a slow sender's answer."""
    outbox, message = host.site.outbox, host.site.tables.message
    for is_cancelled in (True, False):
        host.send()
        held, begun = host.begin()
        host.lapse()
        if is_cancelled:
            for act in (Act.CANCEL, Act.RESTORE, Act.CANCEL):
                assert outbox.steer(act, [begun.id]).done
        else:
            past = host.site.clock.now() - timedelta(seconds=1)
            with host.site.database.transaction() as connection:
                connection.execute(update(message).values(expires_at=past))
            host.due()
            outbox.claim(limit=1, batch=1000, interval=30, send_attempts=2)
        at = host.site.clock.now()
        result = Result(begun, State.SENT, "sent", at, 1, "accepted")
        assert not outbox.advance(held, done=[result]).lost


def _killed_in_the_last_try(host: Watched) -> tuple[Slice, Claimed]:
    """Queue a message and let each sender that begins it die; return what the last one held."""
    host.send()
    for _ in range(2):
        held, message = host.begin()
        host.lapse()
        host.due()
    return held, message


def _without_its_content(host: Watched) -> None:
    """The stored bytes are gone before the message is sent."""
    number, content = host.send(), host.site.tables.content
    gone = delete(content).where(content.c.message_id == number)
    host.site.database.write(lambda c: c.execute(gone))
    with Catcher() as server:
        host.configure(server.port)
        host.rounds()


def _vetoed_late(host: Watched) -> None:
    """A receiver says no to a mail that was begun with its claim."""
    host.send()
    held = host.claim(begin=True)
    at = host.site.clock.now()
    no = Result(held.messages[0], State.CANCELLED, "cancelled", at, 1, "sender", charged=False)
    host.site.outbox.advance(held, done=[no])


def _purged(host: Watched) -> None:
    for state in (State.SENT, State.FAILED, State.CANCELLED, State.EXPIRED):
        assert sum(host.site.outbox.purge(state, timedelta(0)))


def test_the_states_are_those_of_the_table() -> None:
    """Every state is in the diagram, and no other."""
    assert {state for edge in drawn() for state in edge} - {OUTSIDE} == {s.value for s in State}


def test_the_arrows_are_what_the_code_does(watched: Watched) -> None:
    """Deliveries, refusals, vetoes, steering, deaths and retention take exactly the drawn ways."""
    _over_smtp(watched)
    _refused_at_the_dot(watched)
    _with_dying_senders(watched)
    _ended_in_doubt(watched)
    _without_its_content(watched)
    _vetoed_late(watched)
    _purged(watched)
    assert watched.seen() == drawn()


def test_a_death_in_the_last_try_is_silent_and_late_truth_is_not(watched: Watched) -> None:
    """The failure is a try that is unknown, without a signal; the late success sends one."""
    failed: list[str] = []
    sent: list[str] = []

    def note_failed(_: object, message: Claimed, result: Result) -> None:
        failed.append(message.message_id)

    def note_sent(_: object, message: Claimed, result: Result) -> None:
        sent.append(message.message_id)

    with message_failed.connected_to(note_failed), message_sent.connected_to(note_sent):
        number, message = _overtaken_while_sending(watched)
    tries = [each.outcome for each in watched.site.outbox.attempts(number)]
    assert sorted(tries) == ["sent", "unknown"]
    assert watched.states() == {number: "sent"}
    assert failed == []
    assert sent == [message]


def _overtaken_while_sending(host: Watched) -> tuple[int, str]:
    """Send the one message in its only try; the lease lapses before the answer comes."""

    def answer_late(conversation: Conversation) -> None:
        host.lapse(send_attempts=1)
        assert set(host.states().values()) == {"failed"}
        conversation.send("250 2.0.0 Ok")

    with ScriptedServer({".": answer_late}) as server:
        host.configure(server.port, send_attempts=1)
        number = host.send()
        host.rounds()
    row = host.site.outbox.message(number)
    assert row is not None
    return number, row.message_id
