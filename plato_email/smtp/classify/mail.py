"""The signs of causes of a mail: its sender, its recipients, its content, the account.

In order: the first sign that holds is the cause, and the last one holds for anything. Behind the
words of one provider stands where they are documented or were reported.
"""

from __future__ import annotations

import re

from ...errors import Cause, Stage
from .answer import Answer, sign, words
from .session import MACHINE_SIGNS, OWN_NAME_SIGNS

_SENDER, _RECIPIENT, _DATA, _DOT = Stage.SENDER, Stage.RECIPIENT, Stage.DATA, Stage.ACCEPTED

_RELAYING = (
    r"\brelay(ing|ed)?\b( access)? (is )?(denied|not|disallowed|prohibited|refused|rejected)",
    r"(unable|not (permitted|allowed|configured)) to (relay|let you)|(no|open|a) relay\b",
    r"(do not|don't|cannot|no) relay(ing)?\b|den(y|ies|ied) relay|rcpthosts",
)
_VERIFIED_IDENTITY = re.compile(
    r"following identit\w+ failed[^:]{0,80}:(?P<who>.{1,300})", re.IGNORECASE | re.DOTALL
)


def _sandboxed(answer: Answer) -> bool:
    """Amazon SES names the identity that failed; in the sandbox it is the recipient."""
    found = _VERIFIED_IDENTITY.search(answer.full)
    sender = answer.facts.sender.lower()
    if found is None or not sender:
        return False
    named = found["who"].lower()
    return sender not in named and sender.rpartition("@")[2] not in named


_RECIPIENTS = (
    r"tried to reach|this (user|recipient|mailbox|address|e-?mail)|recipient|addressee"
    r"|your message to|delivery error|discontinued|destinataire"
)


def _speaks_of_recipient(answer: Answer) -> bool:
    return answer.stage is _RECIPIENT or answer.says(_OF_RECIPIENT)


_OF_RECIPIENT = words(_RECIPIENTS)


_STOPPED = (
    r"not (yet )?(been )?(active|activated|approved|verified for sending|enabled for sending)"
    r"|suspend|paused|under review|deactivated|pending (review|approval)|closed|banned|terminated"
    r"|on hold|frozen|restricted|(temporarily |currently )?(disabled|blocked|locked)|inactive"
    r"|revoked|expired"
)
_ACCOUNT_STOPPED = (
    rf"\b(your|the sending|smtp|sender's|sending) (\w+ ){{0,3}}(account|mailbox|user|service"
    rf"|domain)\b.{{0,40}}\b({_STOPPED})",
    rf"\b(account|mailbox)\b.{{0,30}}\b({_STOPPED})\b.{{0,30}}\b(send|sending|outbound|outgoing)",
    r"(sending|outbounds?|outgoing)( e?mails?)?( is| was| has been)?( temporarily)?"
    r" (paused|suspended|disabled|blocked|stopped|restricted)",
    r"(paused|suspended|disabled|blocked|restricted|stopped|limited)\b.{0,30}\b(this|your"
    r"|the sending) account",
    r"bad outbound sender|invalid license|unusual sending activity|to unblock|unblock ?me",
    r"(account|user|sender) .{0,40}(from|for) sending (e?mail|messages|spam)",
    r"account (isn't|is not|not) (allowed|permitted|authori[sz]ed) to send",
    r"activate your (\w+ )?account|account terminated|sender address blocked|access denied, banned",
    r"compromised|suspicious (activity|login|sending)|not subscribed",
    r"outgoing mail .{0,40}(suspended|disabled|blocked)",
)

