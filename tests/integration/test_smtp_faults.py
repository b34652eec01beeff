"""Servers that fail: which stage, whose fault, and what becomes of the session."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread

import pytest

from plato_email.errors import DeliveryError, Stage, Verdict
from plato_email.smtp import Session, Step
from tests.support.smtp_client import MAIL, RECIPIENT, Envelope, failure_of, opened
from tests.support.smtp_servers import (
    Conversation,
    Reply,
    Script,
    ScriptedServer,
    drip,
    drop,
    hang,
    last,
    reset,
    take_data_until,
)

BEFORE_THE_DOT = [("MAIL", Stage.SENDER), ("RCPT", Stage.RECIPIENT), ("DATA", Stage.DATA)]
EVERYWHERE = [
    ("greeting", Stage.GREETING),
    ("EHLO", Stage.EHLO),
    *BEFORE_THE_DOT,
    (".", Stage.ACCEPTED),
]
BOTH_WAYS = pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["lock-step", "pipelined"])


def attempt(server: ScriptedServer, deadline: float = 2.0) -> tuple[DeliveryError, Session | None]:
    """Open a session, send one mail, and return the error with the session, if it came to one."""
    try:
        session = opened(server, deadline=deadline)
    except DeliveryError as error:
        return error, None
    with session:
        return failure_of(session.send, Envelope(), MAIL, deadline=deadline), session


def lost_at(stage: Stage) -> Verdict:
    """The verdict where no usable answer comes."""
    return Verdict.UNKNOWN if stage is Stage.ACCEPTED else Verdict.SERVER


@BOTH_WAYS
@pytest.mark.parametrize(
    ("verb", "stage", "ending"),
    [(*each, drop) for each in EVERYWHERE]
    # A reset before the greeting may already fail the connect.
    + [(*each, reset) for each in EVERYWHERE[1:]],
)
def test_lost_connection(verb: str, stage: Stage, ending: Reply, offers: tuple[str, ...]) -> None:
    """A drop before the dot is the server's fault, one after it leaves the outcome unknown."""
    with ScriptedServer({verb: ending}, offers=offers) as server:
        error, session = attempt(server)

    assert (stage, lost_at(stage), None) == (error.stage, error.verdict, error.code)
    assert session is None or not session.usable


@pytest.mark.parametrize(
    "rubbish",
    [b"hello\r\n", b"250-one\r\n550 two\r\n", b"99 low\r\n", b"\xff\xfe\r\n", b"250\tok\r\n"],
)
@pytest.mark.parametrize(("verb", "stage"), EVERYWHERE)
def test_rubbish_in_place_of_a_reply(verb: str, stage: Stage, rubbish: bytes) -> None:
    """What is not a reply ends the session; after the dot it leaves the outcome unknown."""
    with ScriptedServer({verb: rubbish}) as server:
        error, session = attempt(server)

    assert (stage, lost_at(stage), None) == (error.stage, error.verdict, error.code)
    assert session is None or not session.usable


def endless_lines(conversation: Conversation) -> None:
    """Send continuation lines for ever."""
    while True:
        conversation.send(b"250-and so on\r\n" * 1000)


def endless_line(conversation: Conversation) -> None:
    """Send one line for ever."""
    conversation.send(b"250-")
    while True:
        conversation.send(b"x" * 10_000)


@pytest.mark.parametrize("reply", [endless_lines, endless_line])
@pytest.mark.parametrize(("verb", "stage"), EVERYWHERE)
def test_endless_reply_is_cut_off(verb: str, stage: Stage, reply: Reply) -> None:
    """A reply without end is read to a bound and no further."""
    with ScriptedServer({verb: reply}) as server:
        error, _ = attempt(server)

    assert (stage, lost_at(stage)) == (error.stage, error.verdict)
    assert "is longer than" in error.reply


LONG = {
    "lines": lambda code: f"{code}-and so on\r\n" * 10_000 + f"{code} 2.0.0 end\r\n",
    "line": lambda code: f"{code} 2.0.0 {'x' * 100_000}\r\n",
}


