"""Answers ahead of their questions: however replies shift, no refused mail counts as accepted."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import NamedTuple

import pytest

from plato_email.errors import DeliveryError, Facts, Stage, Verdict
from plato_email.smtp import Receipt, Security, Session
from plato_email.smtp.dialogue import Dialogue
from plato_email.smtp.wire import Deadline, Wire
from tests.support.scripted_server import Act
from tests.support.smtp_client import MAIL, Envelope, failure_of, opened
from tests.support.smtp_servers import (
    Authority,
    Conversation,
    Script,
    ScriptedServer,
    drop,
    last,
)

USER, PASSWORD = "site@example.test", "secret-word"
REFUSED = "550 5.7.1 refused"
SECOND = b"Subject: Second\r\n\r\nAnother line.\r\n"
BOTH_WAYS = pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["lock-step", "pipelined"])
USUAL = {"MAIL": "250 2.1.0 Ok", "RCPT": "250 2.1.5 Ok", "DATA": "354 Go ahead"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of our own."""
    return Authority(tmp_path_factory.mktemp("certificates"))


def ahead(verb: str, early: str) -> bytes:
    """The usual reply, with one in the same breath that nothing was asked for."""
    return f"{USUAL[verb]}\r\n{early}\r\n".encode()


def taking_over(*turns: tuple[bytes, bytes]) -> Act:
    """From here on wait for the first of each pair and say the second, in one piece."""

    def act(conversation: Conversation) -> None:
        for wanted, words in turns:
            conversation.read_until(wanted)
            conversation.send(words)
        conversation.wait_for_end()

    return act


def attempt(server: ScriptedServer) -> Receipt | DeliveryError:
    """Open a session with a login and send a mail."""
    try:
        with opened(server, username=USER, password=PASSWORD) as session:
            return session.send(Envelope(), MAIL)
    except DeliveryError as error:
        return error


