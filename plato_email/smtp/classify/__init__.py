"""Why a server refused: the one reading of reply codes, enhanced codes and words.

`classify` names the cause (RFC 5321 section 4.2, RFC 3463, RFC 4954, and what the big providers
document or are known to say). What the queue does and what the page says follow from the cause, so
a reply is read here and nowhere else. ``tests/corpus`` holds some hundreds of real replies.

The signs are tried in order, the first that holds is the cause, and the last of each stage holds
for anything. Words in links, addresses and host names do not count: ``/usage-policy.html`` says
nothing about the mail.
"""

from __future__ import annotations

from collections.abc import Collection

from ...errors import MAIL_STAGES, Cause, Facts, RecipientRefusal, Stage, Verdict
from ...providers import Provider
from ..faults import Malformed, OutOfStep, TimedOut, WireError
from .answer import Answer, first
from .limits import limit_of
from .mail import FIRST_MAIL_SIGNS, MAIL_SIGNS
from .session import LOGIN_SIGNS, OPENING_SIGNS


def classify(
    stage: Stage,
    code: int,
    enhanced: str,
    words: str,
    provider: Provider | None = None,
    facts: Facts | None = None,
) -> Cause:
    """The cause behind a reply that is not the one hoped for.

    Args:
        stage: the step of the session that it answers.
        code: the reply code.
        enhanced: the enhanced status code, or "".
        words: what the server said, of any length.
        provider: whose server it is, where that is known.
        facts: what else is known of the session.
    """
    answer = Answer(stage, code, enhanced, words, provider, facts or Facts())
    if stage in MAIL_STAGES:
        return _mail(answer)
    if stage is Stage.LOGIN:
        return first(LOGIN_SIGNS, answer) or Cause.LOGIN_FAILED
    if stage is Stage.TLS:
        return Cause.STARTTLS_UNAVAILABLE if answer.passing else Cause.STARTTLS_REFUSED
    return first(OPENING_SIGNS, answer) or Cause.GREETING_REFUSED


_GRAVEST = (Verdict.SETUP, Verdict.SERVER, Verdict.QUOTA, Verdict.TEMPORARY, Verdict.PERMANENT)


def gravest(refused: Collection[RecipientRefusal]) -> RecipientRefusal:
    """The refusal that decides about a message that no recipient was accepted for.

    What stops every message comes first, then what a later try may cure.
    """
    return min(refused, key=lambda each: _GRAVEST.index(each.verdict))


_LOGIN_CODES = frozenset({530, 534, 535, 538})
"""Codes that speak of the login (RFC 4954 section 6)."""


def _mail(answer: Answer) -> Cause:
    cause = (
        first(FIRST_MAIL_SIGNS, answer) or limit_of(answer) or first(MAIL_SIGNS, answer)
    ) or Cause.MESSAGE_REFUSED
    if cause.verdict(answer.code).charged:
        # No message is to blame for what these codes say, whatever the words.
        if answer.code in _LOGIN_CODES:
            return Cause.LOGIN_REQUIRED
        if answer.code == 503 and answer.stage is Stage.SENDER:
            return Cause.ANSWERS_OUT_OF_STEP
    return cause


# -- no reply at all ---------------------------------------------------------------------------

_WEB_PORTS = frozenset({80, 443, 1080, 8000, 8025, 8080, 8443})
"""With those of the windows that mail catchers have in a browser."""
_READING_PORTS = frozenset({110, 143, 993, 995})
_PROTOCOLS = {"web": Cause.WEB_SERVER, "mailbox": Cause.MAILBOX_SERVER}
LOST = {
    Stage.RESOLVE: Cause.NAME_LOOKUP_SLOW,
    Stage.CONNECT: Cause.CONNECTION_TIMED_OUT,
    Stage.GREETING: Cause.GREETING_LOST,
    Stage.EHLO: Cause.INTRODUCTION_FAILED,
    Stage.TLS: Cause.TLS_DROPPED,
    Stage.LOGIN: Cause.LOGIN_LOST,
    Stage.ACCEPTED: Cause.OUTCOME_UNKNOWN,
}
"""What is said where no reply came and nothing more is known, by stage."""


def classify_lost(stage: Stage, fault: WireError, facts: Facts) -> Cause:
    """The cause where no usable reply came: the line was cut, was silent, or spoke no SMTP."""
    if stage is Stage.ACCEPTED:
        return Cause.OUTCOME_UNKNOWN
    if fault.client_certificate_wanted:
        return Cause.CLIENT_CERTIFICATE_WANTED
    if stage is Stage.GREETING:
        return _no_greeting(fault, facts)
    if stage is Stage.TLS and isinstance(fault, TimedOut):
        return Cause.TLS_SILENT
    if stage in MAIL_STAGES:
        return Cause.ANSWERS_OUT_OF_STEP if isinstance(fault, OutOfStep) else Cause.CONNECTION_LOST
    return LOST.get(stage, Cause.CONNECTION_LOST)


def _no_greeting(fault: WireError, facts: Facts) -> Cause:
    silent = isinstance(fault, TimedOut)
    if isinstance(fault, Malformed):
        return _PROTOCOLS.get(fault.protocol, Cause.NOT_A_MAIL_SERVER)
    if facts.port == 465 and not facts.tls_at_once:
        return Cause.TLS_EXPECTED
    if silent and facts.port in _WEB_PORTS:
        return Cause.WEB_SERVER
    if silent and facts.port in _READING_PORTS:
        return Cause.MAILBOX_SERVER
    return Cause.GREETING_SILENT if silent and not facts.tls_at_once else Cause.GREETING_LOST
