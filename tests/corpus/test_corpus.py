"""What the servers of this world said, and what it is taken for: classifier, queue and page."""

from __future__ import annotations

import base64
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plato_email.diagnosis import Diagnosis, diagnose
from plato_email.errors import About, Cause, DeliveryError, Facts, Stage, Verdict
from plato_email.providers import by_host
from plato_email.settings import Settings
from plato_email.smtp.classify import classify
from plato_email.smtp.reply import Reply, read_reply

from . import ANSWERED, FATES, BadEntry, Entry, read_entry, read_family, replies

CORPUS = replies()
STAGES = sorted(ANSWERED)

CASES = (
    *("ms-5.7.139-wrong-password", "ms-submission-quota", "ms-5.1.90"),
    *("gm-nbsp-password", "gm-421-4.7.26"),
    *("ses-sandbox-recipient", "ses-iam", "ses-paused"),
    *("sg-credits", "sg-limits", "pf-too-much-mail", "mt-per-second", "sp-unconfigured"),
    *("mg-region", "zoho-unusual", "gd-24h", "cpanel-hour"),
    *("qq-login-fail", "qq-auth-code", "163-must-equal", "263-conform", "163-no-permission"),
    *("yandex-robot", "pf-sender-fqdn", "hosted-here", "qq-need-auth"),
    *("brevo-authenticate-first", "smtp-auth-required", "auth-435", "av-proxy-421"),
    *("says-250-to-all", "pf-config-error"),
)
"""The cases of the review that are a server's reply, by their names there."""
GRAVEST = (
    *("quota-552-at-rcpt", "quota-550-at-rcpt", "rate-550-at-rcpt", "hops-message-limit"),
    *("spam-score-limit", "line-length-limit", "gomail-174", "mail-system-full"),
    *("greylisted-550", "too-many-connections-554"),
)
"""The replies of its chapter on one mail that stops all mail."""
FAMILIES = {
    *("microsoft", "google", "amazon", "sendgrid", "mailgun", "relays", "chinese", "europe"),
    *("zoho", "godaddy-cpanel-exim", "postfix", "exchange", "sendmail-qmail-others"),
    *("apple-yahoo-comcast", "filters", "not-the-server"),
}


def heard(said: str) -> Reply:
    """The reply as a session reads it."""
    lines = iter(said.encode().split(b"\n"))
    return read_reply(lambda: next(lines), str)


def known(entry: Entry) -> Facts:
    """What the session knew."""
    return Facts(
        host=entry.host,
        port=entry.port,
        username=entry.username,
        sender=entry.sender,
        app_password=entry.app_password,
        hidden=entry.hidden,
    )


def set_up(entry: Entry) -> Settings:
    """The settings that the mail was sent with."""
    return Settings(
        default_sender=entry.sender,
        host=entry.host,
        port=entry.port,
        username=entry.username,
        password="tiger lilies" if entry.username else "",
        use_tls=True,
    )


@pytest.mark.parametrize("entry", CORPUS, ids=[entry.id for entry in CORPUS])
def test_reply(entry: Entry) -> None:
    """A reply is put down to its cause; the queue does what is right, and the page says where."""
    reply, facts = heard(entry.said), known(entry)

    cause = classify(
        entry.stage, reply.code, reply.enhanced, reply.text, by_host(entry.host), facts
    )

    assert cause is entry.cause
    assert cause.verdict(reply.code) in FATES[entry.fate]
    error = DeliveryError(
        entry.stage, cause, reply.text, code=reply.code, enhanced=reply.enhanced, facts=facts
    )
    assert diagnose(error, set_up(entry)).field == entry.field


@pytest.mark.parametrize("entry", CORPUS, ids=[entry.id for entry in CORPUS])
def test_fate_is_that_of_the_cause(entry: Entry) -> None:
    """The data agree with themselves: the fate is the one that the queue gives to the cause."""
    assert entry.cause.verdict(entry.code) in FATES[entry.fate]


def test_421_stops_every_mail() -> None:
    """A server that takes its leave blames no message."""
    assert {entry.fate for entry in CORPUS if entry.code == 421} == {"all mail waits"}


def test_one_refusal_stops_nobody_else() -> None:
    """What is said of one recipient or one content holds no other mail up."""
    alone = [entry for entry in CORPUS if entry.cause.about is About.ONE and entry.code != 421]
    assert {entry.fate for entry in alone} == {"deferred", "failed", "unknown"}


def test_the_corpus_is_whole() -> None:
    """It has its size, its families, and every reply of the review."""
    ids = {entry.id for entry in CORPUS}

    assert sum(entry.source != "variant" for entry in CORPUS) >= 600
    assert len(ids) == len(CORPUS)
    assert {entry.family for entry in CORPUS} >= FAMILIES
    assert ids.issuperset(CASES)
    assert ids.issuperset(GRAVEST)