@pytest.mark.parametrize("early", ["250 2.0.0 Ok", "354 Go ahead", "235 Ok", "550 5.1.1 no"])
@pytest.mark.parametrize("verb", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
@BOTH_WAYS
def test_answer_ahead(verb: str, early: str, offers: tuple[str, ...]) -> None:
    """A reply too many, at any stage, is the server's fault, and nothing of the body leaves."""
    with ScriptedServer({".": REFUSED}, offers=["AUTH PLAIN", *offers]) as server:
        server.script[verb] = f"{server.script[verb]!s}\r\n{early}\r\n".encode()
        outcome = attempt(server)
        server.wait_until_left()

    assert isinstance(outcome, DeliveryError)
    if (verb, early[:3], offers) == ("RCPT", "354", ("PIPELINING",)):
        # The one that is asked for here already, DATA, is answered so: the body may have left.
        assert outcome.verdict in (Verdict.SERVER, Verdict.UNKNOWN)
    else:
        assert (outcome.verdict, server.mails) == (Verdict.SERVER, [])
        assert b"A line." not in server.received


def test_answer_ahead_under_tls(authority: Authority) -> None:
    """The same holds inside TLS, where bytes may be readable that are no reply."""
    script: Script = {"DATA": ahead("DATA", "250 2.0.0 Ok"), ".": REFUSED}
    with ScriptedServer(script, tls=authority.good) as server:
        session = opened(server, Security.TLS, ca_file=authority.ca_file)
        with session:
            error = failure_of(session.send, Envelope(), MAIL)
        server.wait_until_left()

    assert (error.stage, error.verdict, server.mails) == (Stage.DATA, Verdict.SERVER, [])


def test_answer_ahead_of_the_password() -> None:
    """A server that has let us in before the password was sent does not get it."""
    script: Script = {"AUTH": b"334 UGFzc3dvcmQ6\r\n235 2.7.0 Welcome\r\n"}
    with ScriptedServer(script, offers=["AUTH LOGIN"]) as server:
        error = failure_of(opened, server, username=USER, password=PASSWORD)
        server.wait_until_left()

    assert (error.stage, error.verdict) == (Stage.LOGIN, Verdict.SERVER)
    assert server.commands[1:] == ["AUTH LOGIN"]


@BOTH_WAYS
def test_answer_ahead_behind_reset(offers: tuple[str, ...]) -> None:
    """One too many behind RSET does not count for the mail that comes next."""
    script: Script = {"MAIL": ["553 no", "250 Ok"], "RSET": b"250 Ok\r\n250 Ok\r\n", ".": REFUSED}
    with ScriptedServer(script, offers=offers) as server, opened(server) as session:
        if offers:
            server.script["RCPT"], server.script["DATA"] = (
                ["503 no", "250 Ok"],
                ["503 no", "354 Go"],
            )
        first = failure_of(session.send, Envelope(), MAIL)
        second = failure_of(session.send, Envelope(), SECOND)

    assert (first.verdict, second.verdict, server.mails) == (Verdict.PERMANENT, Verdict.SERVER, [])


def test_refusal_that_was_meant_for_another_command() -> None:
    """A refusal is believed only when RSET shows that the answers are in step."""
    early = taking_over((b"", b"250 2.1.5 Ok\r\n550 too early\r\n"), (b"RSET\r\n", b"354 Go\r\n"))
    with (
        ScriptedServer({"RCPT": early}, offers=["PIPELINING"]) as server,
        opened(server) as session,
    ):
        error = failure_of(session.send, Envelope(), MAIL)

    assert (error.code, error.verdict, session.usable) == (550, Verdict.SERVER, False)


@pytest.mark.parametrize(
    ("verb", "early"),
    [("MAIL", "550 no"), ("RCPT", "250 Ok"), ("DATA", "250 Ok"), ("DATA", "550 no")],
)
def test_answer_ahead_in_the_mail_that_was_offered(verb: str, early: str) -> None:
    """A joined mail that was refused does not count as accepted; the mail before it does."""
    following = (Envelope(), SECOND)
    script: Script = {
        verb: [USUAL[verb], ahead(verb, early)],
        ".": ["250 2.0.0 Ok", REFUSED],
    }
    with ScriptedServer(script, offers=["PIPELINING"]) as server, opened(server) as session:
        receipt = session.send(Envelope(), MAIL, following=following)
        error = failure_of(session.send, *following)

    assert (receipt.code, error.verdict, server.mails) == (250, Verdict.SERVER, [MAIL])
    assert not session.usable


def sent_joined(*turns: tuple[bytes, bytes]) -> list[Receipt | DeliveryError]:
    """Two mails, the second offered behind the first, to a server that takes over at DATA."""
    outcomes: list[Receipt | DeliveryError] = []
    following = (Envelope(), SECOND)
    script: Script = {"DATA": taking_over((b"", b"354 Go ahead\r\n"), *turns)}
    with ScriptedServer(script, offers=["PIPELINING"]) as server, opened(server) as session:
        for mail, after in (((Envelope(), MAIL), following), (following, None)):
            try:
                outcomes.append(session.send(*mail, following=after))
            except DeliveryError as error:
                outcomes.append(error)
    return outcomes


END = b"\r\n.\r\n"
NEXT = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go ahead\r\n"


def test_joined_answers_that_arrive_together_are_in_step() -> None:
    """The final reply and the answers to the next mail may come in one piece."""
    yes = b"250 2.0.0 Ok\r\n"
    bye = (b"QUIT\r\n", b"221 2.0.0 Bye\r\n")
    outcomes = sent_joined((END, b""), (b"DATA\r\n", yes + NEXT), (END, yes), bye)

    assert [type(each) for each in outcomes] == [Receipt, Receipt]


def test_more_answers_than_questions_leave_the_mail_in_doubt() -> None:
    """Where a yes and a no have come for one mail, nobody can tell which of them was for it."""
    first, second = sent_joined((b"DATA\r\n", b"250 Ok\r\n550 no\r\n" + NEXT))

    assert isinstance(first, DeliveryError)
    assert isinstance(second, DeliveryError)
    assert (first.stage, first.verdict) == (Stage.ACCEPTED, Verdict.UNKNOWN)
    assert (second.stage, second.verdict) == (Stage.SENDER, Verdict.SERVER)


@pytest.mark.parametrize(
    ("final", "verdict"),
    [
        (b"250 Ok\r\n550 no\r\n", Verdict.UNKNOWN),
        (b"550 no\r\n250 Ok\r\n", Verdict.UNKNOWN),
        (b"250 Ok\r\n250 Ok\r\n", None),
        (b"250-Ok\r\n250 Ok\r\n421 bye\r\n", None),
        (b"550 no\r\n421 bye\r\n", Verdict.PERMANENT),
    ],
)
def test_what_stands_behind_the_final_reply(final: bytes, verdict: Verdict | None) -> None:
    """A second opinion puts the mail in doubt; the same again, or a farewell, does not."""
    outcome: Verdict | None = None
    with ScriptedServer({".": final}) as server, opened(server) as session:
        try:
            session.send(Envelope(), MAIL)
        except DeliveryError as error:
            outcome = error.verdict

    assert outcome is verdict


def test_refusal_before_a_lost_connection_stays_a_refusal() -> None:
    """What was said to MAIL counts when the connection is lost behind it."""
    script: Script = {"MAIL": "450 4.2.0 later", "DATA": drop}
    with ScriptedServer(script, offers=["PIPELINING"]) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), MAIL)

    assert (error.verdict, error.code, session.usable) == (Verdict.TEMPORARY, 450, False)


