"""The signs of causes before the first mail: the greeting, EHLO, the login.

In order: the first sign that holds is the cause, and the last one holds for anything. Behind the
words of one provider stands where they are documented or were reported.
"""

from __future__ import annotations

import re

from ...errors import Cause, Stage
from ...providers.model import WHOLE_ADDRESS
from .answer import Answer, sign, words

_GREETING, _EHLO, _LOGIN = Stage.GREETING, Stage.EHLO, Stage.LOGIN
_REFUSED = (500, 501, 502, 503, 504, 530, 534, 535, 538, 550, 552, 553, 554)


def _collective(answer: Answer) -> bool:
    """A wrong password in a list of everything that may be: the list is no news, the login is."""
    listed = len(_SEPARATOR.findall(answer.words)) >= 3
    return answer.code // 100 == 5 and listed and answer.says(_WRONG_PASSWORD)


_SEPARATOR = words(r",|;|\bor\b|\u3001|\uff0c")
_WRONG_PASSWORD = words(
    r"(password|credentials?|user ?name|account)\b.{0,30}(incorrect|wrong|invalid|error|mismatch"
    r"|bad)",
    r"(incorrect|wrong|invalid|bad|check)\b.{0,30}(password|credentials?|user ?name"
    r"|authentication data)",
    r"\u5bc6\u7801",
)


def _fixed_name(answer: Answer) -> bool:
    word = answer.provider.username_value if answer.provider else ""
    return word not in ("", answer.facts.username)


def _half_a_name(answer: Answer) -> bool:
    whole = answer.provider is not None and answer.provider.username == WHOLE_ADDRESS
    return whole and "@" not in answer.facts.username


def _wants_app_password(answer: Answer) -> bool:
    return answer.provider is not None and answer.provider.credential.startswith("an app")


def _hidden(answer: Answer) -> bool:
    return bool(answer.facts.hidden)


def _not_ascii(answer: Answer) -> bool:
    return not answer.facts.login_is_ascii


MACHINE_SIGNS = (
    # smtpd_client_restrictions = reject_unknown_client_hostname: postconf(5).
    sign(
        Cause.REVERSE_NAME_MISSING,
        r"cannot find your (reverse )?host ?name|reverse.{0,4}dns|\bPTR\b|\br ?DNS\b",
        r"unknown client host",
    ),
    # "525 5.7.1 Unauthorized IP address" (Brevo); "550 5.7.1 The IP you're using to send mail is
    # not authorized" (Google's exchangers): support.google.com/mail/?p=NotAuthorizedError.
    sign(
        Cause.MACHINE_NOT_ALLOWED,
        r"unauthori[sz]ed ip\b|not allowed to connect|invalid credentials for relay",
        r"\bip\b.{0,60}\bnot (been )?(authori[sz]ed|allowed|whitelisted|permitted|in the allow)",
        r"(connections?|access) from .{0,40}not (allowed|permitted)",
        unless=r"\bspf\b|\bdmarc\b",
    ),
    sign(Cause.MACHINE_BLOCKED, when=lambda answer: _blocks_machine(answer)),
    # 5.7.511 and 5.7.606 to 5.7.649: banned sending IP addresses (Microsoft 365).
    sign(
        Cause.MACHINE_BLOCKED,
        enhanced=("5.7.511", *(f"5.7.{number}" for number in range(606, 650))),
    ),
    # "432 4.3.2 STOREDRV.ClientSubmit; (sender|outbound) thread limit exceeded" (Microsoft 365).
    sign(
        Cause.TOO_MANY_CONNECTIONS,
        r"too many (concurrent|simultaneous|open|parallel)? ?(smtp |tcp )?(connections|sessions)",
        r"(connection|session)s? (limit|count|rate|quota|frequency)|(sender|outbound) thread limit",
        r"concurrent connections|too frequent connect|number of (sessions|connections)",
        r"(limit|number|maximum|more than) .{0,20}(simultaneous |concurrent )?connections",
        unless=r"per (connection|session)",
    ),
)

