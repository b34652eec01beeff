"""Whose limit is reached: the account's, the recipient's, or one that the server does not name."""

from __future__ import annotations

from ...errors import Cause, Stage
from .answer import OURSELVES, Answer, words

_WHAT = (
    r"(quota|limits?|cap|allowance|allotment|volume|credits?|rate|max|maximum( number)?|frequency"
    r"|storage)"
)
_REACHED = (
    r"(exceed(s|ed|ing|ance)?|reached|used( up)?|spent|exhausted|hit|over|overlimit|full|limited"
    r"|insufficient|not enough|no more|100 ?%|too high|violation|left)"
)
_LONG = (
    r"(hour(s|ly)?|days?|daily|today|weeks?|weekly|months?|monthly|24 ?-?h(ou?rs?)?|year(ly)?"
    r"|\d+ ?h\b|/ ?\d*h\b)"
)
_SHORT = r"(seconds?|secs?|minutes?|mins?)"
PERIOD = (
    r"(per|an?|each|every|in|within|this|last|past|next|/|of|for|one)[ -]?(the )?(\d+ ?)?"
    rf"({_LONG}|{_SHORT})"
)
_MAILS = r"(e-?mails?|mails?|messages?|recipients?|requests|addresses)"
_TOO_MUCH = (
    r"too (many|much|fast|quick(ly)?|frequent(ly)?|often)\b(?! (\w+ )?(errors?|invalid|unknown|bad"
    r"|commands|hops|log ?ins?|links|connections|sessions))"
)
_LIMIT = words(
    rf"\b{_WHAT}\b.{{0,60}}\b{_REACHED}\b|\b{_REACHED}\b.{{0,60}}\b{_WHAT}\b",
    rf"\b(exceed(s|ed|ing)?|max(imum)?( number of)?|limited to|more than"
    rf"|over)\b.{{0,30}}\b{_MAILS}",
    rf"{_TOO_MUCH}|rate.?limit|throttl|slow(er)? ?down|more slowly|overlimit|at a rate",
    r"(daily|hourly|monthly|weekly|sending) (\w+ ){0,3}(quota|limit)|excessive volume",
    rf"\b\d{{1,9}} (\w{{1,20}} )?{_MAILS}\b.{{0,20}}{PERIOD}|\bone {_MAILS} {PERIOD}|{_MAILS} ?/",
    r"wait (to|before) send|more e-?mails|no more (e-?mails?|mails?|messages)|quota.?exceeded",
    r"unusual rate|\bover ?quota\b",
    rf"sent {_MAILS} to \d+|(free|all|your) messages .{{0,20}}used up",
)
_NOT_OURS_TO_READ = words(r"queue quota|network exceeds|quota was exceeded for \d+")
"""What speaks of a limit and means another thing."""
_OUTBOUND = words(
    rf"\b{OURSELVES}\b|outgoing|outbound|\bsend(ing|er)?\b|\bsent\b|submission|relay|\bclient\b",
    r"\byour? (\w+ ){0,3}(account|plan|domain|daily|hourly|monthly|free|limit|quota|allowance"
    r"|rate)",
    r"\b(you|you've|you have) (\w+ ){0,2}(exceed|reach|used|hit|sent)|\bplan\b|subscription|tenant",
    r"credits?\b|package|message (count|quota)|messaging limit|licen[cs]e|\baccount limit",
    r"(domain|account) (\S{1,80} )?(has|have) exceeded (the|its)? ?(max|hourly|daily)",
    r"recipient rate limit|polic(y|ies) reject|traffic|max(imum)? (defers|e-?mails)",
    r"\bfrom (this|your|the|\d)|this (ip|host|server|connection)|too much mail from",
)
"""Words that say that it is what we send which is limited."""
_INBOUND = words(
    r"receiv(e|es|ed|ing)\b|incoming|for this (recipient|user|mailbox)|recipient('s)? (has|rate"
    r"|is)",
    r"to (this|that|the) (recipient|user|mailbox)|mail ?box('s)? .{0,30}(rate|too many|hour|daily)",
    r"excessive volume|recipient thread limit|of th(is|e) recipient|recipient's account",
    r"(e-?mails?|mails?|messages) to #",
    r"\brecipient\b.{0,30}(too many|too much|message rate)|user you (are|were) trying",
)
_STORED = words(
    r"\b(mail ?box|inbox|folder|disk|storage|store)('s)?\b.{0,60}\b(quota|full|limits?|space|exceed"
    r"|over|size)",
    r"(quota|exceeded|full|limit|over)\b.{0,60}\b(mail ?box|inbox|storage|store|disk)",
    r"\bover ?quota\b|messages (stored|on the server)",
)
_HASTY = words(
    rf"{_SHORT}\b|per (session|connection)|slow(er)? ?down|more slowly|too (fast|quick|frequent"
    rf"|often)",
    r"\brate\b|throttl|too (many|much) (e-?mails?|mails?|messages|requests|recent|recipients from)",
    r"too much mail|\bpeak\b|frequency|wait (to|before) send",
)
_PATIENT = words(
    rf"\b{_LONG}\b|quota|credits?\b|\bplan\b|subscription|licen[cs]e|allowance|allotment|package"
    rf"|\bcap\b",
    r"(sending|messaging|account|submission) limits?|used up|exhausted|no more",
)
_SECONDS = words(rf"(per|an?|every|within|/|one) ?(\d+ )?{_SHORT}|maximum sending rate")
_LASTS = words(rf"\b{_LONG}\b")
TOO_MANY_RECIPIENTS = words(
    rf"too many (recipients?|rcpts?|addressees?)\b(?! from\b)(?!.{{0,20}}{_LONG})",
    r"recipients? (count )?(limit|maximum) .{0,20}(message|mail)|per transaction",
    r"(number of|maximum|max|more than|\b\d{1,7}) (\d{1,7} )?recipients?.{0,40}(per|for|in|on) "
    r"(each |one "
    r"|an? "
    r"|this |single )?(message|mail|e-?mail|transaction)",
    r"recipients? limit of \d+|more than \d+ recipients",
)


