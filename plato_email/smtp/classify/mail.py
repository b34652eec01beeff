"""The signs of causes of a mail: its sender, its recipients, its content, the account.

In order: the first sign that holds is the cause, and the last one holds for anything. Behind the
words of one provider stands where they are documented or were reported.
"""

from __future__ import annotations

import re

from ...errors import Cause, Stage
from .answer import OURSELVES, Answer, sign, words
from .limits import PERIOD, TOO_MANY_RECIPIENTS
from .session import MACHINE_SIGNS, OWN_NAME_SIGNS

_SENDER, _RECIPIENT, _DATA, _DOT = Stage.SENDER, Stage.RECIPIENT, Stage.DATA, Stage.ACCEPTED
_NOT = r"(\bnot|n't|\bnever|\bno longer|\bcannot)"
_PERIOD = rf"\b({PERIOD}|daily|hourly|weekly|monthly|today)\b"


def _without_login(answer: Answer) -> bool:
    return not answer.facts.username


def _permanent(answer: Answer) -> bool:
    return not answer.passing


# -- the account -------------------------------------------------------------------------------

_STOPPED = (
    r"(suspend(ed)?|paused|under review|deactivated|closed|banned|terminated|on hold|frozen"
    r"|restricted|disabled|blocked|locked|inactive|revoked|expired|shut down|cancell?ed|stopped"
    r"|not (yet )?(been )?(active|activated|approved|confirmed|enabled|subscribed)"
    r"|pending (review|approval|activation)|no longer allowed)"
)
_ACCOUNT = (
    rf"(accounts?|mailbox|users?|sender|domain|tenant|subscription|trial|sending|service|outbounds?"
    rf"|outgoing( mail)?|privileges|profile|configuration set|smtp|{OURSELVES}|you|messages)"
)
_ACCOUNT_STOPPED = words(
    rf"\b{_ACCOUNT}\b.{{0,50}}\b{_STOPPED}\b",
    rf"\b{_STOPPED}\b.{{0,30}}\b(accounts?|mailbox|user|sender|domain|tenant|{OURSELVES})\b",
)
_PLAINLY_STOPPED = (
    r"bad outbound sender|invalid license|unusual sending activity|to unblock|unblock ?me",
    rf"(account|user|sender|{OURSELVES}|you)\b.{{0,40}}\b(from|for) sending( e?mail| messages"
    rf"| spam|$)",
    r"account (isn't|is not|not) (allowed|permitted|authori[sz]ed) to send"
    r"|no longer allowed to send",
    r"activate your (\w+ )?account|sender address blocked|access denied, banned|not subscribed",
    r"trial period has ended|(must|need to|please) (confirm|complete|verify) your (e-?mail"
    r"|account|identity|address)",
    r"complete (your|the) account verification|compromised|suspicious (activity|login|sending)",
    r"not allowed to send: .{0,60}(terminated|suspended|disabled|activate)",
)
_TO_OUR_ACCOUNT = words(
    rf"\byour (\w+[- ]){{0,3}}(account|mailbox|domain|service|user|profile|subscription)"
    rf"|{OURSELVES}",
    r"\bsend(ing|er)?\b|outgoing|outbound|\byou are\b|subscription|tenant|trial|configuration set",
)


def _is_about_their_number(answer: Answer) -> bool:
    by_code = answer.stage is Stage.RECIPIENT and answer.enhanced in ("4.5.3", "5.5.3")
    return by_code and answer.says(_RECIPIENTS)


def _is_our_account_stopped(answer: Answer) -> bool:
    """At MAIL nobody else is spoken of; at RCPT it takes a word about us; later the recipient's."""
    if not answer.says(_ACCOUNT_STOPPED):
        return False
    if answer.says(_TO_OUR_ACCOUNT) and not answer.says(_ABOUT_THEIR_ACCOUNT):
        return True
    if answer.stage is _SENDER:
        return not answer.theirs
    return answer.stage in (_DATA, _DOT) and answer.says(_BARE_ACCOUNT) and not answer.theirs


_BARE_ACCOUNT = words(r"\b(account|user|sender|domain|tenant|service)\b")
_ABOUT_THEIR_ACCOUNT = words(
    r"\b(recipient|addressee)('s)? (account|mailbox|address)|you (are|were) trying to"
    r"|tried to reach"
    r"|delivery error|not able to receive"
)

