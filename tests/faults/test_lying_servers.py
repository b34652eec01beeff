"""Case 20: a server that may say anything, or nothing, in any of its turns."""

from __future__ import annotations

import base64
import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plato_email.errors import DeliveryError, Stage, Verdict
from plato_email.smtp import Receipt, Security, Server, Session
from tests.support import verdict_oracle as oracle
from tests.support.certificates import Authority
from tests.support.liar import OUTSIDE, TROUBLES, Action, Liar, Say, Trouble, Turn, spoken
from tests.support.smtp_client import Envelope

SHORT, LONG, GRACE = 0.6, 10.0, 1.5
"""Seconds: the deadline where something hangs, where nothing does, and more for a slow machine."""
MAILS = 3
MEMORY = 2 * 1024 * 1024
USERNAME, PASSWORD = "somebody@example.test", "s3cret-pass-word"
FUZZ = settings(
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
QUICK = tuple(each for each in TROUBLES if not each.slow)
CODES = (
    *(200, 211, 220, 235, 250, 251, 252, 299, 300, 334, 354, 399),
    *(421, 432, 450, 451, 452, 454, 471, 499),
    *(500, 501, 502, 503, 504, 521, 530, 534, 535, 538, 550, 551, 552, 553, 554, 555, 599),
)
WORDS = ("", "words", "{0}.0.0 words", "{0}.1.1 no such user", "{0}.5.3 too many recipients")
EARLY = ("250 2.0.0 once more", "354 go on", "550 no", "421 bye", "235 welcome")


# Right, and one too many behind it; or right, but long or byte by byte.
AHEAD = st.builds(Say, early=st.sampled_from(EARLY))
RIGHT = st.builds(Say, lines=st.sampled_from((1, 3, 40)), dripping=st.booleans())


@st.composite
def replies(draw: st.DrawFn) -> Say:
    """Any well-formed reply."""
    code = draw(st.sampled_from(CODES))
    words = draw(st.sampled_from(WORDS)).format(code // 100 if code // 100 != 3 else 2)
    return Say(code, words, early=draw(st.sampled_from(("", "", "", *EARLY))), echo=True)


# Slow ones are rare: each of them costs the whole deadline.
ACTIONS = st.one_of(replies(), replies(), AHEAD, RIGHT, st.sampled_from((*QUICK * 4, *TROUBLES)))


class Plan(NamedTuple):
    """A server and what is done with it."""

    offers: tuple[str, ...]
    mechanism: str
    """Of the login; "" for none."""
    people: int
    joined: bool
    """Whether each mail is offered behind the one before."""
    said: Mapping[Turn, Action]

    def offered(self, keyword: str) -> bool:
        """Whether the client comes to know of it: HELO has no extensions."""
        return keyword in self.offers and oracle.positive(self.action(OUTSIDE, "EHLO"))

    @property
    def certain(self) -> bool:
        """Whether one answer is given to each question, and the client is sure to get it."""
        early = any(isinstance(each, Say) and each.early for each in self.said.values())
        lost = any(
            isinstance(each, Trouble) and each.name == "reset" for each in self.said.values()
        )
        return not early and not (lost and self.offered("PIPELINING"))

    @property
    def slow(self) -> bool:
        """Whether something may hang."""
        return any(isinstance(each, Trouble) and each.slow for each in self.said.values())

    def action(self, mail: int, key: str) -> Action:
        """What is said in that turn."""
        return spoken(self.said, Turn(mail, key))


@st.composite
def plans(draw: st.DrawFn, *, opening: bool) -> Plan:
    """Up to three turns, of the opening or of the mails, in which a server says what it likes."""
    offers = draw(st.sets(st.sampled_from(("PIPELINING", "SIZE 100000", "8BITMIME"))))
    mechanism = draw(st.sampled_from(("", "PLAIN", "LOGIN"))) if opening else ""
    people = draw(st.integers(1, 3))
    keys = ["MAIL", "DATA", ".", "RSET", *(f"RCPT{n}" for n in range(people))]
    mails = st.sampled_from((0, 0, 1, 1, MAILS - 1))
    if opening:
        keys = ["greeting", "EHLO", "HELO", *(["AUTH", "response0", "response1"] * bool(mechanism))]
        mails = st.just(OUTSIDE)
    turns = st.builds(Turn, mails, st.sampled_from(keys))
    said = draw(st.dictionaries(turns, ACTIONS, min_size=1, max_size=3))
    slow = [turn for turn, each in said.items() if isinstance(each, Trouble) and each.slow]
    for turn in slow[1:]:
        del said[turn]
    if mechanism == "LOGIN":
        said.setdefault(Turn(OUTSIDE, "AUTH"), Say(334))
        said.setdefault(Turn(OUTSIDE, "response0"), Say(334))
    login = [f"AUTH {mechanism}"] if mechanism else []
    return Plan((*sorted(offers), *login), mechanism, people, draw(st.booleans()), said)


def body(number: int, *, eight_bit: bool) -> bytes:
    """A mail that is told from the others."""
    umlaut = "Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n" * eight_bit
    return f"Subject: {number}\r\n\r\n.\r\nmail {number}\r\n..\r\n{umlaut}\r\n".encode()


class Attempt:
    """One session with a server that follows a plan, and what became of each mail."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.envelope = Envelope(recipients=tuple(f"r{n}@example.test" for n in range(plan.people)))
        self.bodies = [body(n, eight_bit=plan.offered("8BITMIME")) for n in range(MAILS)]
        self.deadline = SHORT if plan.slow else LONG
        self.opening: DeliveryError | None = None
        self.outcomes: list[Receipt | DeliveryError] = []
        self.usable: list[bool] = []
        """Whether the session could be used after each mail."""
        self.shown = ""
        """All that somebody could see of the dialogue."""
        with Liar(plan.said, offers=plan.offers) as self.liar:
            self._run()

    def _run(self) -> None:
        login = (USERNAME, PASSWORD) if self.plan.mechanism else ()
        server = Server(self.liar.host, self.liar.port, Security.NONE, *login)
        session = self._timed(lambda: Session.open(server, deadline=self.deadline))
        if isinstance(session, DeliveryError):
            self.opening = session
            return
        with closing(session):
            self._send_all(session)

    def _send_all(self, session: Session) -> None:
        mails = [(self.envelope, each) for each in self.bodies]
        for mail, following in zip(mails, [*mails[1:], None], strict=True):
            after = following if self.plan.joined else None
            send = partial(session.send, *mail, deadline=self.deadline, following=after)
            outcome = self._timed(send)
            self.outcomes.append(outcome)
            self.usable.append(session.usable)
            self.shown += f"{outcome!r} {session.transcript}"

    def _timed(self, work: Callable[[], Any]) -> Any:
        """Do it, in time, and without any other exception than the one that is promised."""
        began = time.monotonic()
        try:
            return work()
        except DeliveryError as error:
            self.shown += f"{error} {error.transcript} {error.recipients}"
            return error
        finally:
            took = time.monotonic() - began
            assert took < self.deadline + GRACE, f"{took:.2f} s"


def check_truth(attempt: Attempt) -> None:
    """Accepted is what the server has taken, byte for byte; what is refused it has not."""
    unknown = 0
    for data, outcome in zip(attempt.bodies, attempt.outcomes, strict=False):
        taken = attempt.liar.taken.count(data)
        if isinstance(outcome, Receipt):
            assert taken == 1
        elif outcome.verdict is Verdict.UNKNOWN:
            unknown += 1
        else:
            assert taken == 0
    # A server that wants a message though it refused everybody gets an empty one.
    assert {*attempt.liar.taken} <= {*attempt.bodies, b""}
    assert unknown <= 1


def check_errors(attempt: Attempt) -> None:
    """What holds of every failure, and of the session after it."""
    for number, outcome in enumerate(attempt.outcomes):
        if number and not attempt.usable[number - 1]:
            assert isinstance(outcome, DeliveryError)
            assert (outcome.verdict, outcome.stage) == (Verdict.SERVER, Stage.SENDER)
        if isinstance(outcome, DeliveryError):
            assert (outcome.verdict is Verdict.UNKNOWN) <= (outcome.stage is Stage.ACCEPTED)
            assert len(outcome.reply) <= 500
            assert len(outcome.transcript) <= 800
            if outcome.verdict in (Verdict.SERVER, Verdict.UNKNOWN):
                assert not attempt.usable[number]


def check_secrets(attempt: Attempt) -> None:
    """One login for each connection, and no trace of it."""
    for talk in attempt.liar.talks:
        assert sum(command.startswith("AUTH") for command in talk.commands) <= 1
    for secret in secrets():
        assert secret not in attempt.shown


def secrets() -> tuple[str, ...]:
    """The password as it goes over the wire, and as it is."""
    both = f"\0{USERNAME}\0{PASSWORD}"
    return PASSWORD, *(base64.b64encode(each.encode()).decode() for each in (PASSWORD, both))


def check_verdicts(attempt: Attempt) -> None:
    """Every outcome is the one of the table, and the session goes on where it can."""
    plan = attempt.plan
    expected = oracle.opening(lambda key: plan.action(OUTSIDE, key), plan.mechanism)
    if expected is not None:
        assert attempt.opening is not None
        # A reset in place of a greeting may already fail the connect.
        stage = attempt.opening.stage
        stage = Stage.GREETING if stage is Stage.CONNECT else stage
        assert (stage, attempt.opening.verdict) == expected[:2]
        return
    for number, outcome in enumerate(attempt.outcomes):
        if number and not attempt.usable[number - 1]:
            return
        check_outcome(attempt, number, outcome)


def check_outcome(attempt: Attempt, number: int, outcome: Receipt | DeliveryError) -> None:
    """One mail against the table."""
    plan = attempt.plan
    pipelined = plan.offered("PIPELINING")
    expected = oracle.mail(lambda key: plan.action(number, key), plan.people, pipelined=pipelined)
    verdict, goes_on = expected.verdict, expected.goes_on
    offered = plan.joined and pipelined and number + 1 < MAILS and expected.stage is Stage.ACCEPTED
    if goes_on and verdict is not None and not offered:
        reset = plan.action(number, "RSET")
        goes_on = oracle.positive(reset)
        if isinstance(reset, Say) and reset.code == 354:
            verdict = Verdict.SERVER
    if isinstance(outcome, Receipt):
        assert verdict is None
        assert outcome.accepted == tuple(attempt.envelope.recipients[n] for n in expected.accepted)
    else:
        assert (outcome.stage, outcome.verdict) == (expected.stage, verdict)
    assert attempt.usable[number] is goes_on


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Every thread and every descriptor is given back."""
    threads, files = threading.active_count(), open_files()
    yield
    assert threading.active_count() <= threads
    assert open_files() <= files


def open_files() -> int:
    """How many descriptors this process has, where that can be told."""
    listing = Path("/proc/self/fd")
    return len(list(listing.iterdir())) if listing.exists() else 0


@settings(FUZZ, max_examples=120)
@given(plan=plans(opening=True))
def test_whatever_a_server_says_at_first(plan: Plan) -> None:
    """The session is ready or fails as the table has it, with one login at most."""
    check(Attempt(plan))


@settings(FUZZ, max_examples=500)
@given(plan=plans(opening=False))
def test_whatever_a_server_says_to_mail(plan: Plan) -> None:
    """Yes is only said to a yes, each failure is the table's, and the time is kept.

    Afterwards the session carries the next mail, or is closed.
    """
    check(Attempt(plan))


def check(attempt: Attempt) -> None:
    """All of it."""
    check_truth(attempt)
    check_errors(attempt)
    check_secrets(attempt)
    if attempt.plan.certain:
        check_verdicts(attempt)


ENDLESS = [each for each in TROUBLES if each.name.startswith("endless")]


@pytest.mark.parametrize("trouble", ENDLESS, ids=[each.name for each in ENDLESS])
@pytest.mark.parametrize("key", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT0", "DATA", "."])
def test_endless_reply_takes_little_memory(trouble: Trouble, key: str) -> None:
    """A reply without end is read to its bound: two megabytes are enough for all of the session."""
    mail = OUTSIDE if key in ("greeting", "EHLO", "AUTH") else 0
    offers = ("AUTH PLAIN", "PIPELINING")
    tracemalloc.start()
    try:
        attempt = Attempt(Plan(offers, "PLAIN", 1, joined=True, said={Turn(mail, key): trouble}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < MEMORY
    assert attempt.liar.taken == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who vouches for the servers here."""
    return Authority(tmp_path_factory.mktemp("authority"))


@settings(FUZZ, max_examples=80)
@given(
    said=st.dictionaries(
        st.builds(
            Turn,
            st.just(OUTSIDE),
            st.sampled_from(("greeting", "EHLO", "STARTTLS", "AUTH", "response0", "response1")),
        ),
        st.one_of(replies(), AHEAD, st.sampled_from(QUICK)),
        max_size=2,
    ),
    keywords=st.sets(st.sampled_from(("STARTTLS", "AUTH PLAIN", "AUTH LOGIN"))),
    security=st.sampled_from((Security.NONE, Security.STARTTLS)),
    kind=st.sampled_from(("good", "good", "expired", "unknown", "wrong_name")),
)
def test_password_is_never_readable(
    said: dict[Turn, Action],
    keywords: set[str],
    security: Security,
    kind: str,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever a server offers or answers, no password goes over a line that others can read."""
    # As if the server were on another machine; to this one a password may go in the clear.
    monkeypatch.setattr("plato_email.smtp.auth.is_loopback", lambda _: False)
    with Liar(said, offers=sorted(keywords), tls=getattr(authority, kind)) as liar:
        server = Server(
            liar.host, liar.port, security, USERNAME, PASSWORD, ca_file=authority.ca_file
        )
        try:
            Session.open(server, deadline=LONG).close()
            protected = True
        except DeliveryError as error:
            protected = False
            shown = f"{error} {error.transcript}"
            assert not any(secret in shown for secret in secrets())
    for talk in liar.talks:
        readable = talk.received if talk.clear < 0 else talk.received[: talk.clear]
        assert not any(secret.encode() in readable for secret in secrets())
    assert protected <= (security is Security.STARTTLS and kind == "good")