def limit_of(answer: Answer) -> Cause | None:
    """The cause of a refusal that speaks of a limit, by whose limit it is.

    Where that is not said, the reading that harms least mail wins: at RCPT it is the recipient's,
    elsewhere this message waits and the others go on.
    """
    if not answer.says(_LIMIT) or answer.says(_NOT_OURS_TO_READ):
        return None
    hasty = (answer.says(_SECONDS) and not answer.says(_LASTS)) or (
        answer.says(_HASTY) and not answer.says(_PATIENT)
    )
    outbound = answer.says(_OUTBOUND) or answer.frame in ("sender", "client")
    if answer.says(_INBOUND) and not _is_plainly_ours(answer):
        return Cause.RECIPIENT_OVERRUN
    if answer.says(_STORED) and not _is_plainly_ours(answer):
        return Cause.MAILBOX_FULL
    if outbound or answer.says(_TIMED):
        return Cause.SENDING_TOO_FAST if hasty else Cause.QUOTA_REACHED
    if answer.stage is Stage.RECIPIENT:
        return Cause.RECIPIENT_OVERRUN if answer.says(_HASTY) else Cause.MAILBOX_FULL
    if answer.code == 421:
        # The server takes its leave: that is all that is sure.
        return None
    return Cause.SENDING_TOO_FAST if hasty and answer.says(_COUNTED) else Cause.LIMIT_REACHED


_TIMED = words(
    rf"\b({PERIOD})\b|\b(daily|hourly|weekly|monthly|today)\b|/ ?\d*h\b",
    r"too (fast|quickly|frequently)|slow(er)? ?down|more slowly|throttl|wait (to|before) send",
    r"too (many|much) (e-?mails?|mails?|messages|requests)|per (session|connection)",
)
_COUNTED = words(r"sending|e-?mails?|mails?|messages|throttl|slow|frequency")
_PLAINLY_OURS = words(
    rf"\b{OURSELVES}\b|outgoing|outbound|\bsending\b|\byour (\w+ ){{0,2}}(account|plan|domain"
    rf"|daily)",
    r"\b(you|you've|you have) (\w+ ){0,2}(exceed|reach|used|hit|sent)|credits?\b",
)


def _is_plainly_ours(answer: Answer) -> bool:
    return answer.says(_PLAINLY_OURS)