def test_every_case_has_its_neighbours() -> None:
    """Each kind is there in several words, so that no rule can be made for one reply alone."""
    counts = Counter(entry.cause for entry in CORPUS)
    kinds = (
        *(Cause.QUOTA_REACHED, Cause.SENDING_TOO_FAST, Cause.ACCOUNT_NOT_ACTIVE),
        *(Cause.LOGIN_REQUIRED, Cause.SENDER_NOT_OWNED, Cause.SENDER_NOT_VERIFIED),
        *(Cause.MAILBOX_FULL, Cause.RECIPIENT_DISABLED, Cause.GREYLISTED, Cause.SERVER_ERROR),
    )

    assert min(counts[kind] for kind in kinds) >= 8


def _fills(text: str) -> str:
    return (text * (SIZE // len(text) + 1))[:SIZE]


SIZE = 100 * 1024
ALLOWED = 0.05
"""Seconds."""
_CHANCE = random.Random(9)
_ANY = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x2FFF), *range(0x4E00, 0x9FFF)]))
SHAPES: dict[str, str] = {
    "one letter": _fills("a"),
    "one blank": _fills(" "),
    "one dot": _fills("."),
    "one hyphen": _fills("-"),
    "blanks and a letter": _fills(f"{' ' * 2000}x"),
    "addresses begun": _fills("a@"),
    "addresses": _fills("ann@customer.example "),
    "brackets": _fills("<"),
    "brackets closed": _fills("<a>: "),
    "quota": _fills("quota "),
    "exceeded limit": _fills("exceeded limit "),
    "limit of an account, never exceeded": _fills("your account sending daily "),
    "digits": _fills("0123456789"),
    "enhanced codes": _fills("5.7.1 "),
    "nested quotes": _fills("\"'`") + _fills("'\"")[: SIZE // 2],
    "nested brackets": "(" * (SIZE // 2) + ")" * (SIZE // 2),
    "links begun": _fills("http://"),
    "links": _fills("https://example.com/a?b=c#d "),
    "one long link": "https://" + _fills("a/"),
    "one long name": _fills("a."),
    "base64": base64.b64encode(_CHANCE.randbytes(SIZE * 3 // 4)).decode(),
    "any letters": "".join(_CHANCE.choices(_ANY, k=SIZE)),
    "almost a login": _fills("authentication is "),
    "almost a relay": _fills("relay access "),
    "almost a sender": _fills("sender address rejected: not owned "),
    "almost a recipient": _fills("Recipient address rejected: "),
    "almost an account": _fills("account has been temporarily "),
    "almost an identity": _fills("identities failed the check in region "),
    "almost a list": _fills("blocked using "),
    "almost a domain": _fills("domain of sender "),
}


CODES = ((421, ""), (450, "4.7.1"), (535, "5.7.8"), (550, ""), (552, "5.2.2"))


def slowest(words: str, facts: Facts) -> float:
    """Seconds that the slowest stage and code take."""
    return max(
        _seconds(stage, code, enhanced, words, facts)
        for stage in STAGES
        for code, enhanced in CODES
    )


def _seconds(stage: Stage, code: int, enhanced: str, words: str, facts: Facts) -> float:
    """The first run; where that is too long, the median of it and four more."""
    runs = [_run(stage, code, enhanced, words, facts)]
    if runs[0] >= ALLOWED:
        runs += [_run(stage, code, enhanced, words, facts) for _ in range(4)]
    return statistics.median(runs)


def _run(stage: Stage, code: int, enhanced: str, words: str, facts: Facts) -> float:
    begun = time.thread_time()
    classify(stage, code, enhanced, words, by_host(facts.host), facts)
    return time.thread_time() - begun


@pytest.mark.parametrize("shape", SHAPES)
def test_no_words_take_long(shape: str) -> None:
    """A reply of 100 KB is classified within 50 ms of processor time, whatever its shape."""
    facts = Facts(
        host="mail.example.com", port=587, username="site@example.com", sender="site@example.com"
    )
    assert slowest(SHAPES[shape], facts) < ALLOWED


@pytest.mark.parametrize(
    "host",
    [
        *("smtp.gmail.com", "smtp.office365.com", "smtp.sendgrid.net", "smtp.mailgun.org"),
        "email-smtp.eu-west-1.amazonaws.com",
    ],
)
@pytest.mark.parametrize("shape", ["addresses begun", "links begun", "any letters"])
def test_no_words_of_a_provider_take_long(shape: str, host: str) -> None:
    """Nor do a provider's own rules take longer."""
    facts = Facts(host=host, port=587, username="site@example.com", sender="site@example.com")
    assert slowest(SHAPES[shape], facts) < ALLOWED


@given(
    pieces=st.lists(
        st.sampled_from(
            (
                *("quota", "exceeded", "limit", "account", "not", "sender", "recipient", "auth"),
                *("@", "<", ">", " ", ".", ":", "'", '"', "-", "0", "a", "é", "限"),
                *("http://", "5.7.1"),
            )
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_pattern_of_words_takes_long(pieces: list[str]) -> None:
    """Nor does any few words that follow one another again and again."""
    facts = Facts(host="mail.example.com", port=587, username="a@b", sender="a@b")
    assert slowest(_fills("".join(pieces)), facts) < ALLOWED


@given(
    stage=st.sampled_from(STAGES),
    code=st.integers(400, 599),
    enhanced=st.sampled_from(["", "4.2.2", "5.2.2", "5.3.4", "5.7.1", "5.7.139", "5.999.999"]),
    words=st.text(max_size=80),
    host=st.sampled_from(["", "smtp.gmail.com", "smtp.office365.com", "smtp.sendgrid.net"]),
    username=st.sampled_from(["", "site", "site@example.com"]),
)
def test_every_reply_has_a_cause(
    stage: Stage, code: int, enhanced: str, words: str, host: str, username: str
) -> None:
    """Any words whatever have a cause, and no refusal leaves the outcome open."""
    facts = Facts(host=host, port=587, username=username, sender="site@example.com")

    cause = classify(stage, code, enhanced, words, by_host(host), facts)

    assert isinstance(cause, Cause)
    assert cause.verdict(code) is not Verdict.UNKNOWN
    if code == 421:
        assert not cause.verdict(code).charged


OWN = frozenset(
    {
        *(Cause.MAIL_HELD, Cause.NOT_ON_ALLOW_LIST, Cause.CANCELLED_BY_SITE, Cause.KEY_MISSING),
        *(Cause.CONTENT_GONE, Cause.INTERNAL_ERROR, Cause.SENDER_DIED),
    }
)
"""What the package decides by itself: the words that are stored say it all, without a page."""


@pytest.mark.parametrize("code", [None, 250, 354, 421, 450, 550])
@pytest.mark.parametrize("cause", Cause)
def test_page_and_queue_agree(cause: Cause, code: int | None) -> None:
    """The page of every cause names the fate that the queue gives to the mail."""
    for stage in Stage:
        error = DeliveryError(stage, cause, "words", code=code, facts=Facts(host="mail.test"))
        found = diagnose(error, Settings(default_sender="a@mail.test", host="mail.test"))
        assert isinstance(found, Diagnosis)
        assert found.code == cause.value or cause in OWN
        assert found.fate is cause.verdict(code) is error.verdict


GOOD = {
    "id": "some-reply",
    "stage": "recipient",
    "said": "550-5.1.1 No such\n550 5.1.1 user",
    "cause": "recipient-unknown",
    "field": "",
    "fate": "failed",
    "dated": "2026-06",
    "source": "issue",
}


def without(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A row that lacks a key."""
    return lambda row: {name: value for name, value in row.items() if name != key}


def test_entry_is_read() -> None:
    """What an entry leaves out is the default."""
    entry = read_entry("family", 1, GOOD)
    assert (entry.host, entry.port, entry.username) == ("mail.example.com", 587, "site@example.com")
    assert (entry.stage, entry.cause, entry.code) == (
        Stage.RECIPIENT,
        Cause.RECIPIENT_UNKNOWN,
        550,
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without("fate"), "fate is missing"),
        (lambda row: {**row, "sed": "550 No"}, "unknown key 'sed'"),
        (lambda row: {**row, "stage": "connect"}, "stage is 'connect'; write one of"),
        (lambda row: {**row, "cause": "bad-luck"}, "cause is 'bad-luck'; write one of"),
        (lambda row: {**row, "field": "server"}, "field is 'server'"),
        (lambda row: {**row, "fate": "lost"}, "fate is 'lost'"),
        (lambda row: {**row, "source": "hearsay"}, "source is 'hearsay'"),
        (lambda row: {**row, "dated": "June"}, "dated is 'June'"),
        (lambda row: {**row, "port": "25"}, "port is '25'; write int"),
        (lambda row: {**row, "port": 587}, "port says the default"),
        (lambda row: {**row, "port": 70000}, "port 70000"),
        (lambda row: {**row, "id": "Some Reply"}, "id: write small letters"),
        (lambda row: {**row, "said": "No such user"}, "is no reply line"),
        (lambda row: {**row, "said": "550-No\n551 such"}, "several codes: 550, 551"),
        (lambda row: {**row, "said": "550 No\n550 such"}, "every line but the last"),
    ],
)
def test_entry_that_is_not_well_formed(
    change: Callable[[dict[str, Any]], dict[str, Any]], problem: str
) -> None:
    """A typing error in an entry is told with its file, its place and the cure."""
    with pytest.raises(BadEntry, match=r"family\.toml: reply 3 \(") as caught:
        read_entry("family", 3, change(GOOD))
    assert problem in str(caught.value)


@pytest.mark.parametrize("text", ["[[reply]", "x = 1\n", "[reply]\nid = 'a'\n", ""])
def test_file_that_is_not_well_formed(text: str, tmp_path: Path) -> None:
    """So is one in a file."""
    path = tmp_path / "family.toml"
    path.write_text(text)
    with pytest.raises(BadEntry, match=r"family\.toml"):
        list(read_family(path))