_RBL = re.compile(
    r"spamhaus|spamcop|barracuda|dnsbl|\brbl\b|block(ed)? ?(list|using)|deny ?list|\(BL\)"
    r"|banned sending ip|not accepted from this ip|banned sender ?\["
    r"|\b(ip|client host|your host|server|network)\b.{0,60}\b(block|banned|black ?list)"
    r"|\bblack ?list.{0,40}\b(ip|host|server|network)\b|(poor|low) reputation"
    r"|(blocked|banned|rejected|blacklisted) (your|the) ip|(black|spam) ip\b"
    r"|\bip (address )?(is |was |has been )?(temporarily )?(blocked|banned|listed|refused)"
    r"|mail from [\d.]{7,15} refused|all messages from [\da-f.:]{3,45} will|\[TS[ST]\d\d\]",
    re.IGNORECASE,
)
_AT_LOGIN = words(r"black ?list|block ?list")
_AT_GREETING = words(r"\bblock(ed)?\b|\bbanned\b|black ?list|bad reputation|dynamic ip|residential")
_OF_DOMAIN = words(r"\bdomain\b|\burl\b|\blink\b|sender address")


def _blocks_machine(answer: Answer) -> bool:
    """The names of lists are host names, so the full words are looked at."""
    if answer.says(_OF_DOMAIN):
        return False
    if answer.stage is _GREETING and answer.says(_AT_GREETING):
        return True
    at_login = answer.stage is _LOGIN and answer.says(_AT_LOGIN)
    return at_login or _RBL.search(answer.full) is not None


OWN_NAME_SIGNS = (
    sign(Cause.OWN_NAME_REFUSED, when=lambda answer: answer.frame == "helo"),
    # reject_invalid_helo_hostname and its like answer at RCPT: postconf(5), smtpd_delay_reject.
    sign(
        Cause.OWN_NAME_REFUSED,
        r"\b(helo|ehlo)\b.{0,80}(reject|invalid|need|not found|bad|require|denied|mismatch"
        r"|name is)",
        r"(reject|invalid|bad)\w*:? .{0,20}\b(helo|ehlo)\b|fully.qualified host",
        unless=r"(sender|recipient) address rejected|\bauth\b|authenticat",
    ),
)

