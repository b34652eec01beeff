"""Causes in who may send, and how much."""

from __future__ import annotations

from ..errors import Stage, Verdict
from . import fixes
from .rule import MAIL, Facts, Rule, Sign

_RELAYING = (
    r"\brelay(ing|ed)?\b( access)? (is )?(denied|not|disallowed|prohibited|refused)|rcpthosts"
    r"|(unable|not (permitted|allowed|configured)) to (relay|let you)|(no|open|a) relay\b"
    r"|(do not|don't|cannot|no) relay(ing)?\b"
)


def _unknown(facts: Facts) -> bool:
    return facts.error.verdict is Verdict.UNKNOWN


def _quota(facts: Facts) -> bool:
    return facts.error.verdict is Verdict.QUOTA


def _without_login(facts: Facts) -> bool:
    return not facts.username


RULES: tuple[Rule, ...] = (
    Rule(
        code="outcome-unknown",
        signs=(Sign(when=_unknown),),
        title="Whether {host} took the mail is not known",
        why="The whole mail was sent, but the server's answer was lost.",
        steps=(
            "Look into the mailbox first: the mail may well have arrived.",
            "If this happens again, ask the server's operator.",
        ),
    ),
    Rule(
        # 454 "Throttling failure: Maximum sending rate exceeded" (Amazon SES):
        # docs.aws.amazon.com/ses, "Errors related to the sending quotas"; 450 4.2.1 (Google).
        code="sending-too-fast",
        signs=(
            Sign(
                MAIL,
                (421, 450, 451, 452, 454),
                says=r"^(?!.*\b(recipient|user) (has|is)\b).*(sending rate|rate.limit"
                r"|throttl(ed|ing)(?!.*\b(daily|per day)\b)|too many (messages|mails|emails)"
                r"|too (fast|quickly)|per second|relay limit)",
            ),
        ),
        title="{host} wants mail to come more slowly",
        why="So many mails in so short a time are more than it allows this account.",
        steps=(
            "Nothing is lost: the queue tries again by itself.",
            "Lower Batch Size, or raise Interval, to what the provider allows.",
        ),
    ),
    Rule(
        # 550 5.4.5 (Google), 454 "Daily message quota exceeded" (Amazon SES), 554 5.2.0
        # "exceeded the limit on the number of messages" (Microsoft 365), 451 credits (SendGrid).
        code="quota-reached",
        signs=(
            Sign(when=_quota),
            Sign(MAIL, says=r"maximum credits|daily (message |sending |user )*(quota|limit)"),
        ),
        title="The sending limit of this account is reached",
        why="The provider takes no more mail for now.",
        steps=(
            "Wait until the limit is renewed, most often the next day. The queue keeps its mail.",
            "Lower Batch Size, or ask the provider for a higher limit.",
        ),
    ),
    Rule(
        code="answers-out-of-step",
        signs=(
            Sign(
                MAIL,
                (None,),
                says=r"nothing had been asked for|more answers than|^the server answered \w+ with",
            ),
        ),
        title="{host} answers more than it is asked",
        why="So none of its answers can be trusted, and nothing was counted as sent.",
        steps=(
            "Look for a proxy, firewall or virus scanner that handles mail, and take it out.",
            "Ask the server's operator to look into its log.",
        ),
    ),
    Rule(
        code="connection-lost",
        signs=(Sign(MAIL, (None,), when=lambda facts: facts.error.verdict is Verdict.SERVER),),
        title="The connection to {host} was lost in the middle of the mail",
        why="The mail was not accepted.",
        steps=(
            "Try again. Mail in the queue is tried again by itself.",
            "If it always happens, look for a firewall, proxy or virus scanner on the way.",
        ),
    ),
    Rule(
        # 554 "Message rejected: Email address is not verified. The following identities failed the
        # check in region ..." (Amazon SES): repost.aws/knowledge-center. 550 "does not match a
        # verified Sender Identity" (SendGrid). "Sender signature" (Postmark).
        code="sender-not-verified",
        signs=(
            Sign(
                MAIL,
                says=r"^(?!.*recipient address).*("
                r"(address|domain|identity|sender|from)\b.{0,40}\b(not|un) ?verified"
                r"|does not match a verified|identit(y|ies) failed|sender signature"
                r"|unverified (domain|sender)|not a verified)",
            ),
        ),
        field="default_sender",
        title="The provider has not verified the Default Sender",
        why="It sends only from addresses and domains that are proved to be yours.",
        steps=(
            "Have the address or its domain verified in the provider's account.",
            "At Amazon SES, check the region too; in its sandbox recipients must be verified as "
            "well.",
        ),
    ),
    Rule(
        # 550 5.7.60 and 554 5.2.252 SendAsDenied (Microsoft 365), 553 5.7.1 "not owned by user"
        # (Postfix), 553 "Relaying disallowed as" (Zoho: mybb/mybb#2644, frappe/erpnext#19057).
        code="sender-not-owned",
        signs=(
            Sign(
                MAIL,
                says=r"send ?as ?denied|(permissions?|allowed|authori[sz]ed) to send (as|from|on)"
                r"|not owned by|relaying disallowed as|sender is not allowed to relay"
                r"|sender address rejected: not owned|from address .*not (allowed|yours|one of)"
                r"|sender .*(does not match|mismatch|not match)|from/sender name"
                r"|restricted to sending domain",
            ),
            Sign(enhanced=("5.7.60", "5.2.252")),
        ),
        field="default_sender",
        fix=fixes.send_as_the_account,
        title="This account may not send from the Default Sender",
        why="The server lets each account send from its own addresses only.",
        steps=(
            "Set Default Sender to the address of the account that logs in.",
            "Or have the provider let this account send from the other address.",
        ),
    ),
    Rule(
        # 530 5.7.57 (Microsoft 365), 550 "Unauthenticated senders not allowed" (SendGrid),
        # 503 "authorization required" (mail.ru), 553 5.7.1 "not logged in" (Postfix).
        code="login-required",
        signs=(
            Sign(
                MAIL,
                says=r"authenticat(ed|ion) (is )?(required|needed)|unauthenticated senders?\b"
                r"|not (been )?authenticated|must (first )?authenticate|not logged in|log ?in first"
                r"|\b(need|send|use|requires?) auth\b|authori[sz]ation required"
                r"|smtp[- ]auth|turn on .*authentication",
            ),
            Sign(MAIL, (530,)),
        ),
        field="username",
        title="{host} wants a login",
        why="It does not take mail from just anybody.",
        steps=(
            "Set Username and Password, and use port 587 or 465.",
            "If they are set, check that they are the right ones.",
        ),
    ),
    Rule(
        code="relaying-denied-no-login",
        signs=(
            Sign(MAIL, says=_RELAYING, when=_without_login),
            # Postfix as a submission server has no kinder word.
            Sign(MAIL, enhanced=("5.7.1",), says=r"access denied", when=_without_login),
        ),
        field="username",
        title="{host} passes no mail on for this machine",
        why="Without a login it takes mail for its own mailboxes only.",
        steps=(
            "Set Username and Password, and use port 587 or 465.",
            "Or have the server's operator allow the address of this machine.",
        ),
    ),
    Rule(
        code="relaying-denied",
        signs=(Sign(MAIL, says=_RELAYING),),
        field="host",
        title="{host} passes no mail on for this account",
        why="It takes mail for its own mailboxes only, even after the login.",
        steps=(
            "Check that this is the provider's server for outgoing mail, not its mail exchanger.",
            "Check with the provider that the account may send to other domains.",
        ),
    ),
    Rule(
        code="sender-not-ascii",
        signs=(Sign((Stage.SENDER,), says=r"sender's address cannot be sent"),),
        field="default_sender",
        title="{host} cannot send from an address with letters outside ASCII",
        why="It does not offer SMTPUTF8, the extension that carries them.",
        steps=("Set Default Sender to an address whose part before the @ is plain letters.",),
    ),
    Rule(
        code="sender-domain",
        signs=(
            Sign(
                (Stage.SENDER, Stage.RECIPIENT),
                enhanced=("5.1.8", "4.1.8"),
            ),
            Sign(
                (Stage.SENDER, Stage.RECIPIENT),
                says=r"sender.*domain|domain of sender|sender verify failed",
            ),
        ),
        field="default_sender",
        title="{host} does not accept the domain of the sender",
        why="It looked the domain up and found nothing that could take an answer.",
        steps=("Use a Default Sender whose domain exists and can receive mail.",),
    ),
    Rule(
        # 550 5.7.26 (Google), 550 5.7.515 and 5.7.509 (Microsoft): RFC 7372.
        code="sender-not-authenticated",
        signs=(
            Sign(MAIL, says=r"\b(dmarc|spf|dkim)\b"),
            Sign(MAIL, enhanced=("5.7.20", "5.7.23", "5.7.26", "5.7.509", "5.7.515")),
        ),
        field="default_sender",
        title="The domain of the Default Sender does not vouch for {host}",
        why="Its SPF, DKIM or DMARC records are missing, or name other servers.",
        steps=(
            "Publish SPF and DKIM records for the domain, as the provider describes them.",
            "Then publish a DMARC record, and test again when the DNS has caught up.",
        ),
    ),
)