FIRST_MAIL_SIGNS = (
    sign(
        Cause.ANSWERS_OUT_OF_STEP,
        stages=(_SENDER, _RECIPIENT, _DATA),
        when=lambda answer: answer.code // 100 in (2, 3),
    ),
    sign(Cause.OUTCOME_UNKNOWN, when=lambda answer: answer.code // 100 in (2, 3)),
    sign(Cause.GREYLISTED, r"gr[ae]y.?list|postgrey"),
    sign(Cause.SENDING_TOO_FAST, enhanced=("4.7.28",)),
    # 4.7.26, .27, .30 and .32 with "rate limited because unauthenticated": support.google.com,
    # "Email sender guidelines"; 5.7.509 and 5.7.515 (Microsoft); 5.7.20 to 5.7.26: RFC 7372.
    sign(
        Cause.TLS_REQUIRED,
        r"not sent over (a )?tls|wasn't sent over (a )?tls",
        enhanced=("4.7.29", "5.7.29"),
    ),
    sign(Cause.REVERSE_NAME_MISSING, enhanced=("4.7.25", "5.7.25")),
    sign(
        Cause.SENDER_NOT_AUTHENTICATED,
        enhanced=tuple(
            f"{kind}.7.{detail}"
            for kind in (4, 5)
            for detail in (20, 21, 22, 23, 24, 26, 27, 31, 32, 40, 509, 515)
        ),
        unless=r"reverse.{0,4}dns|\bPTR\b|anonymous|not authenticated to",
    ),
    sign(
        Cause.SENDER_NOT_AUTHENTICATED,
        enhanced=("4.7.30", "5.7.30"),
        when=lambda answer: answer.from_google,
    ),
    sign(Cause.MICROSOFT_PASSWORDS_GONE, enhanced=("5.7.30",)),
    sign(Cause.MICROSOFT_LOGIN_OFF, enhanced=("5.7.139",)),
    sign(Cause.LOGIN_REQUIRED, enhanced=("5.7.57",)),
    sign(
        Cause.PROXY_CANNOT_CONNECT,
        r"(cannot|can't|could not|unable to|failed to) connect to (the )?(smtp|mail|real|remote"
        r"|upstream)"
        r" ?server",
        stages=(_SENDER,),
    ),
    # Lists of recipients that Amazon SES, Postmark and others keep for the account that sends.
    sign(
        Cause.RECIPIENT_SUPPRESSED,
        r"suppress(ed|ion)|inactive recipient|marked as inactive|bounce list|bounced check",
        r"unsubscribe(d)? list|address (is )?blacklisted",
    ),
    *MACHINE_SIGNS,
    *OWN_NAME_SIGNS,
    sign(Cause.RECIPIENT_OVERRUN, enhanced=("5.2.121", "5.2.122")),
    # A group that takes mail from its own people only (Exchange).
    sign(Cause.RECIPIENT_REFUSED, r"for group|delivery restriction|rejected by (the )?recipient"),
    sign(Cause.ACCOUNT_NOT_ACTIVE, enhanced=("5.7.501", "5.7.502", "5.7.503", "5.7.705")),
    # NetEase's short words for "sent too often": help.163.com.
    sign(Cause.SENDING_TOO_FAST, r"\bMI:(SFQ|CEL|CCL|RTE|MBR)\b"),
    sign(Cause.SERVER_CLOSING, r"per (session|connection)|time ?out", codes=(421,)),
    # "not authorized to perform ses:SendRawEmail" (Amazon IAM).
    sign(
        Cause.ACCOUNT_RIGHT_MISSING,
        r"not authori[sz]ed to perform|(access|api|smtp) ?key .{0,40}(lacks?|missing|without|no) "
        r"(the )?(permission|right|scope)|(missing|insufficient|lacks?) (\w+ )?(scope|permission"
        r"|privilege)",
    ),
    sign(Cause.TEST_ACCOUNT, when=_sandboxed),
    sign(
        Cause.TEST_ACCOUNT,
        r"sandbox|test purposes only|authori[sz]ed recipients|trial (account|plan|period|mode)",
        r"can only (be )?(send|sent) (test|to)",
        unless=r"identities failed",
    ),
)

MAIL_SIGNS = (
    # 502 5.7.0 "Your SMTP account is not yet activated" (Brevo); 552 "Your account has been
    # suspended" (SMTP2GO); "Sending paused for this account" (Amazon SES); 5.1.8 (Microsoft 365).
    sign(Cause.ACCOUNT_NOT_ACTIVE, *_ACCOUNT_STOPPED, unless=_RECIPIENTS),
    # 554 "Message rejected: Email address is not verified. The following identities failed the
    # check in region ..." (Amazon SES). 550 "does not match a verified Sender Identity" (SendGrid).
    # "Sender signature" (Postmark). "Unconfigured Sending Domain" (SparkPost). 5.7.750 (Microsoft).
    sign(
        Cause.SENDER_NOT_VERIFIED,
        r"(address|domain|identity|sender|from)\b.{0,40}\b(not|un) ?(been )?(verified|validated"
        r"|confirmed|configured|registered|trusted|authenticated (yet|in))",
        r"(unverified|unconfigured|unregistered|unvalidated|unconfirmed|unknown sending)\b.{0,20}"
        r"(domain|sender|address|identit)",
        r"(domain|address|sender|identity) (is )?(unverified|not associated with your)",
        r"(domain|address|sender|identity)\b.{0,20}(must|needs? to|should|has to) be (verified"
        r"|validated|confirmed)",
        r"does not match a verified|identit(y|ies) failed|sender signature",
        r"not a (verified|validated)|sending from (this |the )?domain .{0,20}not allowed",
        r"(verify|validate|confirm|register) (your|the) (sending |sender )?(domain|sender|address"
        r"|identity)",
        r"(sender|domain) (identity )?(is )?(invalid|missing|not (valid|found|active)).{0,30}"
        r"(account|verif|dashboard|panel)",
        unless=r"recipient address|unverified address|rate limited|is invalid\. provide",
    ),
    sign(Cause.SENDER_NOT_VERIFIED, enhanced=("5.7.750",)),
    # As 421, "Domain ... is not allowed to send" (Mailgun): mailgun/wordpress-plugin#68.
    sign(Cause.TEST_ACCOUNT, r"domain .{0,80} is not allowed to send"),
    # 550 5.7.60 and 554 5.2.252 SendAsDenied (Microsoft 365), 553 5.7.1 "not owned by user"
    # (Postfix), 553 "Relaying disallowed as" (Zoho: mybb/mybb#2644, frappe/erpnext#19057).
    sign(Cause.SENDER_NOT_OWNED, enhanced=("5.7.60", "5.2.252")),
    sign(
        Cause.SENDER_NOT_OWNED,
        r"send ?as ?denied|not owned by|owned by another|relaying disallowed as",
        r"(permissions?|allowed|authori[sz]ed|right) to send (as|from|on|mail from|e-?mail from"
        r"|using)",
        r"sender is not allowed to relay|from/sender name|restricted to sending domain",
        r"from address .{0,60}not (allowed|yours|one of)|not hosted (on|at|by|here)",
        r"sender .{0,60}(does not match|mismatch|not match)|non-?local account",
        r"(mail ?from|sender|from( address)?|envelope)\W{0,2}\b.{0,40}\b(must|should|doesn't"
        r"|does not|do not|didn't|not|isn't) (be the )?(equal|same|match|conform|correspond"
        r"|belong|agree|consistent)",
        r"(must|should) (be )?(the )?(same|equal|match|identical).{0,30}(user|account|auth|login"
        r"|sender)",
        r"(different|other|not the same) (from|than|as) (the )?(authenti|log|user|account|smtp)",
        r"(sender|from) (address )?(is )?not (allowed|permitted|authori[sz]ed|yours|your own)",
        r"not (allowed|permitted|authori[sz]ed) (for|as) (this |the )?(sender|from)",
        r"not allowed to use the domain|spoof(ed)? sender",
        unless=r"\bspf\b|\bdkim\b|\bdmarc\b",
    ),
    # Postfix' reject_non_fqdn_sender and reject_unknown_sender_domain, Exim's sender verify.
    sign(
        Cause.SENDER_DOMAIN,
        r"sender address rejected: (need|domain|undeliverable|unverified)|sender verify failed",
        r"need fully.{0,40}sender|domain (name )?(of|required for) sender",
        r"sender('s)? (address )?(e?mail )?(must contain a )?domain|from: domain is invalid",
        r"unresolvable .{0,30}from domain",
        r"domain .{0,60}(does not exist|not found|has no (mx|a\b)|doesn't resolve).{0,30}sender",
    ),
    sign(Cause.SENDER_DOMAIN, enhanced=("5.1.8", "4.1.8"), stages=(_SENDER, _RECIPIENT, _DOT)),
    # 523, and 530 with STARTTLS in its words: RFC 3207 section 4.
    sign(
        Cause.TLS_REQUIRED,
        r"starttls|encryption (is )?(required|needed)|must.{0,40}\b(tls|ssl)\b",
        r"(tls|ssl) (is )?(required|needed)|requires? (a )?(tls|ssl|encrypt|secure)",
    ),
    sign(
        Cause.LOGIN_REQUIRED,
        r"authenticat(ed|ion) (is )?(required|needed)|unauthenticated senders?\b",
        r"(please |must (first |be )?)authenticate|authenticate first|not (been )?authenticated",
        r"not logged.?in|log ?in (first|required)|please (log|sign) ?in|anonymous",
        r"\b(need|send|use|requires?|issue|no)( \w+ and| the)? auth\b",
        r"authori[sz]ation (is )?required|smtp[- ]auth(entication)? (is )?(required|needed)",
        r"(turn on|enable) .{0,30}authentication|auth(entication)? first",
        r"without (smtp )?auth(entication|enticating)?\b|not permitted to relay without",
        r"requires? (smtp )?(auth|log ?in|sign)|(must|need to|have to) (log|sign) ?in",
        r"check (mail|pop)\w* (first|before)|pop before",
        unless=r"\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated (e?mail|message)"
        r"|authentication (failed|check)",
    ),
    sign(Cause.LOGIN_REQUIRED, codes=(530,)),
    sign(Cause.RELAYING_DENIED_NO_LOGIN, *_RELAYING, when=lambda answer: not answer.facts.username),
    # Postfix as a submission server has no kinder word.
    sign(
        Cause.RELAYING_DENIED_NO_LOGIN,
        r"access denied",
        enhanced=("5.7.1",),
        when=lambda answer: not answer.facts.username,
        unless=r"recipient address",
    ),
    sign(Cause.RELAYING_DENIED, *_RELAYING),
    sign(Cause.SENDER_NOT_AUTHENTICATED, r"\b(dmarc|spf|dkim)\b", unless=r"duplicate header"),
    sign(
        Cause.ADDRESS_MALFORMED,
        r"syntax|malformed (address|recipient|sender)|bad (sender|recipient) address"
        r"|invalid (sender|recipient)? ?address|must contain a domain|restricted characters",
        codes=(501, 550, 553, 555),
        stages=(_SENDER, _RECIPIENT),
    ),
    sign(Cause.SENDER_REFUSED, r"sender address rejected|envelope sender|badmailfrom"),
    sign(Cause.MESSAGE_TOO_LARGE, enhanced=("5.3.4", "4.3.4")),
    sign(Cause.MESSAGE_TOO_LARGE, r"size|large|long|big|limit", enhanced=("5.2.3",)),
    sign(
        Cause.MESSAGE_TOO_LARGE,
        r"(message|mail|size|data)\b.{0,40}too (large|big|long)|too (large|big)",
        r"size.{0,30}(limit|exceed|maximum)|(exceed|limit|maximum).{0,30}\bsize",
        r"(length|size) of (the )?(data|attach|message|mail)",
    ),
    sign(
        Cause.MESSAGE_LOOPED,
        r"too many (hops|received)|\bhops?\b.{0,30}(exceed|limit|count)|\bloop(ing|ed)?\b",
    ),
    sign(
        Cause.CONTENT_MALFORMED,
        r"line (is )?(too long|length)|(bare|naked) (lf|cr|line ?feed)|malformed|corrupt",
        r"(missing|invalid|duplicate|multiple|bad|no|without)\b.{0,30}header",
        r"header .{0,30}(missing|invalid|long|rfc ?5322)|messages missing",
        r"rfc ?(5322|2822) .{0,20}complian|not rfc",
        stages=(_DATA, _DOT),
    ),
    sign(
        Cause.CONTENT_MALFORMED, stages=(_DATA, _DOT), when=lambda answer: "smtplf" in answer.full
    ),
    sign(Cause.TOO_MANY_RECIPIENTS, enhanced=("4.5.3", "5.5.3"), stages=(_RECIPIENT,)),
    sign(Cause.ADDRESS_NOT_ASCII, r"smtputf8|internationali[sz]ed (address|mailbox)"),
    sign(
        Cause.MAILBOX_FULL,
        r"(mail ?box|inbox|quota)\b.{0,40}\bfull\b|over ?quota|boite pleine|postfach .{0,20}voll",
        stages=(_RECIPIENT, _DATA, _DOT),
    ),
    sign(
        Cause.RECIPIENT_DISABLED,
        r"\b(mailbox|account|user|address|recipient)\b.{0,60}(disabled|inactive|suspended|locked"
        r"|deactivated|no longer|discontinued|closed|over ?drawn|blocked|frozen|terminated"
        r"|archived)",
        r"(disabled|inactive|suspended|deactivated|closed|archived) (mailbox|account|user"
        r"|recipient)|no longer valid|mailbox cannot be accessed",
        r"(isn't|is not|not) (allowed|able) to receive",
        stages=(_RECIPIENT, _DATA, _DOT),
        unless=r"sender address|blocked using",
        when=_speaks_of_recipient,
    ),
    sign(Cause.RECIPIENT_DISABLED, r"mailbox cannot be accessed|no longer valid"),
    # 550 5.4.1 "Recipient address rejected: Access denied" is how Microsoft 365 says it.
    sign(
        Cause.RECIPIENT_UNKNOWN,
        enhanced=("5.1.1", "5.1.10", "5.1.6", "5.1.2", "5.4.1", "5.1.3"),
        stages=(_RECIPIENT, _DATA, _DOT),
    ),
    sign(Cause.RECIPIENT_UNKNOWN, r"domain not found", enhanced=("4.1.2",)),
    sign(
        Cause.RECIPIENT_UNKNOWN,
        r"(user|recipient|mailbox|address|account)\b.{0,40}(unknown|not exist|not found"
        r"|n't exist)|no such (user|mailbox|recipient|address)|unknown (user|recipient|mailbox)",
        r"doesn.?t have an? .{0,60}account",
        stages=(_DATA, _DOT),
        when=lambda answer: not answer.passing,
    ),
    # A permanent code whose words say that it passes: the words harm less mail.
    sign(
        Cause.PUT_OFF,
        r"(please )?try (again )?later|plus tard|mas tarde|sp\u00e4ter|spaeter|retry later",
        unless=r"spam|blocked|polic",
        when=lambda answer: not answer.passing,
    ),
    sign(
        Cause.RECIPIENT_UNKNOWN,
        r"unknown|no such|n(o|')t exist|not found|unrouteable|undeliverable|inexist",
        r"(invalid|bad).(recipient|mailbox|address|destination)|mailbox unavailable|no mailbox",
        r"marked as invalid|not in recipient list|user .{0,30}not (known|local)",
        r"doesn.?t have an? .{0,60}account|not a valid (mailbox|recipient|user)",
        r"nicht (verf|gefunden|bekannt)",
        stages=(_RECIPIENT,),
        when=lambda answer: not answer.passing,
    ),
    # 552-5.7.0 (Google): support.google.com/mail/?p=BlockedMessage.
    sign(
        Cause.ATTACHMENT_REFUSED,
        r"virus|malware|infected|attachment|file type|executable|security issue",
    ),
    sign(
        Cause.GREYLISTED,
        r"try again in \d+ ?(s|m|second|minute)s?\b|(retry|again) (in|after) \d+ ?(sec|min)",
        r"come back (in|later|after) .{0,12}(second|minute)",
    ),
    sign(Cause.SERVER_FULL, enhanced=("4.3.1", "5.3.1")),
    sign(
        Cause.SERVER_FULL,
        r"(system|server|disk|storage|space)\b.{0,30}\b(full|insufficient|space)",
        r"insufficient .{0,20}(storage|disk|space|resources)",
        r"(out of|no|not enough|low) (disk )?space",
        stages=(_SENDER, _DATA, _DOT),
    ),
    sign(Cause.SERVER_FULL, r"storage|disk|space", codes=(452,)),
    # 550 5.7.1 "transport unsolicited", 5.7.28 (Google).
    sign(
        Cause.TAKEN_FOR_SPAM,
        r"spam|unsolicited|bulk|junk|phish|spoof|reputation|blocked|abuse|polic(y|ies)|filtered",
        r"banned content|prohibited content|content (reject|denied|not accept)|suspicious",
        r"content filter|quarantine",
        r"blacklist|\bDT:SPM\b",
    ),
    # The server's own fault, whatever class its code is of (RFC 3463 section 3.4).
    sign(
        Cause.SERVER_ERROR,
        r"(server|local|internal|system) config|misconfigur",
        enhanced=("", "4.3.0", "4.3.5", "5.3.0", "5.3.5"),
    ),
    sign(
        Cause.SERVER_ERROR,
        r"(server|local|internal|system|database|ldap|milter|lookup|processing|configuration)"
        r"\b.{0,20}\b(error|failure|problem)",
        r"unable to (verify|look ?up|check)|service unavailable|temporary (lookup|problem)",
        r"(spool|queue) file|no healthy|replicat",
        when=lambda answer: answer.passing,
    ),
    sign(Cause.SERVER_ERROR, enhanced=("4.3.5",)),
    sign(Cause.SERVER_CLOSING, codes=(421,)),
    # A second MAIL in a transaction (RFC 5321 section 4.1.4): the dialogue is at fault, no sender.
    sign(Cause.ANSWERS_OUT_OF_STEP, codes=(503,), stages=(_SENDER,)),
    sign(Cause.PUT_OFF, when=lambda answer: answer.passing),
    sign(Cause.SENDER_REFUSED, stages=(_SENDER,)),
    sign(
        Cause.SENDER_REFUSED,
        r"sender .{0,40}(reject|refus|denied|invalid)",
        r"mail ?from .{0,40}(reject|refus|denied|invalid|not accept)",
    ),
    sign(Cause.RECIPIENT_REFUSED, stages=(_RECIPIENT,)),
    sign(Cause.MESSAGE_REFUSED),
)