@BOTH_WAYS
@pytest.mark.parametrize("form", LONG)
def test_case_r14_long_reply_counts(form: str, offers: tuple[str, ...]) -> None:
    """A reply of 10,000 lines is one, at any stage, and the session goes on behind it."""
    long = {
        each: lambda conversation, code=code: conversation.send(LONG[form](code).encode())
        for each, code in {"greeting": 220, "MAIL": 250, "RCPT": 250, "DATA": 354, ".": 250}.items()
    }
    with ScriptedServer(long, offers=offers) as server, opened(server) as session:
        for _ in range(2):
            receipt = session.send(Envelope(), MAIL, deadline=20)
            assert (receipt.code, receipt.accepted) == (250, (RECIPIENT,))
            assert len("".join(receipt.transcript)) < 1_000_000
        assert session.usable
        assert len(server.mails) == 2


@pytest.mark.parametrize("form", LONG)
@pytest.mark.parametrize(("verb", "stage"), [*BEFORE_THE_DOT, (".", Stage.ACCEPTED)])
def test_case_r14_long_refusal_counts(verb: str, stage: Stage, form: str) -> None:
    """Nor is it any less of a refusal for being long."""
    with ScriptedServer({verb: lambda c: c.send(LONG[form](554).encode())}) as server:
        error, _ = attempt(server, deadline=20)

    assert (error.stage, error.code, error.verdict) == (stage, 554, Verdict.PERMANENT)


@pytest.mark.parametrize("reply", [hang, drip("250-" + "slow " * 500, every=0.05)])
@pytest.mark.parametrize(("verb", "stage"), EVERYWHERE)
def test_deadline_is_kept(verb: str, stage: Stage, reply: Reply) -> None:
    """A server that hangs, or drips a byte now and then, is left when the time is over."""
    with ScriptedServer({verb: reply}) as server:
        began = time.monotonic()
        error, _ = attempt(server, deadline=0.3)
        took = time.monotonic() - began

    assert (stage, lost_at(stage), None) == (error.stage, error.verdict, error.code)
    assert error.reply == "No answer in time; 0.3 seconds were allowed."
    assert 0.25 < took < 3


def test_server_that_stops_reading_keeps_the_deadline() -> None:
    """A body that nobody reads is given up before the dot, so nothing is in doubt."""

    def stop_reading(conversation: Conversation) -> None:
        conversation.send("354 Go ahead")
        conversation.stopping.wait(60)

    large = b"Subject: large\r\n\r\n" + b"x" * 78 + b"\r\n"
    with ScriptedServer({"DATA": stop_reading}) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), large * 200_000, deadline=3)

    assert (error.stage, error.verdict, session.usable) == (Stage.DATA, Verdict.SERVER, False)


@pytest.mark.parametrize(
    ("reply", "code", "verdict"),
    [
        (last("552 5.3.4 too big after all"), 552, Verdict.PERMANENT),
        (last("421 4.3.0 closing"), 421, Verdict.SERVER),
        (drop, None, Verdict.SERVER),
        (reset, None, Verdict.SERVER),
    ],
)
def test_server_that_gives_up_in_the_body(reply: Reply, code: int | None, verdict: Verdict) -> None:
    """What the server says before it hangs up in the middle of a body is heard."""
    large = b"Subject: large\r\n\r\n" + (b"x" * 76 + b"\r\n") * 200_000
    script: Script = {"DATA": take_data_until(b"xxx\r\n", reply)}
    with ScriptedServer(script) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), large)

    assert (error.stage, session.usable) == (Stage.DATA, False)
    assert (error.verdict, error.code) == (verdict, code)


