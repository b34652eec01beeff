"""Replies: how they are read, and whose fault each one is."""

from __future__ import annotations

import base64
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plato_email.errors import Cause, DeliveryError, RecipientRefusal, Stage, Verdict
from plato_email.smtp import Security, Server
from plato_email.smtp.auth import login, may_send_password
from plato_email.smtp.classify import classify, gravest
from plato_email.smtp.dialogue import Dialogue
from plato_email.smtp.faults import Malformed
from plato_email.smtp.opening import parse_capabilities
from plato_email.smtp.reply import MAX_REPLY, Reply, read_reply, scrubber
from plato_email.smtp.wire import Deadline, Wire
from tests.support.replies import refused

MESSAGE_STAGES = (Stage.SENDER, Stage.RECIPIENT, Stage.DATA, Stage.ACCEPTED)


def read(data: bytes) -> Reply:
    """The reply in ``data``."""
    lines = iter(data.split(b"\n"))
    return read_reply(lambda: next(lines), str)


@pytest.mark.parametrize(
    ("stage", "said", "verdict"),
    [
        (Stage.SENDER, "552 5.3.4 Message size exceeds fixed limit", Verdict.PERMANENT),
        (Stage.SENDER, "552 Message size exceeds limit", Verdict.PERMANENT),
        (Stage.SENDER, "452 4.3.1 Insufficient system storage", Verdict.TEMPORARY),
        (Stage.SENDER, "553 5.1.8 no such domain", Verdict.SETUP),
        (Stage.SENDER, "503 5.5.1 nested MAIL", Verdict.SERVER),
        (Stage.SENDER, "503 5.5.4 Error: send AUTH command first", Verdict.SETUP),
        (Stage.SENDER, "550 Unauthenticated senders not allowed", Verdict.SETUP),
        (Stage.RECIPIENT, "550 Please turn on SMTP Authentication in your mail", Verdict.SETUP),
        (Stage.RECIPIENT, "550 not permitted to relay without authentication", Verdict.SETUP),
        (Stage.SENDER, "503 Prohibited: authorization required", Verdict.SETUP),
        (Stage.SENDER, "502 5.7.0 Your SMTP account is not yet activated", Verdict.SETUP),
        (Stage.ACCEPTED, "552 Your account has been suspended", Verdict.SETUP),
        (Stage.ACCEPTED, "550 5.1.8 Access denied, bad outbound sender", Verdict.SETUP),
        (Stage.RECIPIENT, "550 5.2.1 The account of ann is suspended", Verdict.PERMANENT),
        (Stage.SENDER, "553 5.7.1 Sender address rejected: not logged in", Verdict.SETUP),
        (Stage.SENDER, "354 what?", Verdict.SERVER),
        (Stage.RECIPIENT, "450 4.2.0 greylisted", Verdict.TEMPORARY),
        (Stage.RECIPIENT, "550 5.1.1 unknown", Verdict.PERMANENT),
        (Stage.RECIPIENT, "552 5.2.2 mailbox quota exceeded", Verdict.PERMANENT),
        (Stage.RECIPIENT, "552 too much", Verdict.PERMANENT),
        (Stage.RECIPIENT, "552 too many recipients", Verdict.TEMPORARY),
        (Stage.RECIPIENT, "552 5.5.3 enough", Verdict.TEMPORARY),
        (Stage.RECIPIENT, "452 4.5.3 too many recipients", Verdict.TEMPORARY),
        (Stage.RECIPIENT, "504 5.5.2 <b>: Helo command rejected: need fqdn", Verdict.SETUP),
        (Stage.RECIPIENT, "550 5.7.1 mailbox over its message limit", Verdict.PERMANENT),
        (Stage.ACCEPTED, "550 5.4.5 Daily user sending limit exceeded", Verdict.QUOTA),
        (Stage.ACCEPTED, "550 5.7.1 too many messages, slow down", Verdict.SERVER),
        (Stage.ACCEPTED, "554 Sending rate exceeded", Verdict.SERVER),
        (Stage.ACCEPTED, "550 5.7.1 moderated content", Verdict.PERMANENT),
        (Stage.ACCEPTED, "550 5.7.26 This mail is unauthenticated", Verdict.PERMANENT),
        (Stage.ACCEPTED, "454 Throttling failure: Maximum sending rate exceeded", Verdict.SERVER),
        (Stage.ACCEPTED, "454 Throttling failure: Daily message quota exceeded", Verdict.QUOTA),
        (Stage.ACCEPTED, "451 4.7.1 try later", Verdict.TEMPORARY),
        (Stage.ACCEPTED, "550 5.7.30 Basic authentication is not supported", Verdict.SETUP),
        (Stage.DATA, "554 no valid recipients", Verdict.PERMANENT),
        (Stage.DATA, "250 ok?", Verdict.SERVER),
        (Stage.ACCEPTED, "354 more?", Verdict.UNKNOWN),
        (Stage.TLS, "454 not now", Verdict.SERVER),
        (Stage.TLS, "502 never", Verdict.SETUP),
        (Stage.GREETING, "554 go away", Verdict.SERVER),
    ],
)
def test_verdicts(stage: Stage, said: str, verdict: Verdict) -> None:
    """Code, enhanced code and words of a reply tell whose fault it is."""
    assert refused(stage, said).verdict is verdict


