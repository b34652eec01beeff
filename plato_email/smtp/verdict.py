"""Whose fault a refusal is: the reading of reply codes (RFC 5321 section 4.2, RFC 4954).

The basic code decides; the enhanced code and the words only refine it, and only where they tell
the fault of one message from a fault that every message would meet.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ..errors import DeliveryError, RecipientRefusal, Stage, Verdict
from .reply import Reply

_SETUP_CODES = frozenset({530, 534, 535, 538})
_SETUP_DETAILS = frozenset({"5.7.30", "5.7.57", "5.7.139"})
_HELO_CODES = frozenset({501, 504, 550, 553})
_HELO = re.compile(r"\b(helo|ehlo|host ?name|fqdn|fully.qualified)\b", re.IGNORECASE)
# A server that delays its checks refuses the name given in HELO at the first recipient.
_HELO_REFUSED = re.compile(r"\b(helo|ehlo) command rejected\b", re.IGNORECASE)
_LOGIN_WANTED = re.compile(
    r"unauthenticated senders?\b|client (is |was )?not authenticated|not logged in"
    r"|authenticat\w+ (is )?(required|needed)|must (first )?authenticate"
    r"|\b(need|send|use|requires?) auth\b|authori[sz]ation required"
    r"|turn on smtp authentication|without authentication",
    re.IGNORECASE,
)
# The whole account may not send, so no message of it will be taken.
_ACCOUNT_CLOSED = re.compile(
    r"\byour (\w+ )?account\b.{0,30}\b(not (yet )?(been )?activated|suspended|deactivated)"
    r"|\baccount\b.{0,20}\b(under review|has been banned)|bad outbound sender",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"\b(sending|daily|hourly|per.(hour|day)|message|rate)\b.{0,20}\b(limits?|quota|rate)\b"
    r"|\btoo many (messages|mails|emails)\b|\b(quota|limit|rate) (has been )?exceeded\b"
    r"|\bexceeded\b.{0,30}\b(quota|limits?|rate)\b",
    re.IGNORECASE,
)
_RATE_DETAILS = frozenset({"", "5.7.0", "5.7.1", "5.7.28"})
_OTHER_LIMIT = re.compile(r"mailbox|inbox|recipient|size|large|storage|disk", re.IGNORECASE)
_TOO_MANY_RECIPIENTS = re.compile(r"too many (recipients|rcpt)", re.IGNORECASE)
_THROTTLED = re.compile(r"throttl", re.IGNORECASE)
_DAILY = re.compile(r"daily|per.day", re.IGNORECASE)

_SESSION_STAGES = frozenset(
    {Stage.RESOLVE, Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.TLS, Stage.LOGIN}
)


def judge(stage: Stage, reply: Reply) -> Verdict:
    """The verdict on a reply that is not the one hoped for."""
    if reply.code == 421:
        return Verdict.SERVER
    if stage in _SESSION_STAGES:
        return _judge_session(stage, reply)
    if reply.code // 100 == 5:
        return _judge_permanent(stage, reply)
    if reply.code // 100 == 4:
        return _judge_temporary(reply)
    return Verdict.UNKNOWN if stage is Stage.ACCEPTED else Verdict.SERVER


def _judge_session(stage: Stage, reply: Reply) -> Verdict:
    permanent = reply.code // 100 == 5
    if stage is Stage.EHLO:
        named = reply.code in _HELO_CODES or _HELO.search(reply.text)
        return Verdict.SETUP if named else Verdict.SERVER
    if stage is Stage.TLS:
        return Verdict.SETUP if permanent else Verdict.SERVER
    if stage is Stage.LOGIN:
        # 334 where none was due: the mechanism is not the one the server thinks it is.
        return Verdict.SERVER if reply.code // 100 == 4 and not _expired(reply) else Verdict.SETUP
    return Verdict.SERVER


def _expired(reply: Reply) -> bool:
    """432 4.7.12: the password must be renewed by its owner (RFC 4954 section 4.7)."""
    return reply.enhanced == "4.7.12"


def _judge_permanent(stage: Stage, reply: Reply) -> Verdict:
    if _is_setup(reply):
        return Verdict.SETUP
    if reply.code == 503 and stage is Stage.SENDER:
        return Verdict.SERVER
    if _is_quota(reply):
        return Verdict.QUOTA
    # RFC 5321 section 4.5.3.1.10 would have every 552 to RCPT read as 452. Mailboxes that are
    # full for good answer 552 too, so the words have to say that there were too many.
    if stage is Stage.RECIPIENT and reply.code == 552 and _too_many(reply):
        return Verdict.TEMPORARY
    return Verdict.PERMANENT


def _judge_temporary(reply: Reply) -> Verdict:
    if reply.code == 454 and _THROTTLED.search(reply.text):
        return Verdict.QUOTA if _DAILY.search(reply.text) else Verdict.SERVER
    return Verdict.TEMPORARY


def _is_setup(reply: Reply) -> bool:
    return bool(
        reply.code in _SETUP_CODES
        or reply.enhanced in _SETUP_DETAILS
        or _HELO_REFUSED.search(reply.text)
        or _LOGIN_WANTED.search(reply.text)
        or _ACCOUNT_CLOSED.search(reply.text)
    )


def _is_quota(reply: Reply) -> bool:
    if reply.enhanced == "5.4.5":
        return True
    talks_of_rate = _RATE.search(reply.text) and not _OTHER_LIMIT.search(reply.text)
    return bool(talks_of_rate and reply.enhanced in _RATE_DETAILS)


def _too_many(reply: Reply) -> bool:
    return reply.enhanced.endswith(".5.3") or bool(_TOO_MANY_RECIPIENTS.search(reply.text))


def refusal(stage: Stage, reply: Reply) -> DeliveryError:
    """The error for a reply that ends the session or the message."""
    return DeliveryError(
        stage, judge(stage, reply), reply.text, code=reply.code, enhanced=reply.enhanced
    )


def recipient_refusal(reply: Reply) -> RecipientRefusal:
    """What is kept of a refused RCPT."""
    return RecipientRefusal(reply.code, reply.enhanced, reply.text, judge(Stage.RECIPIENT, reply))


_GRAVEST = (Verdict.SETUP, Verdict.SERVER, Verdict.QUOTA, Verdict.TEMPORARY)


def verdict_on_all(refused: Collection[RecipientRefusal]) -> Verdict:
    """One verdict on a message that no recipient was accepted for.

    What stops every message comes first, then what a later try may cure.
    """
    said = {each.verdict for each in refused}
    return next((verdict for verdict in _GRAVEST if verdict in said), Verdict.PERMANENT)