# -- who may send as whom ----------------------------------------------------------------------

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


_FROM = (
    rf"(sender|mail ?from|from(:| field| address| header)?|envelope|sending (as|from)|{OURSELVES})"
)
_OWN = (
    r"(own|owned|belong|match|equal|same|alias|yours|assigned|associated|conform|correspond|agree"
    r"|consistent|identical|one of|permitted|allowed|authori[sz]ed)"
)
_RELAYING = (
    r"\brelay(ing|ed)?\b.{0,40}\b(denied|not|disallowed|prohibited|refused|rejected|forbidden)\b",
    r"(unable|not (permitted|allowed|configured)|will not|do not|don't|cannot|can't|no|den(y|ies"
    r"|ied)"
    r"|refuse(s|d)?)( to)? relay|not (permitted|allowed|configured) to let you|rcpthosts",
    r"(no|open|a|insecure)( \w+)? relay\b|(don't|do not) handle mail for|not a local domain",
    r"sending to (remote|external) (addresses|recipients)|external recipients are not",
    r"domain is not allowed\b(?!.*sender)",
)

_RECIPIENTS = words(r"\brecipients?\b")
_PER_PERIOD = words(_PERIOD)
_OF_SENDER = words(
    rf"\b(sender|sending|mail ?from|from|send)\b|{OURSELVES}|not hosted|relaying disallowed as"
)

