"""The cases of the review as data: a server, the settings that meet it, and what is right."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from plato_email.errors import Cause, Stage, Verdict
from plato_email.trial.conduct import PROBING
from tests.corpus import FATES, Entry, replies
from tests.support.names import leads_to
from tests.support.scripted_server import Conversation, Reply, ScriptedServer, hang, start_tls
from tests.support.sites import Host
from tests.zoo.keeper import authority, closed, full

RECIPIENT = "ann@customer.example"
PASSWORD = "tiger lilies"
SILENCE = 1.2
"""Seconds that a test and a sender wait for a server that says nothing."""

VERBS: Mapping[Stage, str] = {
    Stage.GREETING: "greeting",
    Stage.LOGIN: "AUTH",
    Stage.SENDER: "MAIL",
    Stage.RECIPIENT: "RCPT",
    Stage.DATA: "DATA",
    Stage.ACCEPTED: ".",
}
"""What a script calls the answer at each stage."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A server, the settings that meet it, and what is right then."""

    id: str
    host: str = "mail.shop.example"
    port: int = 587
    username: str = ""
    password: str = PASSWORD
    sender: str = "site@shop.example"
    certificate: str = ""
    """The context of `Authority` that it goes on with after STARTTLS."""
    script: Mapping[str, Reply | Sequence[Reply]] = field(default_factory=dict)
    kept_by: Callable[[], AbstractContextManager[int]] | None = None
    """What keeps its port, where nothing speaks SMTP there."""
    silent: bool = False
    """Whether it must be waited for in vain."""
    cause: Cause
    code: int | None
    """The reply code that is stored with the failure."""
    field: str = ""
    """The field that the page marks; "" for none."""
    fate: str = "all mail waits"
    """One of `tests.corpus.FATES`."""
    tells: tuple[str, ...] = ()
    """Names and addresses, never sentences, that the page must give."""
    offers: tuple[str, ...] = ()
    """Changes, as the page's buttons carry them, that are offered."""
    withholds: tuple[str, ...] = ()
    """Changes that are not offered."""

    @property
    def tls(self) -> bool:
        """Whether TLS is on: the page lets nobody log in elsewhere without."""
        return bool(self.username or self.certificate)

    @property
    def address(self) -> str:
        """The server as it is stored with what it answered."""
        return f"{self.host}:{self.port}"

    @property
    def verdict(self) -> Verdict:
        """What the queue does."""
        verdict = self.cause.verdict(self.code)
        assert verdict in FATES[self.fate]
        return verdict

    @property
    def stored(self) -> dict[str, str | int]:
        """The same settings as they are saved without a page; see `Host.configure`."""
        login = {"username": self.username, "password": self.password} if self.username else {}
        return {
            "host": self.host,
            "default_sender": self.sender,
            "use_tls": self.tls,
            **login,
        }

    @property
    def typed(self) -> dict[str, str | None]:
        """What one types into the settings page."""
        login = {"requires_login": "1", "username": self.username, "password": self.password}
        return {
            "host": self.host,
            "port": str(self.port),
            "default_sender": self.sender,
            "recipient": RECIPIENT,
            "use_tls": "1" if self.tls else None,
            **(login if self.username else {}),
        }


def lines(said: str) -> str:
    """A reply of the corpus as it goes over the wire, but for the last line's end."""
    return "\r\n".join(said.split("\n"))


def of_corpus(entry: Entry, **more: object) -> Case:
    """The case of a reply of the corpus."""
    given: dict[str, object] = {
        "id": entry.id,
        "host": entry.host,
        "port": entry.port,
        "username": entry.username,
        "sender": entry.sender,
        "script": {VERBS[entry.stage]: lines(entry.said)},
        "cause": entry.cause,
        "code": entry.code,
        "field": entry.field,
        "fate": entry.fate,
    }
    return Case(**(given | more))  # type: ignore[arg-type]


def entry(name: str) -> Entry:
    """The reply of the corpus that is so named."""
    return next(each for each in replies() if each.id == name)