@BOTH_WAYS
@pytest.mark.parametrize(("verb", "stage"), [*BEFORE_THE_DOT, (".", Stage.ACCEPTED)])
def test_421_closes_the_session(verb: str, stage: Stage, offers: tuple[str, ...]) -> None:
    """421 is the server's leave-taking wherever it comes, and tells itself from a drop."""
    with ScriptedServer({verb: last("421 4.4.2 goodbye")}, offers=offers) as server:
        error, session = attempt(server)

    assert (stage, Verdict.SERVER, 421, "4.4.2") == (
        error.stage,
        error.verdict,
        error.code,
        error.enhanced,
    )
    assert session is not None
    assert not session.usable


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("450 4.2.0 greylisted", Verdict.TEMPORARY),
        ("554 5.6.0 spam", Verdict.PERMANENT),
        ("550 5.4.5 Daily user sending limit exceeded", Verdict.QUOTA),
        ("530 5.7.0 Authentication required", Verdict.SETUP),
    ],
)
@pytest.mark.parametrize(("verb", "stage"), [*BEFORE_THE_DOT, (".", Stage.ACCEPTED)])
def test_refusal_leaves_the_session_usable(
    verb: str, stage: Stage, reply: str, verdict: Verdict
) -> None:
    """A refused mail is followed by RSET, and the next one goes over the same connection."""
    usual = {"DATA": "354 Go ahead"}.get(verb, "250 2.0.0 Ok")
    with ScriptedServer({verb: [reply, usual]}) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL)
        session.send(Envelope(), MAIL)

    assert (stage, verdict, int(reply[:3])) == (error.stage, error.verdict, error.code)
    assert reply[4:] == error.reply
    assert (session.sent, len(server.conversations)) == (1, 1)
    assert server.commands.count("RSET") == 1


@pytest.mark.parametrize("reply", [drop, "421 4.4.2 goodbye", "500 what?", b"rubbish\r\n"])
def test_failed_reset_ends_the_session(reply: Reply) -> None:
    """The refusal is reported, and a session that cannot be reset is not used again."""
    with ScriptedServer({"MAIL": "553 no", "RSET": reply}) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL)

    assert (error.stage, error.code, session.usable) == (Stage.SENDER, 553, False)


def test_two_hundred_and_something_is_acceptance() -> None:
    """Any 2yz after the dot is acceptance (RFC 5321 section 4.2.1)."""
    with ScriptedServer({".": "252 2.0.0 surely"}) as server, opened(server) as session:
        receipt = session.send(Envelope(), MAIL)

    assert (receipt.code, receipt.accepted) == (252, (RECIPIENT,))


def test_third_kind_of_reply_after_the_dot_is_unknown() -> None:
    """A 3yz after the dot says neither yes nor no."""
    with ScriptedServer({".": "354 more?"}) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL)

    assert (
        error.stage,
        error.verdict,
        error.code,
        session.usable,
    ) == (Stage.ACCEPTED, Verdict.UNKNOWN, 354, False)


def test_refused_recipients_are_told_with_a_later_failure() -> None:
    """A mail that fails at the dot still says which recipients were refused for good."""
    people = Envelope(recipients=("gone@example.test", RECIPIENT))
    script: Script = {"RCPT": ["550 5.1.1 gone", "250 Ok"], ".": "451 4.3.0 later"}
    with ScriptedServer(script) as server, opened(server) as session:
        error = failure_of(session.send, people, MAIL)

    assert (error.stage, error.verdict) == (Stage.ACCEPTED, Verdict.TEMPORARY)
    assert {who: each.verdict for who, each in error.recipients.items()} == {
        "gone@example.test": Verdict.PERMANENT
    }


def test_leave_taken_while_idle() -> None:
    """A server that closed an idle session with 421 is heard before the next mail."""
    left = Event()

    def accept_and_leave(conversation: Conversation) -> None:
        conversation.send("250 2.0.0 Ok")
        conversation.send("421 4.4.2 idle too long")
        left.set()

    with ScriptedServer({".": accept_and_leave}) as server, opened(server) as session:
        session.send(Envelope(), MAIL)
        assert left.wait(2)
        error = failure_of(session.send, Envelope(), MAIL)

    assert (error.stage, error.verdict, error.code) == (Stage.SENDER, Verdict.SERVER, 421)
    assert (session.usable, len(server.conversations[0].mails)) == (False, 1)


