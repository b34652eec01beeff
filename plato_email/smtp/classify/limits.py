"""Whose limit is reached: the account's, the recipient's, or one that the server does not name."""

from __future__ import annotations

from ...errors import Cause, Stage
from .answer import Answer, words

_LIMIT = words(
    r"quota|\blimit(s|ed)?\b|\brate\b|throttl|too (many|much)|too (fast|quick|frequent|often)",
    r"slow(er)? ?down|more slowly|credits?\b|\bmax(imum)?\b|exceed|overlimit|frequency",
    r"only \d+|\d ?/ ?\d*(h|hours?|days?)\b|wait (to|before) send|more e-?mails",
)
_NOT_TRAFFIC = words(
    r"\bsize\b|too (large|big|long)|\boctets?\b|\bbytes?\b|\b[kmg]i?b\b|length|\bhops?\b|\bloop",
    r"spam|score|queue quota|time ?out|authentication|nested|threshold",
    r"too many (invalid|unknown|bad|errors|commands|hops|received|login)",
)
TOO_MANY_RECIPIENTS = words(
    r"too many (recipients?|rcpts?|addressees?)\b(?! from\b)(?!.{0,20}\b(hour|day|minute))",
    r"recipients? (count )?(limit|maximum) .{0,20}message|per transaction",
    r"(number of|maximum|more than \d+) recipients?.{0,40}(per|for (each|one|a|this)|in (one|a))"
    r" (single )?(message|mail|e-?mail|session|connection|transaction)",
)
ACCOUNT_LIMIT = words(
    r"daily (\w+ ){0,3}(quota|limit)|(sending|submission|relay|hourly|monthly) (quota|limit)",
    r"submission quota|recipient rate limit|message count (limit|quota)|maximum credits",
    r"(domain|user|account|sender) (\S{1,80} )?has exceeded (the|its|their)? ?"
    r"(max|\d|hourly|daily|sending|allowed|limit)",
    r"reached your (\w+ ){0,3}limit|exceeded your (\w+ ){0,3}(limit|quota)",
    r"tenant (\w+ ){0,3}exceeded|exceeded? (the |your )?(hour|day|hourly|daily) ?limit",
    r"(package|plan|subscription) (limit )?exceeded|not allowed to send: .{0,30}limit",
)
"""Words that say beyond doubt that the account's limit is reached."""
_OURS = words(
    r"\byou(r|'ve|'re)?\b.{0,80}(quota|limit|\brate\b|credits|allowance|too (many|much|fast))",
    r"\byou(r|'ve|'re)?\b.{0,80}exceed",
    r"(quota|limit|\brate|credits|allowance|exceeded).{0,60}\b(your|you) (account|plan|domain|ip"
    r"|organi[sz]ation|tenant|subscription|package|(mail )?server|have|can|may)",
    r"\b(sending|outgoing|outbound|submission|relay(ing)?|messaging|smtp|sender|tenant|account|plan"
    r"|subscription|licen[cs]e|mailing|this client)\b.{0,40}\b(quota|limits?|rate|credits"
    r"|allowance)",
    r"\b(quota|limits?|rate|credits|allowance)\b.{0,30}\b(of|for) (this |the |your )?"
    r"(account|sender|domain|plan|tenant|client|authenticated|sending)",
    r"\b(hourly|daily|weekly|monthly|24.?h(ou)?rs?)\b|\d ?/ ?\d*(h|hours?|days?)\b",
    r"\bper (second|sec|minute|min|hour|day|week|month|session|connection)\b",
    r"\b(an|one|this|last|past|24|in \d+|every|each|next|the) (hours?|days?|months?|minutes?)\b",
    r"(number|count) of (e-?mails|mails|messages)|message count|(e-?mails?|messages?) sent\b",
    r"\b(domain|sender|account) (\S{1,80} )?(has|have) exceeded|credits? .{0,20}(exceed|exhaust)",
    r"max(imum)? (credits|defers|e-?mails|messages|mails)|sending (frequency|too|more)",
    r"too (many|much) (e-?mails?|mails?|messages|requests)|too much mail|too (fast|quickly"
    r"|frequently)",
    r"too many recipients from|slow(er)? ?down|more slowly|throttl|wait (to|before) send",
    r"more e-?mails|polic(y|ies) reject|sender address rejected|client host rejected|traffic",
)
_THEIRS = words(
    r"\b(mail ?box|inbox|folder|disk|storage|recipient(?! address rejected))('s)?\b.{0,60}"
    r"\b(quota|full|limits?|space|exceed)",
    r"(over ?quota|quota|exceeded|full|limit)\b.{0,60}\b(mail ?box|inbox|storage|his|her|their"
    r"|recipient(?! address rejected))\b",
    r"\bover ?quota\b|exceeded storage|storage (allocation|quota)|boite pleine",
)
OVERRUN = words(
    r"receiv(e|ing) (e?mail|messages?|mail).{0,30}(rate|quickly|per hour|too)",
    r"\b(recipient(?! address rejected)|mailbox|user you)\b.{0,40}\b(rate|too many|too much"
    r"|exceeded (the|its|their)? ?(message|mail|receiv))",
    r"excessive volume|recipient thread limit",
    r"(messages?|mail) (for|to) (this|that|the) (recipient|user|mailbox).{0,40}(limit|rate|too)",
)
_LONG = words(
    r"quota|credits|hour|daily|\bday|month|week|24.?h|/ ?\d*h\b|\bplan\b|subscription|licen[cs]e",
    r"sending limits?|messaging limits?|account limit|allowance|package",
)
_SHORT = words(
    r"per (session|connection)|\bseconds?\b|slow(er)? ?down|more slowly|too (fast|quick|frequent)",
    r"\brate\b|throttl|too (many|much) (e-?mails?|mails?|messages|requests|recent|recipients from)",
    r"too much mail|\bpeak\b|frequency|too often|wait (to|before) send",
)
_SECOND = words(r"per (second|sec|minute|min)\b", r"maximum sending rate")


def limit_of(answer: Answer) -> Cause | None:
    """The cause of a refusal that speaks of a limit, by whose limit it is.

    Where that is not said, the reading that harms least mail wins: at RCPT it is the recipient's,
    elsewhere this message waits and the others go on.
    """
    plainly_ours = answer.says(ACCOUNT_LIMIT)
    if not answer.says(_LIMIT) or (answer.says(_NOT_TRAFFIC) and not plainly_ours):
        return None
    if answer.says(_THEIRS) and not plainly_ours:
        return Cause.MAILBOX_FULL
    hasty = answer.says(_SECOND) or (answer.says(_SHORT) and not answer.says(_LONG))
    if plainly_ours or answer.says(_OURS):
        return Cause.SENDING_TOO_FAST if hasty else Cause.QUOTA_REACHED
    if answer.stage is Stage.RECIPIENT:
        return Cause.RECIPIENT_OVERRUN if answer.says(_SHORT) else Cause.MAILBOX_FULL
    if answer.code == 421:
        # The server takes its leave: that is all that is sure.
        return None
    return Cause.SENDING_TOO_FAST if hasty else Cause.LIMIT_REACHED
