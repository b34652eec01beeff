"""Causes in one mail: its recipients, its size, its content."""

from __future__ import annotations

from ..errors import Stage, Verdict
from .rule import MAIL, Facts, Rule, Sign

_RECIPIENT = (Stage.RECIPIENT,)
_WAIT = "Nothing to do: the queue tries again by itself. Test again in some minutes."


def _temporary(facts: Facts) -> bool:
    return facts.error.verdict is Verdict.TEMPORARY


RULES: tuple[Rule, ...] = (
    Rule(
        code="message-too-large",
        signs=(
            Sign(MAIL, enhanced=("5.3.4",)),
            Sign(MAIL, enhanced=("5.2.3",), says=r"size|large|long|big|limit"),
            Sign(MAIL, (523, 552, 554), says=r"too (large|big)|size (limit|exceed)|exceeds.*size"),
        ),
        title="The mail is too large for {host}",
        why="It takes mail only up to a certain size, with all that is attached.",
        steps=("Send smaller attachments, or a link in their place.",),
    ),
    Rule(
        # Nothing but an address needs it: all other text of a header is encoded (RFC 2047).
        code="address-not-ascii",
        signs=(Sign(MAIL, says=r"SMTPUTF8"),),
        title="{host} cannot carry an address with letters outside ASCII",
        why="It does not offer SMTPUTF8, the extension that does.",
        steps=("Use another address of the recipient, or a server that offers SMTPUTF8.",),
    ),
    Rule(
        code="content-not-ascii",
        signs=(Sign(MAIL, says=r"8BITMIME"),),
        title="{host} cannot carry letters outside ASCII as they are",
        why="It does not offer 8BITMIME, the extension that does.",
        steps=("Send through a server of today; nearly all of them can.",),
    ),
    Rule(
        code="mailbox-full",
        signs=(
            Sign(MAIL, enhanced=("5.2.2", "4.2.2")),
            Sign(
                _RECIPIENT,
                says=r"(mailbox|inbox)\b.*\bfull|over ?quota|(?<!queue )quota (exceeded|violation)"
                r"|exceeded storage",
            ),
        ),
        title="The recipient's mailbox is full",
        why="It takes mail again when its owner has made room.",
        steps=("Try another recipient.",),
    ),
    Rule(
        code="too-many-recipients",
        signs=(
            Sign(MAIL, enhanced=("4.5.3", "5.5.3")),
            Sign(MAIL, says=r"too many (recipients|rcpts?)"),
        ),
        title="{host} takes fewer recipients at a time",
        why="One mail has more recipients than it allows.",
        steps=("Send to fewer recipients with one message.",),
    ),
    Rule(
        code="server-full",
        signs=(
            Sign(MAIL, enhanced=("4.3.1", "5.3.1")),
            Sign(MAIL, (452,), says=r"storage|disk|space"),
        ),
        title="{host} has no room for mail at the moment",
        why="Its disk is full, or nearly so.",
        steps=(_WAIT, "If it stays so, tell the server's operator."),
    ),
    Rule(
        code="greylisted",
        signs=(Sign(MAIL, says=r"gr[ae]y.?list|try again in \d+ (second|minute)s?"),),
        title="{host} asks to try again a little later",
        why="Greylisting turns unknown senders away once, to keep out spam.",
        steps=(_WAIT,),
    ),
    Rule(
        # Postmark and Amazon SES keep such lists for the account that sends.
        code="recipient-suppressed",
        signs=(Sign(MAIL, says=r"suppress(ed|ion)|inactive recipient|marked as inactive"),),
        title="The provider no longer sends to this recipient",
        why="Mail to it came back before, or was called spam, so it stands on a list.",
        steps=("Take the address off the list in the provider's account, or try another.",),
    ),
    Rule(
        # 5.2.1 with such words (Google), 421 4.7.1 "excessive volume" (Apple), 5.2.122 (Microsoft).
        code="recipient-overrun",
        signs=(
            Sign(
                _RECIPIENT,
                says=r"receiv(e|ing) (e?mail|messages).{0,30}(rate|quickly|per hour)"
                r"|recipient has exceeded|excessive volume",
            ),
        ),
        title="The recipient gets too much mail at the moment",
        why="Its provider takes no more for this mailbox for a while, from anybody.",
        steps=("Try another recipient, or wait an hour.",),
    ),
    Rule(
        code="recipient-disabled",
        signs=(
            Sign(
                _RECIPIENT,
                says=r"\b(mailbox|account|user|address|recipient)\b.{0,60}\b(disabled|inactive"
                r"|suspended|deactivated|no longer)",
            ),
        ),
        title="The recipient's mailbox is switched off",
        why="The address exists, or did, but takes no mail.",
        steps=("Try another recipient.",),
    ),
    Rule(
        # 550 5.4.1 "Recipient address rejected: Access denied" is how Microsoft 365 says it.
        code="recipient-unknown",
        signs=(
            Sign(_RECIPIENT, enhanced=("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.1")),
            Sign(
                _RECIPIENT,
                (550, 551, 552, 553, 554),
                says=r"unknown|no such|not exist|not found|(invalid|bad).(recipient|mailbox"
                r"|address|destination)|unrouteable|undeliverable|mailbox unavailable|no mailbox"
                r"|marked as invalid|not in recipient list|doesn.?t have an? .{0,60}account",
            ),
        ),
        title="The recipient does not exist",
        why="The server knows no such address.",
        steps=("Check the recipient's address for a typing error.",),
    ),
    Rule(
        # 552-5.7.0 (Google): support.google.com/mail/?p=BlockedMessage.
        code="attachment-refused",
        signs=(
            Sign(
                MAIL,
                says=r"virus|malware|infected|attachment|file type|executable|security issue",
            ),
        ),
        title="{host} does not accept what is attached",
        why="It holds the file, or its kind, for dangerous.",
        steps=("Send the file in another form, or a link to it.",),
    ),
    Rule(
        # 550 5.7.1 "transport unsolicited", 5.7.28 (Google), 5.7.501 to 5.7.511 (Microsoft).
        code="taken-for-spam",
        signs=(
            Sign(
                MAIL,
                (421, 451, 550, 552, 553, 554, 571),
                says=r"spam|unsolicited|bulk|junk|phish|spoof|reputation|blocked|abuse|polic(y|ies)"
                r"|filtered|banned content",
            ),
        ),
        title="{host} takes the mail for spam",
        why="Its rules turned down the mail, its sender or a link in it.",
        steps=(
            "Follow the link in the answer, if there is one.",
            "Check the SPF, DKIM and DMARC records of the domain of the Default Sender.",
        ),
    ),
    Rule(
        code="address-malformed",
        signs=(
            Sign(
                (Stage.SENDER, Stage.RECIPIENT),
                (501, 553, 555),
                says=r"syntax|malformed|bad (sender|recipient) address",
            ),
        ),
        title="{host} cannot read an address",
        why="It is stricter about the form of addresses than the standard.",
        steps=("Use plain addresses, without blanks, quotes or brackets in them.",),
    ),
    Rule(
        code="server-closing",
        signs=(Sign(MAIL, (421,)),),
        title="{host} has no time at the moment",
        why="It ended the connection.",
        steps=(
            "Wait some minutes. Mail in the queue goes out by itself when the server is ready.",
        ),
    ),
    Rule(
        code="put-off",
        signs=(Sign(MAIL, when=_temporary),),
        title="{host} put the mail off",
        why="It does not take it now, and may do so later.",
        steps=(_WAIT,),
    ),
    Rule(
        code="sender-refused",
        signs=(Sign((Stage.SENDER,)),),
        field="default_sender",
        title="{host} does not accept the sender",
        why="It does not say which sender it would take.",
        steps=("Set Default Sender to an address that this account may send from.",),
    ),
    Rule(
        code="recipient-refused",
        signs=(Sign(_RECIPIENT),),
        title="{host} does not accept the recipient",
        why="It takes no mail for this address from here.",
        steps=("Check the recipient's address, or try another.",),
    ),
    Rule(
        code="message-refused",
        signs=(Sign(),),
        title="{host} does not accept the mail",
        why="It took the addresses, and then turned the mail down.",
        steps=("Read the server's answer; it often names the reason, or a page that explains it.",),
    ),
)