@given(stage=st.sampled_from(Stage), words=st.text(max_size=60))
def test_421_is_always_the_server(stage: Stage, words: str) -> None:
    """421 is never charged to a message."""
    cause = classify(stage, 421, "", words)
    assert not cause.verdict(421).charged


@given(
    stage=st.sampled_from(MESSAGE_STAGES),
    code=st.integers(400, 599),
    words=st.text(max_size=60),
)
def test_negative_replies_leave_no_doubt(stage: Stage, code: int, words: str) -> None:
    """A 4yz or 5yz is an answer: the outcome is never unknown after one."""
    assert classify(stage, code, "", words).verdict(code) is not Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("causes", "together"),
    [
        ([Cause.MAILBOX_FULL, Cause.RECIPIENT_UNKNOWN], Verdict.PERMANENT),
        ([Cause.RECIPIENT_UNKNOWN, Cause.GREYLISTED], Verdict.TEMPORARY),
        ([Cause.GREYLISTED, Cause.QUOTA_REACHED], Verdict.QUOTA),
        ([Cause.QUOTA_REACHED, Cause.LOGIN_REQUIRED, Cause.RECIPIENT_UNKNOWN], Verdict.SETUP),
    ],
)
def test_the_gravest_refusal_decides(causes: list[Cause], together: Verdict) -> None:
    """Of several refusals, what stops all mail decides, then what a later try may cure."""
    refusals = [RecipientRefusal(550, "", "no", cause) for cause in causes]
    assert gravest(refusals).verdict is together


def test_reply_of_many_lines() -> None:
    """The lines of a reply are one text; the enhanced code is told once."""
    reply = read(b"550-5.7.1 first line\r\n550-5.7.1 second\r\n550 5.7.1 last\r\nnext")
    assert (reply.code, reply.enhanced, reply.text) == (
        550,
        "5.7.1",
        "5.7.1 first line second last",
    )


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [(b"250\n", 250, ""), (b"250 \r\n", 250, ""), (b"220 \x1b[31mhi\x00\n", 220, "[31mhi")],
)
def test_unusual_replies(line: bytes, code: int, text: str) -> None:
    """A reply without words is one; control characters do not come through."""
    reply = read(line)
    assert (reply.code, reply.text) == (code, text)


@pytest.mark.parametrize(
    "data", [b"", b"hi\n", b"25\n", b"2500 ok\n", b"199 low\n", b"650 high\n", b"250-a\n251 b\n"]
)
def test_malformed_replies(data: bytes) -> None:
    """What does not have the form of a reply is none."""
    with pytest.raises(Malformed):
        read(data)