def test_refusal_with_a_farewell_stays_a_refusal() -> None:
    """421 behind a refusal closes the session and takes nothing from what was said."""
    with ScriptedServer({"MAIL": b"550 5.7.1 no\r\n421 bye\r\n"}) as server:
        session = opened(server)
        error = failure_of(session.send, Envelope(), MAIL)

    assert (error.verdict, error.code, session.usable) == (Verdict.PERMANENT, 550, False)


@pytest.mark.parametrize("words", ["", "421 4.3.2 going down"])
def test_server_that_leaves_before_the_body(words: str) -> None:
    """A server gone before a byte of the body was written has not got the mail: no doubt."""
    with ScriptedServer({"DATA": last(f"354 Go ahead\r\n{words}".rstrip())}) as server:
        session = opened(server)
        error = failure_of(session.send, Envelope(), MAIL, before_body=server.wait_until_left)

    assert (error.stage, error.verdict) == (Stage.DATA, Verdict.SERVER)


def test_refusal_in_the_middle_of_a_large_body_is_heard() -> None:
    """A server that refuses while it reads on has refused: the final dot is not sent."""

    def refuse_and_read_on(conversation: Conversation) -> None:
        conversation.send("354 Go ahead")
        conversation.read_until(b"xxx\r\n")
        conversation.send("552 5.3.4 too big after all")
        conversation.wait_for_end()

    large = b"Subject: large\r\n\r\n" + (b"x" * 76 + b"\r\n") * 200_000
    with ScriptedServer({"DATA": refuse_and_read_on}) as server, opened(server) as session:
        error = failure_of(session.send, Envelope(), large)
        server.wait_until_left()

    assert (error.stage, error.verdict, error.code) == (Stage.DATA, Verdict.PERMANENT, 552)
    assert not server.received.endswith(END)


class Peer(NamedTuple):
    """A session over a socket whose buffers hold little, and the server's end of it."""

    session: Session
    theirs: socket.socket


@contextmanager
def narrow() -> Iterator[Peer]:
    """A session that cannot write more than the server reads."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        wire = Wire(ours, "127.0.0.1", Deadline(2), str)
        dialogue = Dialogue(wire, [], Facts())
        theirs.sendall(b"220 narrow.test\r\n")
        dialogue.hear()
        yield Peer(Session(dialogue, {"PIPELINING": ""}), theirs)


def read_to(theirs: socket.socket, stop: bytes) -> None:
    """Read a little at a time up to ``stop`` and not much further."""
    read = b""
    while stop not in read:
        read += theirs.recv(64)


@pytest.mark.parametrize(
    ("stop", "answer", "expected"),
    [
        (b"x" * 64, b"", (Stage.DATA, Verdict.SERVER)),
        (END, b"", (Stage.ACCEPTED, Verdict.UNKNOWN)),
        (END, b"550 5.7.1 refused\r\n", (Stage.ACCEPTED, Verdict.PERMANENT)),
        (END, b"250 2.0.0 Ok\r\n", None),
    ],
    ids=["before the dot", "behind the dot", "refused", "accepted"],
)
def test_write_that_fails_on_both_sides_of_the_dot(
    stop: bytes, answer: bytes, expected: tuple[Stage, Verdict] | None
) -> None:
    """Where the dot may have left the outcome is unknown, or as the server says; else it is not."""
    data = b"Subject: hello\r\n\r\n" + b"x" * 20_000 + b"\r\n"
    crowd = Envelope(recipients=tuple(f"{n:0>200}@example.test" for n in range(90)))

    def serve(theirs: socket.socket) -> None:
        read_to(theirs, b"DATA\r\n")
        theirs.sendall(b"250 Ok\r\n250 Ok\r\n354 Go\r\n")
        read_to(theirs, stop)
        theirs.sendall(answer)
        theirs.close()

    with narrow() as peer:
        thread = Thread(target=serve, args=(peer.theirs,))
        thread.start()
        outcome: object = None
        try:
            peer.session.send(Envelope(), data, deadline=5, following=(crowd, SECOND))
        except DeliveryError as error:
            outcome = (error.stage, error.verdict)
        thread.join(5)

    assert outcome == expected
    assert not peer.session.usable