FIRST_MAIL_SIGNS = (
    sign(
        Cause.ANSWERS_OUT_OF_STEP,
        stages=(_SENDER, _RECIPIENT, _DATA),
        when=lambda answer: answer.code // 100 in (2, 3),
    ),
    sign(Cause.OUTCOME_UNKNOWN, when=lambda answer: answer.code // 100 in (2, 3)),
    sign(Cause.GREYLISTED, r"gr[ae]y.?list|postgrey"),
    # What an account may send in a day: 5.4.5 (Google), the others Microsoft 365.
    sign(Cause.QUOTA_REACHED, enhanced=("5.4.5", "5.1.90", "5.7.232", "5.7.233")),
    sign(Cause.SENDING_TOO_FAST, enhanced=("4.7.28",)),
    # What Google says of mail that is not authenticated, as 421 with "rate limited": its sender
    # guidelines; 5.7.509 and 5.7.515 (Microsoft); 5.7.20 to 5.7.26: RFC 7372. 5.7.27 is a null MX
    # (RFC 7505) anywhere else.
    sign(
        Cause.TLS_REQUIRED,
        r"(not|wasn't) sent over (a )?tls",
        enhanced=("4.7.29", "5.7.29"),
    ),
    sign(Cause.REVERSE_NAME_MISSING, enhanced=("4.7.25", "5.7.25")),
    sign(
        Cause.SENDER_NOT_AUTHENTICATED,
        enhanced=tuple(
            f"{kind}.7.{detail}"
            for kind in (4, 5)
            for detail in (20, 21, 22, 23, 24, 26, 31, 32, 40, 509, 515)
        ),
        unless=r"reverse.{0,4}dns|\bPTR\b|anonymous|not authenticated to",
    ),
    sign(
        Cause.SENDER_NOT_AUTHENTICATED,
        enhanced=("4.7.27", "5.7.27", "4.7.30", "5.7.30"),
        when=lambda answer: answer.from_google,
    ),
    sign(Cause.SENDER_NOT_AUTHENTICATED, r"\b(spf|dmarc)\b.{0,60}(fail|polic|reject|not permit)"),
    sign(Cause.SENDER_DOMAIN, enhanced=("5.7.27",)),
    sign(Cause.MICROSOFT_PASSWORDS_GONE, enhanced=("5.7.30",)),
    sign(Cause.MICROSOFT_LOGIN_OFF, enhanced=("5.7.139",)),
    sign(Cause.LOGIN_REQUIRED, enhanced=("5.7.57",)),
    sign(
        Cause.PROXY_CANNOT_CONNECT,
        r"(cannot|can't|could not|unable to|failed to) connect to (the )?(smtp|mail|real|remote"
        r"|upstream) ?server",
        stages=(_SENDER,),
    ),
    # Lists of recipients that Amazon SES, Postmark and others keep for the account that sends.
    sign(
        Cause.RECIPIENT_SUPPRESSED,
        r"suppress(ed|ion)|inactive recipient|marked as inactive|bounce list|bounced check",
        r"unsubscribed?( list)?\b|address (is )?blacklisted",
    ),
    *MACHINE_SIGNS,
    *OWN_NAME_SIGNS,
    sign(Cause.RECIPIENT_OVERRUN, enhanced=("5.2.121", "5.2.122")),
    # A group that takes mail from its own people only (Exchange).
    sign(
        Cause.RECIPIENT_REFUSED,
        r"for group|delivery restriction|rejected by (the )?recipient|non-member",
    ),
    sign(Cause.RECIPIENT_REFUSED, enhanced=("5.7.129", "5.7.133", "5.7.193")),
    sign(
        Cause.ACCOUNT_NOT_ACTIVE, enhanced=("5.7.501", "5.7.502", "5.7.503", "5.7.703", "5.7.705")
    ),
    # NetEase's short words for "sent too often": help.163.com.
    sign(Cause.SENDING_TOO_FAST, r"\bMI:(SFQ|CEL|CCL|RTE|MBR)\b"),
    sign(Cause.SERVER_CLOSING, r"per (session|connection)|in this session|time ?out", codes=(421,)),
    # The server's own fault, whatever class its code is of (RFC 3463 section 3.4).
    sign(
        Cause.SERVER_ERROR,
        r"(server|local|internal|system|this) (\w+ )?config\w* (error|problem)|misconfigur"
        r"|configuration error",
        r"\b(internal|unexpected|unknown server|database|sql|ldap|milter|i/?o) (server )?(error"
        r"|failure)|database unavailable|(content|spam) filter (crashed|timed out)",
        r"(scanner|polic\w+ (server|service)|database|ldap|sql|milter)\b.{0,30}(not reachable"
        r"|unreachable|unavailable|failed|crashed|timed out)|cannot connect to (the )?database",
        r"exception in\b|interrupted system call|local error|temporarily rejected message",
    ),
    # "not authorized to perform ses:SendRawEmail" (Amazon IAM).
    sign(
        Cause.ACCOUNT_RIGHT_MISSING,
        r"not authori[sz]ed to perform|(missing|insufficient|lacks?) (\S+ ){0,2}(scope|permission"
        r"|privilege)",
        r"(key|token|credentials?)\b.{0,40}(\blacks?|\bmissing|\bwithout|\bno\b|\bnot\b"
        r"|n't) (\w+ )?"
        r"(permission|right|scope|authori[sz]ed)",
        r"(permission|right|authori[sz]ed) to send .{0,20}with this (credential|key|token)",
    ),
    # 454 "Sandbox subdomains are for test purposes only" (Mailgun).
    sign(Cause.TEST_ACCOUNT, when=_sandboxed),
    sign(
        Cause.TEST_ACCOUNT,
        r"sandbox|test purposes only|authori[sz]ed recipients|trial (account|plan|period|mode)",
        r"can only (be )?(send|sent) (test|to)|test (mode|plan)|demo domain|pending approval",
        unless=r"identities failed|expired",
    ),
    # 502 5.7.0 "Your SMTP account is not yet activated" (Brevo); 552 "Your account has been
    # suspended" (SMTP2GO); "Sending paused for this account" (Amazon SES); 5.1.8 (Microsoft 365).
    sign(
        Cause.ACCOUNT_NOT_ACTIVE,
        *_PLAINLY_STOPPED,
        when=lambda answer: not answer.says(_ABOUT_THEIR_ACCOUNT),
    ),
    sign(
        Cause.ACCOUNT_NOT_ACTIVE,
        unless=rf"verified|confirmed|sender signature|storage quota|blocked using|using #|quota"
        rf"|unauthenticated|reputation|\bspf\b|active for sending|{_PERIOD}",
        when=_is_our_account_stopped,
    ),
    sign(Cause.SERVER_FULL, enhanced=("4.3.1", "5.3.1")),
    sign(
        Cause.SERVER_FULL,
        r"insufficient (system |disk )?(storage|disk|space|resources)",
        r"(out of|no|not enough|low) disk space|mail system full",
        unless=r"mail ?box|inbox|quota",
    ),
    # Limits of one message, by what is counted.
    sign(
        Cause.TOO_MANY_RECIPIENTS,
        when=lambda answer: (
            (answer.says(TOO_MANY_RECIPIENTS) or _is_about_their_number(answer))
            and not answer.says(_PER_PERIOD)
        ),
    ),
    sign(
        Cause.MESSAGE_LOOPED,
        r"too many (hops|received)|\bhops?\b.{0,30}(exceed|limit|count)|\bloop(ing|ed)?\b"
        r"|relayed too many",
    ),
    sign(
        Cause.CONTENT_MALFORMED,
        r"\blines? (is |are )?(too long|length)|header lines?|headers?\b.{0,30}(too large|long)",
        r"mime (parts?|nesting)|parts? (count|limit)|too many (mime )?parts",
        stages=(_DATA, _DOT),
    ),
    sign(Cause.MESSAGE_TOO_LARGE, enhanced=("5.3.4", "4.3.4")),
    sign(
        Cause.MESSAGE_TOO_LARGE,
        r"(message|mail|size|data)\b.{0,40}too (large|big|long)|too (large|big)\b",
        r"size.{0,30}(limit|exceed|maximum|greater)|(exceed|limit|maximum).{0,30}\b(size|bytes"
        r"|[kmg]b)",
        r"(length|size) of (the )?(data|attach|message|mail)|message length",
        unless=rf"{_PERIOD}|mail ?box|per transaction",
    ),
    sign(Cause.MESSAGE_TOO_LARGE, r"size|large|long|big|limit|length", enhanced=("5.2.3",)),
    sign(
        Cause.TAKEN_FOR_SPAM,
        r"(spam|junk|bulk|message|content) ?(mail )?(score|level|limit|points)|score (over"
        r"|exceeds)",
        r"too many links|spam threshold",
        unless=_PERIOD,
    ),
    sign(
        Cause.MAILBOX_FULL,
        enhanced=("5.2.2", "4.2.2"),
        unless=r"outgoing|sending|send\b|submission|receiving",
    ),
    # A recipient that the code names is decided before words about a limit of it.
    sign(
        Cause.RECIPIENT_UNKNOWN,
        r"unknown|not exist|n't exist|no such",
        enhanced=("4.1.1", "5.1.1", "5.1.10"),
        stages=(_RECIPIENT,),
    ),
)

MAIL_SIGNS = (
    # 554 "Message rejected: Email address is not verified. The following identities failed the
    # check in region ..." (Amazon SES). 550 "does not match a verified Sender Identity" (SendGrid).
    # "Sender signature" (Postmark). "Unconfigured Sending Domain" (SparkPost). 5.7.750 (Microsoft).
    sign(
        Cause.SENDER_NOT_VERIFIED,
        r"(address|domain|identity|sender|from)\b.{0,40}\b(not|un) ?(been )?(yet )?(verified"
        r"|validated|confirmed|configured|registered|trusted|set up|authenticated (yet|in)"
        r"|active for sending)",
        r"(unverified|unconfigured|unregistered|unvalidated|unconfirmed|unknown sending)\b.{0,20}"
        r"(domain|sender|address|identit)",
        r"(domain|address|sender|identity) (is )?(unverified|not associated with your|pending"
        r"|awaits)|awaits? (dns )?verification|pending verification",
        r"(domain|address|sender|identity)\b.{0,20}(must|needs? to|should|has to) be (verified"
        r"|validated|confirmed)|(list of|your) (approved|verified) (domains|senders)",
        r"does not match a verified|identit(y|ies) (failed|not found)|sender signature",
        r"not a (verified|validated)|sending from (this |the )?domain .{0,20}not allowed",
        r"(verify|validate|confirm|register) (your|the|this) (sending |sender )?(domain|sender"
        r"|address|identity)|domain is not allowed|not authori[sz]ed for this account: verify",
        r"(sender|domain) (identity )?(is )?(invalid|missing|not (valid|found|active)).{0,30}"
        r"(account|verif|dashboard|panel)",
        unless=r"recipient address|unverified address|rate limited|is invalid\. provide|\brelay",
        when=lambda answer: (
            answer.stage is not _RECIPIENT or answer.frame == "sender" or answer.says(_OF_SENDER)
        ),
    ),
    sign(Cause.SENDER_NOT_VERIFIED, enhanced=("5.7.750",)),
    # As 421, "Domain ... is not allowed to send" (Mailgun): mailgun/wordpress-plugin#68.
    sign(
        Cause.ACCOUNT_NOT_ACTIVE, r"is not allowed to send: .{0,80}(disabled|suspended|terminated)"
    ),
    sign(Cause.TEST_ACCOUNT, r"domain .{0,80} is not allowed to send"),
    sign(
        Cause.RELAYING_DENIED_NO_LOGIN,
        r"not hosted here, relay",
        when=_without_login,
    ),
    sign(Cause.RELAYING_DENIED, r"not hosted here, relay"),
    # 550 5.7.60 and 554 5.2.252 SendAsDenied (Microsoft 365), 553 5.7.1 "not owned by user"
    # (Postfix), 553 "Relaying disallowed as" (Zoho: mybb/mybb#2644, frappe/erpnext#19057).
    sign(Cause.SENDER_NOT_OWNED, enhanced=("5.7.60", "5.2.252")),
    sign(Cause.SENDER_NOT_OWNED, rf"\b{_FROM}\b.{{0,30}}\bnot (belong|match)\b"),
    sign(
        Cause.SENDER_NOT_OWNED,
        r"send ?as ?denied|not owned by|owned by another|relaying disallowed as|non-?local account",
        rf"\b{_FROM}\b.{{0,60}}{_NOT}.{{0,30}}\b{_OWN}",
        rf"{_NOT} .{{0,30}}\b{_OWN}\b.{{0,30}}\b(as|this|the) {_FROM}",
        r"(may|can) ?(not|n't) (be used|send (as|from))|sending as another|sender spoofing",
        r"(permissions?|allowed|authori[sz]ed|right|permitted) to (send|use) (as|from|on|this from"
        r"|mail from|e-?mail from|using)|not (an alias|yours|assigned)",
        r"sender is not allowed to relay|from/sender name|restricted to sending domain",
        r"only from your own|not hosted (on|at|by|here)|does not belong to this server",
        r"(mail ?from|sender|from)\W{0,3}.{0,40}\b(must|should) (be )?(the )?(same|equal|match"
        r"|identical|agree)|(must|should) (be )?(the )?(same|equal|match|identical).{0,30}(user"
        r"|account|auth|login|sender)",
        r"(different|other|not the same|differs) (from|than|as) (the |your )?(authenti|log|user"
        r"|account|smtp)",
        r"not allowed to use (the domain|this from)|sender not allowed|spoof(ed)? sender",
        r"user and sender mismatch|(can't|cannot) send from|only send mail from your own",
        unless=r"\bspf\b|\bdkim\b|\bdmarc\b|verified|without auth|in your account",
        when=lambda answer: answer.stage is not _RECIPIENT or answer.says(_OF_SENDER),
    ),
    # Postfix' reject_non_fqdn_sender and reject_unknown_sender_domain, Exim's sender verify.
    sign(
        Cause.SENDER_DOMAIN,
        r"^\W*(need|domain|host not found|undeliverable|unverified)",
        when=lambda answer: answer.frame == "sender",
    ),
    sign(
        Cause.SENDER_DOMAIN,
        r"sender verify failed|domain (name )?(of|required for) sender|unrout(e?)able sender",
        r"need fully.{0,40}sender|domain missing in sender|mx records? (for|of)",
        r"sender('s)? (address )?(e?mail )?must contain a domain|from: domain is invalid",
        r"unresolvable .{0,30}from domain|domain of sender",
        r"sender('s)? (address |e?mail )?domain\b(?!.*(verified|set up|approved|allowed to send))",
        r"domain .{0,60}(does not exist|not found|has no (mx|a\b)|doesn't resolve).{0,30}sender",
        unless=r"surbl|\blisted\b|blocked",
    ),
    sign(Cause.SENDER_DOMAIN, enhanced=("5.1.8", "4.1.8"), stages=(_SENDER, _RECIPIENT, _DOT)),
    # 523, and 530 with STARTTLS in its words: RFC 3207 section 4.
    sign(
        Cause.TLS_REQUIRED,
        r"starttls|encryption (is )?(required|needed)|must.{0,40}\b(tls|ssl)\b",
        r"(tls|ssl) (is )?(required|needed)|requires? (a )?(tls|ssl|encrypt|secure)",
        r"plain ?text connections? (is|are) not|unencrypted",
    ),
    sign(
        Cause.LOGIN_REQUIRED,
        r"authenticat(ed|ion) (is )?(required|needed)|unauthenticated (senders?|mail)\b",
        r"(please |must (first |be )?)authenticate|authenticate first|not (been )?authenticated",
        r"not logged.?in|log ?in (first|required)|please (log|sign) ?in|anonymous",
        r"\b(need|send|use|requires?|issue|no)( \w+ and| the)? auth\b|auth command must come",
        r"authori[sz]ation (is )?required|smtp[- ]auth(entication)? (is )?(required|needed)",
        r"(turn on|enable) .{0,30}authentication|auth(entication)? first",
        r"without (smtp )?auth(entication|enticating)?\b|not permitted to relay without",
        r"requires? (smtp )?(auth|log ?in|sign)|(must|need to|have to) (log|sign) ?in",
        r"check (your )?(mail|pop)\b.{0,20}(first|before)|pop before|with pop first",
        unless=r"\bspf\b|\bdkim\b|\bdmarc\b|authentication (failed|check)",
    ),
    sign(Cause.LOGIN_REQUIRED, codes=(530,)),
    sign(Cause.RELAYING_DENIED_NO_LOGIN, *_RELAYING, when=_without_login),
    # Postfix as a submission server has no kinder word.
    sign(
        Cause.RELAYING_DENIED_NO_LOGIN,
        r"access denied",
        enhanced=("5.7.1",),
        when=_without_login,
    ),
    sign(Cause.RELAYING_DENIED, *_RELAYING),
    sign(Cause.SENDER_NOT_AUTHENTICATED, r"\b(dmarc|spf|dkim)\b", unless=r"duplicate header"),
    sign(
        Cause.ADDRESS_MALFORMED,
        r"syntax|malformed (address|recipient|sender)|bad (sender|recipient) address"
        r"|invalid (sender|recipient)? ?address|must contain a domain|restricted characters"
        r"|not a valid rfc",
        codes=(501, 550, 553, 555),
        stages=(_SENDER, _RECIPIENT),
    ),
    sign(Cause.SENDER_REFUSED, when=lambda answer: answer.frame == "sender"),
    sign(Cause.SENDER_REFUSED, r"envelope sender|badmailfrom|sender is in\b"),
    sign(
        Cause.CONTENT_MALFORMED,
        r"(bare|naked|lone) (lf|cr|line ?feed)|malformed|corrupt|\bnul\b|exactly one from",
        r"(missing|invalid|duplicate|multiple|bad|no|without)\b.{0,30}header"
        r"|header (syntax )?error",
        r"header .{0,30}(missing|invalid|long|rfc ?5322)|messages missing",
        r"rfc ?(5322|2822) .{0,20}complian|not rfc",
        stages=(_DATA, _DOT),
    ),
    sign(
        Cause.CONTENT_MALFORMED, stages=(_DATA, _DOT), when=lambda answer: "smtplf" in answer.full
    ),
    sign(Cause.TOO_MANY_RECIPIENTS, enhanced=("4.5.3", "5.5.3"), stages=(_RECIPIENT,)),
    sign(Cause.LIMIT_REACHED, r"quota", unless=r"queue quota"),
    sign(Cause.ADDRESS_NOT_ASCII, r"smtputf8|internationali[sz]ed (address|mailbox)"),
    sign(
        Cause.MAILBOX_FULL,
        r"(mail ?box|inbox|quota)\b.{0,40}\bfull\b|\bover ?quota|no space left"
        r"|space .{0,20}used up",
        r"not have enough space|quota .{0,20}exhausted",
        stages=(_RECIPIENT,),
    ),
    sign(Cause.MAILBOX_FULL, r"(mail ?box|inbox)\b.{0,40}\bfull\b", stages=(_DATA, _DOT)),
    sign(
        Cause.RECIPIENT_DISABLED,
        r"\b(mailbox|account|user|address|recipient|#).{0,60}(disabled|inactive|suspended|locked"
        r"|deactivated|discontinued|closed|over ?drawn|blocked|frozen|terminated|on hold|expired"
        r"|archived|not active|no longer (active|valid|in use|available))",
        r"(disabled|inactive|suspended|deactivated|closed|archived) (mailbox|account|user"
        r"|recipient)|receiving disabled",
        r"(isn't|is not|not) (allowed|able) to receive",
        stages=(_RECIPIENT, _DATA, _DOT),
        unless=r"sender address|blocked using|using #|file name|\bip\b",
        when=lambda answer: answer.stage is _RECIPIENT or answer.theirs,
    ),
    sign(
        Cause.RECIPIENT_DISABLED,
        r"mailbox cannot be accessed|no longer (valid|accepts)|is currently suspended",
        stages=(_RECIPIENT, _DATA, _DOT),
    ),
    sign(
        Cause.RECIPIENT_DISABLED,
        r"^\W*(inactive|disabled|suspended)",
        when=lambda answer: answer.frame == "recipient",
    ),
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
        when=_permanent,
    ),
    # A permanent code whose words say that it passes: the words harm less mail.
    sign(
        Cause.PUT_OFF,
        r"(please )?(try|retry) (again )?later|temporarily (deferred|rejected)|please retry",
        unless=r"spam|blocked|polic",
        when=_permanent,
    ),
    sign(
        Cause.RECIPIENT_UNKNOWN,
        r"unknown|no such|n(o|')t exist|not found|unrouteable|undeliverable|no account by that",
        r"(invalid|bad).(recipient|mailbox|address|destination)|mailbox unavailable|no mailbox",
        r"marked as invalid|not in recipient list|(user|#) .{0,30}not (a )?(known|local)",
        r"not a known (user|recipient|mailbox|address)",
        r"doesn.?t have an? .{0,60}account|not a valid (mailbox|recipient|user)",
        stages=(_RECIPIENT,),
        when=_permanent,
    ),
    # 552-5.7.0 (Google): support.google.com/mail/?p=BlockedMessage.
    sign(
        Cause.ATTACHMENT_REFUSED,
        r"virus|malware|infected|attachment|file (type|name)|executable|security issue",
    ),
    sign(
        Cause.GREYLISTED,
        r"try again in \d+ ?(s|m|second|minute)s?\b|(retry|again) (in|after) \d+ ?(sec|min)",
        r"come back (in|later|after) .{0,12}(second|minute)",
    ),
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
        r"spam|unsolicited|\bUBE\b|bulk|junk|phish|spoof|reputation|blocked|abuse|polic(y|ies)",
        r"filtered|banned content|prohibited content|content (reject|denied|not accept)|suspicious",
        r"blacklist|\bDT:SPM\b|content filter|quarantine|surbl|dbl\b",
    ),
    sign(
        Cause.TAKEN_FOR_SPAM,
        when=lambda answer: re.search(r"\bdbl\.|surbl", answer.full, re.IGNORECASE) is not None,
    ),
    sign(
        Cause.SERVER_ERROR,
        r"(server|local|internal|system|database|ldap|milter|lookup|processing|configuration)"
        r"\b.{0,20}\b(error|failure|problem|failed)",
        r"unable to (verify|look ?up|check)|service unavailable|temporary (lookup|problem)",
        r"(spool|queue) file|writ\w+ (to )?spool|no healthy|replicat",
        when=lambda answer: answer.passing,
    ),
    sign(Cause.SERVER_ERROR, r"server error|failure|\berror\b", enhanced=("5.3.0", "5.3.5")),
    sign(Cause.SERVER_ERROR, enhanced=("4.3.5",)),
    sign(Cause.SERVER_CLOSING, codes=(421,)),
    # A second MAIL in a transaction (RFC 5321 section 4.1.4): the dialogue is at fault, no sender.
    sign(Cause.PUT_OFF, when=lambda answer: answer.passing),
    sign(Cause.SENDER_REFUSED, stages=(_SENDER,)),
    sign(
        Cause.SENDER_REFUSED,
        r"sender .{0,40}(reject|refus|denied|invalid|black list)",
        r"mail ?from .{0,40}(reject|refus|denied|invalid|not accept)",
    ),
    sign(Cause.RECIPIENT_REFUSED, stages=(_RECIPIENT,)),
    sign(Cause.MESSAGE_REFUSED),
)