def _context(case: Case) -> ssl.SSLContext:
    """How it speaks TLS."""
    if not case.certificate:
        return authority().valid_for(case.host)
    context = getattr(authority(), case.certificate)
    assert isinstance(context, ssl.SSLContext)
    return context


@contextmanager
def standing(case: Case) -> Iterator[ScriptedServer | None]:
    """Its server, reached under its host name and port."""
    script = dict(case.script)
    offers = ["STARTTLS"] if case.tls else []
    at_once = None
    if case.tls:
        context = _context(case)
        at_once = context if case.port == 465 else None
        script["STARTTLS"] = start_tls(context)
    if case.username:
        offers.append("AUTH PLAIN LOGIN")
    with ExitStack() as stack:
        server = None
        if case.kept_by is not None:
            port = stack.enter_context(case.kept_by())
        else:
            server = stack.enter_context(ScriptedServer(script, offers=offers, tls=at_once))
            port = server.port
        stack.enter_context(leads_to(case.host, case.port, port))
        yield server


@contextmanager
def served(
    script: Mapping[str, Reply | Sequence[Reply]],
    host: str = "mail.shop.example",
    port: int = 587,
    offers: Sequence[str] = (),
) -> Iterator[ScriptedServer]:
    """A server on this machine that is reached under that name and port."""
    with (
        ScriptedServer(script, offers=("AUTH PLAIN LOGIN", *offers)) as server,
        leads_to(host, port, server.port),
    ):
        yield server


def to_each(answer: Callable[[str], Reply]) -> Callable[[Conversation], None]:
    """Let the reply depend on the recipient of the mail that is being sent."""

    def act(conversation: Conversation) -> None:
        last = next(line for line in reversed(conversation.commands) if line.startswith("RCPT"))
        conversation.act(answer(last.partition("<")[2].partition(">")[0]))

    return act


def set_up(host: Host, name: str = "mail.shop.example", **more: object) -> None:
    """Save settings that hand mail to the server of that name, as much as there is."""
    host.configure(587, **{"host": name, "batch_size": 1000, **more})


_SAYS_250: dict[str, Reply] = dict.fromkeys(("EHLO", "MAIL", "RCPT", "DATA", ".", "RSET"), "250 ok")

LOCAL = (
    Case(
        id="says-250-to-all",
        port=2525,
        script=_SAYS_250,
        cause=Cause.ANSWERS_OUT_OF_STEP,
        code=250,
    ),
    Case(
        id="slow-greeting",
        script={"greeting": hang},
        silent=True,
        cause=Cause.GREETING_SILENT,
        code=None,
        field="tls_mode",
    ),
    Case(
        id="bridge-local",
        host="127.0.0.1",
        port=1025,
        certificate="self_signed",
        username="site@shop.example",
        cause=Cause.CERTIFICATE_SELF_SIGNED,
        code=None,
        field="use_tls",
        tells=("PLATO_EMAIL_CA_FILE",),
        offers=("use_tls=",),
    ),
    Case(
        id="cert-cn-other",
        certificate="common_name",
        username="site@shop.example",
        cause=Cause.CERTIFICATE_NAME,
        code=None,
        field="host",
        tells=("smtp.other.test",),
    ),
    Case(
        id="cert-no-chain",
        host="mail.example.test",
        certificate="no_chain",
        username="site@shop.example",
        cause=Cause.CERTIFICATE_UNTRUSTED,
        code=None,
        field="host",
        tells=("Intermediate",),
    ),
    Case(
        id="cert-old-chain",
        host="mail.example.test",
        certificate="old_chain",
        username="site@shop.example",
        cause=Cause.CERTIFICATE_EXPIRED,
        code=None,
    ),
    Case(
        id="tls-dh-small",
        host="mail.example.test",
        certificate="short_key",
        username="site@shop.example",
        cause=Cause.TLS_KEY_TOO_SHORT,
        code=None,
    ),
    Case(
        id="docker-localhost",
        host="127.0.0.1",
        port=1025,
        kept_by=closed,
        cause=Cause.CONNECTION_REFUSED,
        code=None,
        field="host",
        tells=("host.docker.internal",),
    ),
    Case(
        id="port25-dropped",
        host="aspmx.shop.example",
        port=25,
        kept_by=full,
        silent=True,
        cause=Cause.PORT_25_BLOCKED,
        code=None,
        field="port",
        withholds=("port=587",),
    ),
)
"""The cases that are no reply, or more than one."""