LOGIN_SIGNS = (
    # The server's own fault, whatever class its code is of: 535 5.7.8 with "Connection lost to
    # authentication server" is Postfix' word for a Dovecot that is down.
    sign(
        Cause.LOGIN_UNAVAILABLE,
        r"internal (authentication |server )?(error|failure)|(server|service|backend"
        r"|database) (is )?"
        r"(temporarily )?(unavailable|down|not available)|connection lost to auth",
        unless=r"smtp (service|auth)|not open",
    ),
    # SendGrid says at AUTH that the plan is used up.
    sign(
        Cause.QUOTA_REACHED,
        r"credits?\b.{0,20}(exceeded|exhausted|used)|(package|plan|quota) (limit )?exceeded",
        r"(quota|limit|allowance|messages)\b.{0,30}used up|used up .{0,30}messages",
        r"(mail|message|sending|smtp|plan|monthly|daily|hourly)\b.{0,20}\b(quota|limit|credits?)\b"
        r".{0,20}(exceeded|reached|used)|(exceeded|reached|over) .{0,30}"
        r"(messaging|sending|monthly|daily|plan) (limit|quota|credit)",
        unless=r"\blog ?in|attempts",
    ),
    sign(
        Cause.MICROSOFT_SECURITY_DEFAULTS,
        r"security defaults|conditional access",
    ),
    sign(
        Cause.LOGIN_BY_TOKEN_ONLY,
        r"(only|use|requires?|with) (\w+ )?x?oauth ?2?|oauth ?2? (is )?(required|tokens? are)",
        unless=r"or an app",
        when=lambda answer: not answer.from_microsoft and "5.7.139" not in answer.full,
    ),
    # 550 5.7.30: message centre MC786329. Off by default from the end of December 2026.
    sign(Cause.MICROSOFT_PASSWORDS_GONE, enhanced=("5.7.30",)),
    sign(
        Cause.MICROSOFT_PASSWORDS_GONE,
        r"basic auth\w* is (disabled|not supported|no longer)",
    ),
    sign(
        Cause.PASSWORD_EXPIRED,
        r"password\b.{0,15}\bexpired|password transition|(change|renew|reset) (your|the) password"
        r"|expired password",
    ),
    # 432 4.7.12: the owner must renew the password (RFC 4954 section 4.7).
    sign(Cause.PASSWORD_EXPIRED, enhanced=("4.7.12", "5.7.12")),
    # 5.7.139 is Microsoft's umbrella; only its words tell a wrong password from a closed door.
    sign(
        Cause.MICROSOFT_PASSWORD_REFUSED,
        r"credentials? (were|was|is|are) (incorrect|invalid|wrong)|incorrect|bad (user|password"
        r"|cred)"
        r"|(invalid|wrong) (user|password|cred)",
        enhanced=("5.7.139",),
    ),
    sign(
        Cause.ACCOUNT_LOCKED,
        r"\b(account|user)\b.{0,40}\b(locked|blocked|disabled)",
        enhanced=("5.7.139",),
    ),
    # "SmtpClientAuthentication is disabled for the Tenant", or "the Mailbox":
    # aka.ms/smtp_auth_disabled.
    sign(Cause.MICROSOFT_LOGIN_OFF, enhanced=("5.7.139",)),
    sign(Cause.MICROSOFT_LOGIN_OFF, r"smtp ?client ?authentication is disabled"),
    sign(Cause.SENDING_TOO_FAST, r"too many (messages|e?mails)"),
    sign(Cause.PASSWORD_REFUSED, when=_collective),
    # 534-5.7.14 "Please log in via your web browser": support.google.com/mail/answer/78754.
    sign(
        Cause.GOOGLE_SIGN_IN_BLOCKED,
        codes=(534,),
        enhanced=("5.7.14",),
        when=lambda answer: answer.from_google,
    ),
    sign(
        Cause.GOOGLE_SIGN_IN_BLOCKED, r"log ?in (with|via|through) your web browser|web browser and"
    ),
    sign(
        Cause.ACCOUNT_LOCKED,
        r"(prove|confirm|verify) .{0,20}not a robot|use (the )?web (interface )?for|captcha"
        r"|log ?in (to|at|on) the (web|site)|suspicious|unusual (activity|sign|login)|unlock",
    ),
    sign(
        Cause.ACCOUNT_NOT_ACTIVE,
        r"\baccount\b.{0,30}\b(not (yet )?(been )?(active|activated|approved)|suspended"
        r"|under review|deactivated|pending|closed|banned|expired|terminated)",
        r"bad outbound sender|invalid license|not subscribed",
        r"(sending|smtp) (\w+ )?(is |has been )?(paused|suspended)",
    ),
    sign(Cause.TEST_ACCOUNT, r"sandbox|test purposes only|trial account"),
    *MACHINE_SIGNS,
    *OWN_NAME_SIGNS,
    sign(
        Cause.ACCOUNT_LOCKED,
        r"\b(account|user|mailbox|login|access)\b.{0,40}\b(locked|disabled|blocked|frozen)\b",
        r"too many (failed|bad|invalid|incorrect|unsuccessful)",
        unless=r"service is|smtp (is|service|auth|access)|later|for a while|-locked",
    ),
    sign(
        Cause.LOGIN_NOT_OFFERED,
        r"auth\w*\b.{0,30}\bnot (enabled|available|supported|advertised|allowed on|implemented)"
        r"|unrecogni[sz]ed command",
        unless=r"mechanism",
    ),
    # RFC 4954 section 6: 538, encryption required for the mechanism; 530 with 5.7.0.
    sign(Cause.TLS_REQUIRED, codes=(538,)),
    sign(
        Cause.TLS_REQUIRED,
        r"starttls|\btls\b|encrypt|\bssl\b|secure connection",
        codes=(503, 504, 523, 530, 534, 535, 550, 554),
        unless=r"certificate",
    ),
    sign(Cause.LOGIN_MECHANISM, codes=(504,)),
    sign(
        Cause.LOGIN_MECHANISM,
        r"mechanism .{0,20}(weak|not supported|unsupported|unavailable|unknown)",
    ),
    sign(
        Cause.LOGIN_NOT_PERMITTED,
        r"not (allowed|permitted|authori[sz]ed) to (use|log|auth|send|relay)|\bno permission"
        r"|not open\b|access rights|may not send|does not include smtp"
        r"|\bsmtp\b.{0,30}\b(disabled|not (been )?(enabled|allowed|permitted|active|open))"
        r"|(disabled|not (enabled|allowed)) .{0,20}\bsmtp|permission denied"
        r"|(pop|imap)\W{1,3}smtp\b.{0,20}(off|disabled|closed|not)|smtp access is (disabled|off)"
        r"|external (mail )?programs",
    ),
    sign(
        Cause.APP_PASSWORD,
        r"app(lication)?[ -]?specific password|\bapp(lication)? password|authori[sz]ation code"
        r"|client (authori[sz]ation )?password|external app|third.party (app|client|password)"
        r"|(device|client)[- ](specific )?password"
        r"|\u6388\u6743\u7801",
        when=lambda answer: not answer.from_google,
    ),
    sign(
        Cause.LOGIN_TOO_OFTEN,
        r"too (many|much|often)|blocked for a while|\brate\b|throttl|\blimit|back ?off|frequency"
        r"|too frequent",
        codes=(421, 432, 450, 451, 452, 454, 535, 550, 554),
    ),
    sign(Cause.LOGIN_UNAVAILABLE, when=lambda answer: answer.passing),
    sign(Cause.LOGIN_HIDDEN_CHARACTERS, codes=_REFUSED, when=_hidden),
    sign(Cause.USER_NAME_FIXED, codes=_REFUSED, when=_fixed_name),
    sign(Cause.USER_NAME_INCOMPLETE, codes=(501, 535), when=_half_a_name),
    sign(Cause.USER_NAME_INCOMPLETE, r"not (a )?valid e-?mail address", codes=(501, 535)),
    # 534 5.7.9, 535 5.7.8: knowledge.workspace.google.com, "Gmail SMTP errors and codes".
    sign(
        Cause.GOOGLE_PASSWORD_REFUSED,
        codes=(535,),
        when=lambda answer: answer.from_google and answer.facts.app_password,
    ),
    sign(Cause.GOOGLE_APP_PASSWORD, codes=(534, 535), when=lambda answer: answer.from_google),
    # 535 5.7.3 is a wrong password as well as a mailbox that may not: [MS-SMTPNTLM].
    sign(Cause.MICROSOFT_PASSWORD_REFUSED, codes=(535,), when=lambda answer: answer.from_microsoft),
    sign(Cause.APP_PASSWORD, codes=(534, 535), when=_wants_app_password),
    sign(Cause.PROVIDER_CREDENTIALS, codes=(535,), when=lambda answer: answer.provider is not None),
    sign(Cause.LOGIN_NOT_ASCII, codes=_REFUSED, when=_not_ascii),
    sign(Cause.PASSWORD_REFUSED, codes=(535,)),
    sign(
        Cause.PASSWORD_REFUSED,
        r"(password|credentials?|user ?name)\b.{0,30}(incorrect|wrong|invalid|error|mismatch)",
        r"(incorrect|wrong|invalid|bad)\b.{0,30}(password|credentials?|user)",
        r"authentication (failed|failure|unsuccessful|rejected)",
    ),
    sign(Cause.LOGIN_FAILED),
)

