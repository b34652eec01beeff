"""Causes in one mail: its recipients, its size, its content."""

from __future__ import annotations

from ..errors import Cause
from .rule import Rule

_WAIT = "Test again in some minutes."

RULES: tuple[Rule, ...] = (
    Rule(
        cause=Cause.MESSAGE_TOO_LARGE,
        title="The mail is too large for {host}",
        why="It takes mail only up to a certain size, with all that is attached.",
        steps=("Send smaller attachments, or a link in their place.",),
    ),
    Rule(
        cause=Cause.MESSAGE_LOOPED,
        title="The mail went in a circle",
        why="It passed through more servers than {host} allows, most often because a mailbox "
        "forwards to itself.",
        steps=("Have the recipient look at the forwarding of the mailbox.",),
    ),
    Rule(
        cause=Cause.CONTENT_MALFORMED,
        title="{host} objects to the form of the mail",
        why="A line, a header field or an attachment is not as it wants it.",
        steps=("Read the server's answer; it names what it objects to.",),
    ),
    Rule(
        cause=Cause.ADDRESS_NOT_ASCII,
        title="{host} cannot carry an address with letters outside ASCII",
        why="It does not offer SMTPUTF8, the extension that does.",
        steps=("Use another address of the recipient, or a server that offers SMTPUTF8.",),
    ),
    Rule(
        cause=Cause.CONTENT_NOT_ASCII,
        title="{host} cannot carry letters outside ASCII as they are",
        why="It does not offer 8BITMIME, the extension that does.",
        steps=("Send through a server of today; nearly all of them can.",),
    ),
    Rule(
        cause=Cause.MAILBOX_FULL,
        title="The recipient's mailbox is full",
        why="It takes mail again when its owner has made room.",
        steps=("Try another recipient.",),
    ),
    Rule(
        cause=Cause.TOO_MANY_RECIPIENTS,
        title="{host} takes fewer recipients at a time",
        why="One mail has more recipients than it allows.",
        steps=("Send to fewer recipients with one message.",),
    ),
    Rule(
        cause=Cause.SERVER_FULL,
        title="{host} has no room for mail at the moment",
        why="Its disk is full, or nearly so.",
        steps=(_WAIT, "If it stays so, tell the server's operator."),
    ),
    Rule(
        cause=Cause.SERVER_ERROR,
        title="{host} has a fault of its own",
        why="Its configuration, or something that it needs, is out of order.",
        steps=(
            "Tell the server's operator the answer and the time: its log has the reason.",
            _WAIT,
        ),
    ),
    Rule(
        cause=Cause.GREYLISTED,
        title="{host} asks to try again a little later",
        why="Greylisting turns unknown senders away once, to keep out spam.",
        steps=(_WAIT,),
    ),
    Rule(
        cause=Cause.RECIPIENT_SUPPRESSED,
        title="The provider no longer sends to this recipient",
        why="Mail to it came back before, or was called spam, so it stands on a list.",
        steps=("Take the address off the list in the provider's account, or try another.",),
    ),
    Rule(
        cause=Cause.RECIPIENT_OVERRUN,
        title="The recipient gets too much mail at the moment",
        why="Its provider takes no more for this mailbox for a while, from anybody.",
        steps=("Try another recipient, or wait an hour.",),
    ),
    Rule(
        cause=Cause.RECIPIENT_DISABLED,
        title="The recipient's mailbox is switched off",
        why="The address exists, or did, but takes no mail.",
        steps=("Try another recipient.",),
    ),
    Rule(
        cause=Cause.RECIPIENT_UNKNOWN,
        title="The recipient does not exist",
        why="The server knows no such address.",
        steps=("Check the recipient's address for a typing error.",),
    ),
    Rule(
        cause=Cause.ATTACHMENT_REFUSED,
        title="{host} does not accept what is attached",
        why="It holds the file, or its kind, for dangerous.",
        steps=("Send the file in another form, or a link to it.",),
    ),
    Rule(
        cause=Cause.TAKEN_FOR_SPAM,
        title="{host} takes the mail for spam",
        why="Its rules turned down the mail, its sender or a link in it.",
        steps=(
            "Follow the link in the answer, if there is one.",
            "Check the SPF, DKIM and DMARC records of the domain of the Default Sender.",
        ),
    ),
    Rule(
        cause=Cause.ADDRESS_MALFORMED,
        title="{host} cannot read an address",
        why="It is stricter about the form of addresses than the standard.",
        steps=("Use plain addresses, without blanks, quotes or brackets in them.",),
    ),
    Rule(
        cause=Cause.SERVER_CLOSING,
        title="{host} has no time at the moment",
        why="It ended the connection.",
        steps=("Wait a few minutes, then test again.",),
    ),
    Rule(
        cause=Cause.PUT_OFF,
        title="{host} put the mail off",
        why="It does not take it now, and may do so later.",
        steps=(_WAIT,),
    ),
    Rule(
        cause=Cause.SENDER_REFUSED,
        field="default_sender",
        title="{host} does not accept the sender",
        why="It does not say which sender it would take.",
        steps=("Set Default Sender to an address that this account may send from.",),
    ),
    Rule(
        cause=Cause.RECIPIENT_REFUSED,
        title="{host} does not accept the recipient",
        why="It takes no mail for this address from here.",
        steps=("Check the recipient's address, or try another.",),
    ),
    Rule(
        cause=Cause.MESSAGE_REFUSED,
        title="{host} does not accept the mail",
        why="It took the addresses, and then turned the mail down.",
        steps=("Read the server's answer; it often names the reason, or a page that explains it.",),
    ),
)