REVIEWED: Mapping[str, tuple[str, ...]] = {
    "ms-5.7.139-wrong-password": ("microsoft-password-refused",),
    "ms-submission-quota": ("quota-reached",),
    "ms-5.1.90": ("quota-reached",),
    "gm-nbsp-password": ("login-hidden-characters",),
    "gm-421-4.7.26": ("sender-not-authenticated",),
    "ses-sandbox-recipient": ("test-account",),
    "ses-iam": ("account-right-missing",),
    "ses-paused": ("account-not-active",),
    "sg-credits": ("quota-reached",),
    "sg-limits": ("quota-reached",),
    "pf-too-much-mail": ("sending-too-fast", "quota-reached"),
    "mt-per-second": ("sending-too-fast",),
    "sp-unconfigured": ("sender-not-verified",),
    "mg-region": ("provider-credentials",),
    "zoho-unusual": ("account-not-active", "quota-reached"),
    "gd-24h": ("quota-reached",),
    "cpanel-hour": ("quota-reached", "sending-too-fast"),
    "qq-login-fail": ("password-refused", "app-password", "login-not-permitted"),
    "qq-auth-code": ("app-password",),
    "163-must-equal": ("sender-not-owned",),
    "263-conform": ("sender-not-owned",),
    "163-no-permission": ("login-not-permitted",),
    "yandex-robot": ("account-locked", "account-not-active"),
    "pf-sender-fqdn": ("sender-domain", "sender-refused"),
    "hosted-here": ("sender-not-owned", "sender-refused"),
    "qq-need-auth": ("login-required",),
    "brevo-authenticate-first": ("login-required",),
    "smtp-auth-required": ("login-required",),
    "auth-435": ("login-unavailable",),
    "av-proxy-421": ("proxy-cannot-connect",),
    "pf-config-error": ("server-error",),
}
"""The cases that are one reply, with the codes that their review takes."""

_MORE: Mapping[str, dict[str, object]] = {
    "gm-nbsp-password": {"password": "abcd\u00a0efgh\u00a0ijkl\u00a0mnop"},
    "mg-region": {"tells": ("smtp.eu.mailgun.org",)},
    "163-must-equal": {"offers": ("default_sender=site@163.example",)},
    "263-conform": {"offers": ("default_sender=a@263.example",)},
}
GRAVEST: Mapping[str, tuple[str, ...]] = {
    "gravest-1-552-quota-at-rcpt": ("quota-552-at-rcpt", "mailbox-full"),
    "gravest-1-550-user-quota-at-rcpt": ("quota-550-at-rcpt", "mailbox-full"),
    "gravest-1-550-rate-at-rcpt": ("rate-550-at-rcpt", "recipient-overrun"),
    "gravest-1-hops": ("hops-message-limit", "message-looped"),
    "gravest-1-spam-score": ("spam-score-limit", "taken-for-spam"),
    "gravest-1-line-length": ("line-length-limit", "content-malformed"),
    "gravest-2-quota-of-sender": ("gomail-174", "quota-reached"),
    "gravest-3-mail-system-full": ("mail-system-full", "server-full"),
    "gravest-3-greylisted": ("greylisted-550", "greylisted"),
    "gravest-3-too-many-connections": ("too-many-connections-554", "too-many-connections"),
}
"""The replies of the chapter on one mail that stops all mail: entry and code."""

CASES: tuple[Case, ...] = (
    *(of_corpus(entry(name), **_MORE.get(name, {})) for name in REVIEWED),
    *(of_corpus(entry(name), id=each) for each, (name, _) in GRAVEST.items()),
    *LOCAL,
)
"""Every case."""

TEST_SECONDS = PROBING + SILENCE
"""What a whole test may take where a server is silent."""