OPENING_SIGNS = (
    sign(
        Cause.PROXY_CANNOT_CONNECT,
        r"(cannot|can't|can not|could not|couldn't|unable to|failed to) (connect|reach|contact)\b"
        r".{0,60}\b(server|host|backend|upstream|#)",
        r"connect error|upstream (server|timed|error)|bad gateway|connection to .{0,60}"
        r"(failed|timed out|refused)|\bwinsock\b|\b100(60|61|65)\b",
    ),
    sign(
        Cause.NOT_A_MAIL_SERVER,
        r"log ?in with USER|\bUSER and PASS\b|\bFTP\b",
        stages=(_EHLO,),
    ),
    *MACHINE_SIGNS,
    sign(Cause.OWN_NAME_REFUSED, codes=(501, 504, 550, 553), stages=(_EHLO,)),
    *OWN_NAME_SIGNS,
    sign(Cause.INTRODUCTION_FAILED, stages=(_EHLO,)),
    sign(Cause.GREETING_BUSY, when=lambda answer: answer.passing),
    sign(Cause.GREETING_BUSY, r"maintenance|try (again|later)|retry (in|later)"),
    sign(Cause.GREETING_REFUSED, when=lambda answer: answer.code // 100 == 5),
    sign(Cause.NOT_A_MAIL_SERVER),
)
