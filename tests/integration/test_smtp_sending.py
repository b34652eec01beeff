"""Mail over a session: what arrives, and what is refused while the session goes on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from plato_email.errors import Stage, Verdict
from plato_email.smtp import Step
from tests.support.smtp_client import MAIL, RECIPIENT, SENDER, Envelope, failure_of, opened
from tests.support.smtp_servers import Catcher, Reply, Script, ScriptedServer

BOTH_WAYS = pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["lock-step", "pipelined"])


def test_plain_mail_arrives() -> None:
    """A mail to a server without TLS arrives with its envelope, and the receipt says so."""
    with Catcher() as catcher, opened(catcher) as session:
        receipt = session.send(Envelope(), MAIL)
        (caught,) = catcher.wait_for(1)

    assert (caught.sender, caught.recipients, caught.data) == (SENDER, (RECIPIENT,), MAIL)
    assert (
        receipt.accepted,
        receipt.refused,
        receipt.code,
        receipt.enhanced,
    ) == ((RECIPIENT,), {}, 250, "2.0.0")
    assert "queued as 1" in receipt.reply


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: dots\r\n\r\n.\r\n..\r\n.end\r\n",
        b".leading: dot\r\n\r\nbody\r\n",
        b"Subject: no end\r\n\r\n.",
        b"Subject: commands\r\n\r\n.\r\nMAIL FROM:<x@example.test>\r\n",
        b"Subject: eight bit\r\n\r\n" + "Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n\r\n".encode(),
        b"Subject: large\r\n\r\n" + b".23456789\r\n" * 100_000,
    ],
    ids=["dots", "leading dot", "no line end", "smuggling", "eight bit", "large"],
)
def test_bytes_arrive_as_they_were(data: bytes) -> None:
    """One mail arrives, byte for byte, whatever dots and lengths its lines have."""
    with Catcher() as catcher, opened(catcher) as session:
        session.send(Envelope(), data)
        caught = catcher.wait_for(1)

    assert [data if data.endswith(b"\r\n") else data + b"\r\n"] == [each.data for each in caught]


def test_one_connection_carries_many_mails() -> None:
    """A session is used again and again over the same connection."""
    with Catcher() as catcher, opened(catcher) as session:
        for number in range(50):
            session.send(Envelope(), MAIL + b"%d\r\n" % number)
        caught = catcher.wait_for(50)

    assert [MAIL + b"%d\r\n" % number for number in range(50)] == [each.data for each in caught]
    assert (catcher.connections, session.sent) == (1, 50)


@BOTH_WAYS
def test_refused_recipient_does_not_hold_up_the_others(offers: tuple[str, ...]) -> None:
    """The mail goes to those who are accepted; each refusal has a verdict of its own."""
    replies = ["250 Ok", "450 4.2.0 later", "550 5.1.1 nobody here", "452 4.5.3 too many"]
    people = tuple(f"{name}@example.test" for name in ("ok", "later", "nobody", "many"))
    with ScriptedServer({"RCPT": [*replies]}, offers=offers) as server, opened(server) as session:
        receipt = session.send(Envelope(recipients=people), MAIL)

    assert people[:1] == receipt.accepted
    assert {
        people[1]: (450, "4.2.0", Verdict.TEMPORARY),
        people[2]: (550, "5.1.1", Verdict.PERMANENT),
        people[3]: (452, "4.5.3", Verdict.TEMPORARY),
    } == {who: (each.code, each.enhanced, each.verdict) for who, each in receipt.refused.items()}


@BOTH_WAYS
@pytest.mark.parametrize(
    ("replies", "code", "verdict"),
    [
        (["550 5.1.1 unknown", "550 5.1.1 unknown"], 550, Verdict.PERMANENT),
        (["550 5.1.1 unknown", "450 4.2.0 greylisted"], 450, Verdict.TEMPORARY),
        (["550 5.1.1 unknown", "550 5.4.5 Daily limit exceeded"], 550, Verdict.QUOTA),
    ],
)
def test_all_recipients_refused(
    offers: tuple[str, ...], replies: list[str], code: int, verdict: Verdict
) -> None:
    """Nothing is sent when nobody is accepted; the session can be used for the next mail."""
    both = Envelope(recipients=("a@example.test", "b@example.test"))
    script: dict[str, Reply | Sequence[Reply]] = {"RCPT": [*replies, "250 Ok"]}
    if offers:
        script["DATA"] = ["554 no valid recipients", "354 Go ahead"]
    with ScriptedServer(script, offers=offers) as server, opened(server) as session:
        error = failure_of(session.send, both, MAIL)
        usable = session.usable
        session.send(Envelope(), MAIL)

    assert (Stage.RECIPIENT, verdict, code, True) == (
        error.stage,
        error.verdict,
        error.code,
        usable,
    )
    assert set(both.recipients) == set(error.recipients)
    assert server.conversations[0].mails == [MAIL]
    assert "RSET" in server.commands


def test_data_accepted_for_nobody_gets_a_lone_dot() -> None:
    """A pipelining server that says 354 though it refused everybody gets an empty message."""
    script: Script = {
        "RCPT": ["550 5.1.1 unknown", "250 Ok"],
        ".": ["554 no valid recipients", "250 Ok"],
    }
    with ScriptedServer(script, offers=["PIPELINING"]) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL)
        session.send(Envelope(), MAIL)

    assert (error.stage, error.verdict, error.code) == (Stage.RECIPIENT, Verdict.PERMANENT, 550)
    assert server.conversations[0].mails == [b"", MAIL]


@BOTH_WAYS
def test_refused_sender_leaves_the_session_usable(offers: tuple[str, ...]) -> None:
    """A sender that is not accepted harms its own mail only."""
    script: dict[str, Sequence[Reply]] = {"MAIL": ["553 5.7.1 not yours", "250 Ok"]}
    if offers:
        script["RCPT"] = ["503 no sender", "250 Ok"]
        script["DATA"] = ["503 no sender", "354 Go ahead"]
    with ScriptedServer(script, offers=offers) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL)
        session.send(Envelope(), MAIL)

    assert (error.stage, error.verdict, error.code) == (Stage.SENDER, Verdict.SETUP, 553)
    assert error.recipients == {}
    assert server.conversations[0].mails == [MAIL]


def test_pipelined_commands_go_out_together() -> None:
    """MAIL, RCPT and DATA go out before any of them is answered; the body waits for the 354."""
    received_before_first_reply = []
    with ScriptedServer(offers=["PIPELINING"]) as server:
        usual = "250 2.1.0 Ok"

        def note(conversation: object) -> None:
            received_before_first_reply.append(server.received)
            server.conversations[0].send(usual)

        server.script["MAIL"] = note
        with opened(server) as session:
            session.send(Envelope(recipients=("a@example.test", "b@example.test")), MAIL)

    (received,) = received_before_first_reply
    assert received.endswith(b"\r\nRCPT TO:<b@example.test>\r\nDATA\r\n")


def test_many_recipients_go_out_in_groups() -> None:
    """A pipelined mail to 250 people is taken by one transaction."""
    people = tuple(f"user{number}@example.test" for number in range(250))
    with ScriptedServer(offers=["PIPELINING"]) as server, opened(server) as session:
        receipt = session.send(Envelope(recipients=people), MAIL)

    assert people == receipt.accepted
    assert server.conversations[0].mails == [MAIL]


def test_too_large_for_the_offered_size_is_not_sent() -> None:
    """A mail larger than SIZE is refused here, without a word to the server."""
    with ScriptedServer(offers=["SIZE 100"]) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL + b"x" * 100 + b"\r\n")
        session.send(Envelope(), MAIL)

    assert (
        error.stage,
        error.verdict,
        error.enhanced,
    ) == (Stage.SENDER, Verdict.PERMANENT, "5.3.4")
    assert "no more than 100" in error.reply
    assert [f"MAIL FROM:<{SENDER}> SIZE={len(MAIL)}"] == server.commands[1:2]


def test_null_sender() -> None:
    """An empty sender is the null reverse-path."""
    with ScriptedServer() as server, opened(server) as session:
        session.send(Envelope(sender=""), MAIL)

    assert "MAIL FROM:<>" in server.commands


UMLAUT = "j\N{LATIN SMALL LETTER O WITH DIAERESIS}rg@example.test"
UTF8_MAIL = f"Subject: An {UMLAUT}\r\n\r\nHello\r\n".encode()


def test_smtputf8_is_asked_for_when_needed() -> None:
    """An address outside ASCII is sent with SMTPUTF8, and only then."""
    with Catcher() as catcher, opened(catcher) as session:
        session.send(Envelope(recipients=(UMLAUT,)), UTF8_MAIL)
        session.send(Envelope(), MAIL)
        first, second = catcher.wait_for(2)

    assert (first.recipients, first.data) == ((UMLAUT,), UTF8_MAIL)
    assert {"SMTPUTF8", "BODY=8BITMIME"} == {o for o in first.options if "SIZE" not in o}
    assert "SMTPUTF8" not in second.options


@pytest.mark.parametrize(
    ("envelope", "data", "verdict"),
    [
        (Envelope(sender=UMLAUT), MAIL, Verdict.SETUP),
        (Envelope(), UTF8_MAIL, Verdict.PERMANENT),
    ],
    ids=["sender", "header"],
)
def test_without_smtputf8_the_mail_is_refused_here(
    envelope: Envelope, data: bytes, verdict: Verdict
) -> None:
    """What needs SMTPUTF8 is not sent where the server has none."""
    with Catcher(utf8=False) as catcher, opened(catcher) as session:
        error = failure_of(session.send, envelope, data)
        session.send(Envelope(), MAIL)
        caught = catcher.wait_for(1)

    assert (error.stage, error.verdict, error.code) == (Stage.SENDER, verdict, None)
    assert "SMTPUTF8" in error.reply
    assert [each.data for each in caught] == [MAIL]


def test_without_smtputf8_only_its_recipient_is_left_out() -> None:
    """One recipient outside ASCII does not keep the mail from the others."""
    with Catcher(utf8=False) as catcher, opened(catcher) as session:
        receipt = session.send(Envelope(recipients=(UMLAUT, RECIPIENT)), MAIL)
        alone = failure_of(session.send, Envelope(recipients=(UMLAUT,)), MAIL)

    assert ((RECIPIENT,), {UMLAUT}) == (receipt.accepted, set(receipt.refused))
    assert (alone.stage, alone.verdict) == (Stage.RECIPIENT, Verdict.PERMANENT)


def test_eight_bit_body_needs_8bitmime() -> None:
    """An 8-bit body is not sent to a server that may cut off the eighth bit."""
    with ScriptedServer() as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL + b"\xc3\xa9\r\n")

    assert (error.verdict, error.enhanced) == (Verdict.PERMANENT, "5.6.3")


@pytest.mark.parametrize("data", [b"a\r\n.\nb\r\n", b"a\r\r\n", b"a\rb\r\n", b"a\n"])
def test_lone_line_ends_are_refused(data: bytes) -> None:
    """Bytes that servers could read as two mails never leave."""
    with ScriptedServer() as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), data)

    assert (error.stage, error.verdict) == (Stage.SENDER, Verdict.PERMANENT)
    assert not any(command.startswith("MAIL") for command in server.commands)


@pytest.mark.parametrize(
    ("envelope", "stage"),
    [
        (Envelope(sender="a@x\r\nRCPT TO:<b@x>"), Stage.SENDER),
        (Envelope(recipients=("a@x>\r\nDATA\r\n",)), Stage.RECIPIENT),
        (Envelope(recipients=()), Stage.RECIPIENT),
    ],
)
def test_addresses_cannot_carry_commands(envelope: Envelope, stage: Stage) -> None:
    """A control character in an address is refused before anything is sent, as is no recipient."""
    with ScriptedServer() as server, opened(server) as session:
        error = failure_of(session.send, envelope, MAIL)

    assert (stage, Verdict.PERMANENT) == (error.stage, error.verdict)
    assert server.commands[1:] == ["QUIT"]


def test_steps_of_a_mail_are_reported() -> None:
    """Every stage is reported as it ends, with the server's words."""
    steps: list[Step] = []
    refusing = Catcher(refusals={"b@example.test": "550 5.1.1 unknown"})
    with refusing as catcher, opened(catcher, observe=steps.append) as session:
        people = (RECIPIENT, "b@example.test")
        session.send(Envelope(recipients=people), MAIL, observe=steps.append)

    told = [(step.stage, step.ok) for step in steps]
    assert told == [
        (Stage.RESOLVE, True),
        (Stage.CONNECT, True),
        (Stage.GREETING, True),
        (Stage.EHLO, True),
        (Stage.SENDER, True),
        (Stage.RECIPIENT, True),
        (Stage.RECIPIENT, False),
        (Stage.DATA, True),
        (Stage.ACCEPTED, True),
    ]
    assert steps[6].detail == "b@example.test: 550 5.1.1 unknown"
    assert all(0 <= step.milliseconds < 2000 for step in steps)


class LeaseLost(Exception):
    """What a caller may raise from ``before_body``."""


def test_caller_can_stop_a_mail_before_its_body() -> None:
    """An error from before_body takes the mail back and ends the connection."""

    def stop() -> None:
        raise LeaseLost

    with ScriptedServer() as server:
        session = opened(server)
        with pytest.raises(LeaseLost):
            session.send(Envelope(), MAIL, before_body=stop)
        server.wait_until_left()

    assert (session.usable, session.sent) == (False, 0)
    assert server.received.endswith(b"DATA\r\n")
