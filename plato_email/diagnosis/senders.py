"""Causes in who may send, and how much."""

from __future__ import annotations

from ..errors import Cause
from . import fixes
from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        cause=Cause.OUTCOME_UNKNOWN,
        title="Whether {host} took the mail is not known",
        why="The whole mail was sent, but the server's answer was lost.",
        steps=(
            "Look into the mailbox first: the mail may well have arrived.",
            "If this happens again, ask the server's operator.",
        ),
    ),
    Rule(
        cause=Cause.SENDING_TOO_FAST,
        title="{host} wants mail to come more slowly",
        why="It allows this account fewer messages in so short a time.",
        steps=("Lower Batch Size, or raise Interval, to what the provider allows.",),
    ),
    Rule(
        cause=Cause.QUOTA_REACHED,
        title="The sending limit of this account is reached",
        why="The provider accepts no more mail for now. The login is right.",
        steps=(
            "Wait until the limit is renewed: with an hourly limit the next hour, else most often "
            "the next day.",
            "Lower Batch Size, or ask the provider for a higher limit.",
        ),
    ),
    Rule(
        cause=Cause.LIMIT_REACHED,
        title="{host} says that a limit is reached, but not whose",
        why="It may be the recipient's, the server's or this account's.",
        steps=(
            "Read the server's answer; it often names a page that explains it.",
            "If all mail meets it, ask the provider about the limits of this account.",
        ),
    ),
    Rule(
        cause=Cause.ANSWERS_OUT_OF_STEP,
        title="{host} does not answer as a mail server does",
        why="Its answers do not match the questions, so none of them counts and nothing was sent.",
        steps=(
            "Check the Server Address and the Server Port: this may be a dummy or another service, "
            "not a mail server.",
            "Look for a proxy, firewall or virus scanner that handles mail, and take it out.",
            "Ask the server's operator to look into its log.",
        ),
    ),
    Rule(
        cause=Cause.CONNECTION_LOST,
        title="The connection to {host} was lost in the middle of the mail",
        why="The mail was not accepted.",
        steps=(
            "Test again.",
            "If it always happens, look for a firewall, proxy or virus scanner in between.",
        ),
    ),
    Rule(
        cause=Cause.SENDER_NOT_VERIFIED,
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
        cause=Cause.SENDER_NOT_OWNED,
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
        cause=Cause.LOGIN_REQUIRED,
        field="username",
        title="{host} wants a login",
        why="It does not take mail from just anybody.",
        steps=(
            "Switch on Requires authentication, set Username and Password, and use port 587 or "
            "465.",
            "If they are set, check that they are the right ones.",
        ),
    ),
    Rule(
        cause=Cause.RELAYING_DENIED_NO_LOGIN,
        field="username",
        title="{host} passes no mail on for this machine",
        why="Without a login it takes mail for its own mailboxes only.",
        steps=(
            "Switch on Requires authentication, set Username and Password, and use port 587 or "
            "465.",
            "Or have the server's operator allow the address of this machine.",
        ),
    ),
    Rule(
        cause=Cause.RELAYING_DENIED,
        field="host",
        title="{host} passes no mail on for this account",
        why="It takes mail for its own mailboxes only, even after the login.",
        steps=(
            "Check that this is the provider's server for outgoing mail, not its mail exchanger.",
            "Check with the provider that the account may send to other domains.",
        ),
    ),
    Rule(
        cause=Cause.SENDER_NOT_ASCII,
        field="default_sender",
        title="{host} cannot send from an address with letters outside ASCII",
        why="It does not offer SMTPUTF8, the extension that carries them.",
        steps=("Set Default Sender to an address whose part before the @ is plain letters.",),
    ),
    Rule(
        cause=Cause.SENDER_DOMAIN,
        field="default_sender",
        title="{host} does not accept the domain of the sender",
        why="It looked the domain up and found nothing that could take an answer.",
        steps=("Use a Default Sender whose domain exists and can receive mail.",),
    ),
    Rule(
        cause=Cause.SENDER_NOT_AUTHENTICATED,
        field="default_sender",
        title="The domain of the Default Sender does not vouch for {host}",
        why="Its SPF, DKIM or DMARC records are missing, or name other servers.",
        steps=(
            "Publish SPF and DKIM records for the domain, as the provider describes them.",
            "Then publish a DMARC record, and test again when the DNS has caught up.",
        ),
    ),
)