def test_case_r14_only_the_code_of_a_long_reply_is_kept() -> None:
    """What goes beyond a bound is read for its code; lines that disagree are no reply."""
    long = b"250-" + b"\n250-".join([b"x" * 1000] * (MAX_REPLY // 1000 + 20))

    reply = read(long + b"\n250 end\n")
    assert reply.code == 250
    assert sum(map(len, reply.lines)) <= MAX_REPLY
    for other in (b"\n550 end\n", b"\n550-more\n250 end\n", b"\nnothing\n250 end\n"):
        with pytest.raises(Malformed):
            read(long + other)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_reply_or_malformed(data: bytes) -> None:
    """No bytes whatever make the reader fail in another way."""
    try:
        reply = read(data + b"\n250 end\n")
    except Malformed:
        return
    assert 200 <= reply.code < 600


SECRETS = st.text("abcXYZ019+/\N{EURO SIGN}", min_size=4, max_size=12)


@given(user=SECRETS, password=SECRETS)
def test_credentials_are_blotted_out_in_every_form(user: str, password: str) -> None:
    """Whatever user and password are, a text that repeats them loses them."""
    login = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    coded = [base64.b64encode(each.encode()).decode() for each in (user, password)]
    scrub = scrubber(user, password)

    for secret in (user, password, login, *coded):
        assert secret not in scrub(f"<{secret}>")


@given(user=SECRETS, password=SECRETS, data=st.data())
def test_pieces_of_credentials_are_blotted_out(
    user: str, password: str, data: st.DataObject
) -> None:
    """A server that cuts, wraps or capitalises what it repeats gives nothing away by it."""
    login = base64.b64encode(f"\0{user}\0{password}".encode()).decode().rstrip("=")
    start = data.draw(st.integers(0, len(login) - 8))
    end = data.draw(st.integers(start + 8, len(login)))
    scrubbed = scrubber(user, password)(f"got '{login[start:end]}' and {password.upper()}?")

    assert login[start:end] not in scrubbed
    assert f" {password.upper()}?" not in scrubbed


@pytest.mark.parametrize(
    "words",
    ["2.7.0 Authentication successful", "2.0.0 Ok: queued as 4XyZ1A2B3C4D5E6F", "a" * 4096],
)
def test_innocent_words_are_left_alone(words: str) -> None:
    """What only looks like base64 stays."""
    assert scrubber("site@example.test", "correct horse")(words) == words


def test_nothing_is_blotted_out_without_credentials() -> None:
    """Without a login, words stay as they are."""
    assert scrubber("", "")("250 2.0.0 Ok") == "250 2.0.0 Ok"


def test_capabilities() -> None:
    """Keywords are read with their parameters, AUTH in either spelling."""
    lines = ("mail.test", "size 1000", "AUTH=LOGIN PLAIN", "AUTH PLAIN XOAUTH2", "PIPELINING")
    found = parse_capabilities(Reply(250, lines))
    assert (found["SIZE"], found["PIPELINING"]) == ("1000", "")
    assert {"LOGIN", "PLAIN", "XOAUTH2"} == set(found["AUTH"].split())


@pytest.mark.parametrize(
    ("encrypted", "peer", "allowed"),
    [
        (True, "192.0.2.1", True),
        (False, "192.0.2.1", False),
        (False, "2001:db8::1", False),
        (False, "10.0.0.1", False),
        (False, "fe80::1%eth0", False),
        (False, "127.0.0.1", True),
        (False, "127.8.9.10", True),
        (False, "::1", True),
        (False, "::ffff:127.0.0.1", True),
        (False, "::ffff:192.0.2.1", False),
    ],
)
def test_password_only_where_nobody_can_read_it(encrypted: bool, peer: str, allowed: bool) -> None:
    """An open line takes a password to this machine itself and nowhere else."""
    assert may_send_password(encrypted=encrypted, peer=peer) is allowed


def test_password_is_not_sent_over_an_open_line() -> None:
    """A login over an open line to another machine ends before a byte of it is sent."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = Server("mail.test", 25, Security.NONE, "site", "secret")
        dialogue = Dialogue(Wire(ours, "192.0.2.1", Deadline(1), str), [], server.facts())
        with pytest.raises(DeliveryError) as caught:
            login(dialogue, {"AUTH": "PLAIN"}, server)
        ours.shutdown(socket.SHUT_WR)
        received = theirs.recv(100)

    assert (caught.value.stage, caught.value.verdict) == (Stage.LOGIN, Verdict.SETUP)
    assert received == b""