def test_answer_to_nothing_does_not_shift_the_answers() -> None:
    """A stray reply ends the session: read as an answer it could turn a refusal into a yes."""
    script: Script = {".": b"250 2.0.0 Ok\r\n250 2.0.0 Ok again\r\n"}
    with ScriptedServer(script) as server, opened(server) as session:
        session.send(Envelope(), MAIL)
        error = failure_of(session.send, Envelope(), MAIL)

    assert (error.stage, error.verdict, session.usable) == (Stage.SENDER, Verdict.SERVER, False)
    assert "nothing had been asked for" in error.reply


def test_closed_session_says_so() -> None:
    """A mail over a closed session fails as the server's matter, not as the mail's."""
    with ScriptedServer() as server:
        session = opened(server)
        session.close()
        error = failure_of(session.send, Envelope(), MAIL)

    assert (error.stage, error.verdict) == (Stage.SENDER, Verdict.SERVER)


@pytest.mark.parametrize("reply", [drop, "500 never", b"rubbish\r\n", "221 Bye"])
def test_close_never_fails(reply: Reply) -> None:
    """Whatever the server answers to QUIT, the session is closed and the mail stays sent."""
    with ScriptedServer({"QUIT": reply}) as server:
        with opened(server) as session:
            session.send(Envelope(), MAIL)
        session.close()
        server.wait_until_left()

    assert (server.commands[-1], session.sent, session.usable) == ("QUIT", 1, False)


def test_abort_ends_a_mail_from_another_thread() -> None:
    """A thread that waits for the server is set free when the session is aborted."""
    waiting = Event()
    errors: list[DeliveryError] = []

    def never_answer(conversation: Conversation) -> None:
        waiting.set()
        hang(conversation)

    with ScriptedServer({"MAIL": never_answer}) as server, opened(server) as session:
        thread = Thread(target=lambda: errors.append(failure_of(session.send, Envelope(), MAIL)))
        thread.start()
        assert waiting.wait(2)
        session.abort()
        thread.join(2)

    assert [(each.stage, each.verdict) for each in errors] == [(Stage.SENDER, Verdict.SERVER)]


def send_one(server: ScriptedServer, observe: Callable[[Step], None]) -> None:
    """Open a session and send a mail."""
    with opened(server, observe=observe) as session:
        session.send(Envelope(), MAIL, observe=observe)


@pytest.mark.parametrize(("verb", "stage"), EVERYWHERE)
def test_failing_stage_is_reported(verb: str, stage: Stage) -> None:
    """The last step is the one that failed, with the reason, and nothing is reported after it."""
    steps: list[Step] = []
    with ScriptedServer({verb: last("421 4.3.2 no more")}) as server:
        failure_of(send_one, server, steps.append)

    assert (stage, False, "421 4.3.2 no more") == (
        steps[-1].stage,
        steps[-1].ok,
        steps[-1].detail,
    )
    assert all(step.ok for step in steps[:-1])


def test_error_carries_the_dialogue() -> None:
    """The transcript of an error holds the opening and the mail, and no body."""
    with ScriptedServer({".": "554 5.6.0 spam"}) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL)

    assert error.transcript[0] == "S: 220 scripted.test ESMTP"
    assert ("C: DATA", f"C: ({len(MAIL)} bytes)", "S: 554 5.6.0 spam") == (
        error.transcript[-4],
        error.transcript[-2],
        error.transcript[-1],
    )
    assert "A line." not in repr(error.transcript)


def test_long_replies_are_shortened() -> None:
    """Five hundred characters of a server's words are kept."""
    words = "550-" + "a" * 400 + "\r\n550 " + "b" * 400
    with ScriptedServer({"MAIL": words}) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL)

    assert len(error.reply) == 500
