"""Causes that concern a mail: its sender, its recipients, its content, and its outcome."""

from __future__ import annotations

from ..errors import Stage, Verdict
from .rule import Facts, Rule

_ADDRESSES = (Stage.SENDER, Stage.RECIPIENT, Stage.DATA, Stage.ACCEPTED)


def _unknown(facts: Facts) -> bool:
    return facts.error.verdict is Verdict.UNKNOWN


def _quota(facts: Facts) -> bool:
    return facts.error.verdict is Verdict.QUOTA


def _temporary(facts: Facts) -> bool:
    return facts.error.verdict is Verdict.TEMPORARY


def _wordless(facts: Facts) -> bool:
    return facts.error.verdict is Verdict.SERVER and facts.error.code is None


def _sends_plain_without_login(facts: Facts) -> bool:
    return not facts.username


RULES: tuple[Rule, ...] = (
    Rule(
        code="outcome-unknown",
        when=_unknown,
        title="Whether {host} took the mail is not known",
        why="The whole mail was sent, but the server's answer was lost. {reply}",
        steps=(
            "Look into the mailbox first: the mail may well have arrived.",
            "If this happens again, ask the server's operator.",
        ),
    ),
    Rule(
        code="server-closing",
        stages=_ADDRESSES,
        codes=(421,),
        title="{host} has no time at the moment",
        why="It ended the connection: {reply}",
        steps=(
            "Wait some minutes. Mail in the queue goes out by itself when the server is ready.",
        ),
    ),
    Rule(
        code="connection-lost",
        stages=_ADDRESSES,
        when=_wordless,
        title="The connection to {host} was lost in the middle of the mail",
        why="The mail was not accepted. {reply}",
        steps=(
            "Try again. Mail in the queue is tried again by itself.",
            "If it always happens, look for a firewall, proxy or virus scanner on the way.",
        ),
    ),
    Rule(
        code="tls-required",
        stages=_ADDRESSES,
        says=r"starttls|encryption (is )?(required|needed)|must.*\btls\b",
        field="use_tls",
        title="{host} wants TLS",
        why="It answered: {reply}",
        steps=("Switch on Enable TLS / SSL.",),
    ),
    Rule(
        code="login-required",
        stages=_ADDRESSES,
        says=r"authenticat(ed|ion) (is )?(required|needed)|unauthenticated senders?"
        r"|not authenticated to send|must (first )?authenticate|\b(need|send|use) auth\b",
        field="username",
        title="{host} wants a login",
        why="It does not take mail from just anybody: {reply}",
        steps=(
            "Set Username and Password.",
            "If they are set, check that they are the right ones.",
        ),
    ),
    Rule(
        code="login-required",
        stages=_ADDRESSES,
        codes=(530,),
        field="username",
        title="{host} wants a login",
        why="It does not take mail from just anybody: {reply}",
        steps=(
            "Set Username and Password.",
            "If they are set, check that they are the right ones.",
        ),
    ),
    Rule(
        code="quota-reached",
        when=_quota,
        title="The sending limit of this account is reached",
        why="The provider takes no more mail for now: {reply}",
        steps=(
            "Wait until the limit is renewed, most often the next day. The queue keeps its mail.",
            "Lower Batch Size, or ask the provider for a higher limit.",
        ),
    ),
    Rule(
        code="sender-not-owned",
        stages=_ADDRESSES,
        says=r"send ?as ?denied|not (permitted|allowed|authorized) to send|not owned by"
        r"|sender address rejected: not|not (a )?verified|identit(y|ies) failed|unverified",
        field="default_sender",
        title="This account may not send from the Default Sender",
        why="The server lets each account send from its own addresses only: {reply}",
        steps=(
            "Set Default Sender to the address of the account that logs in.",
            "Or have the sender's address or domain verified with the provider.",
        ),
    ),
    Rule(
        code="sender-not-owned",
        enhanced=("5.7.60", "5.2.252"),
        field="default_sender",
        title="This account may not send from the Default Sender",
        why="The server lets each account send from its own addresses only: {reply}",
        steps=("Set Default Sender to the address of the account that logs in.",),
    ),
    Rule(
        code="relaying-denied-no-login",
        stages=_ADDRESSES,
        says=r"relay",
        when=_sends_plain_without_login,
        field="username",
        title="{host} passes no mail on for this machine",
        why="Without a login it takes mail for its own mailboxes only: {reply}",
        steps=(
            "Set Username and Password, and use port 587 or 465.",
            "Or have the server's operator allow the address of this machine.",
        ),
    ),
    Rule(
        code="relaying-denied",
        stages=_ADDRESSES,
        says=r"relay",
        field="username",
        title="{host} passes no mail on for this account",
        why="It answered: {reply}",
        steps=(
            "Check that this is the provider's server for outgoing mail, not its mail exchanger.",
            "Check with the provider that the account may send to other domains.",
        ),
    ),
    Rule(
        code="message-too-large",
        stages=_ADDRESSES,
        enhanced=("5.3.4", "5.2.3"),
        title="The mail is too large for {host}",
        why="{reply}",
        steps=("Send smaller attachments, or a link in their place.",),
    ),
    Rule(
        code="utf8-missing",
        stages=_ADDRESSES,
        says=r"SMTPUTF8|8BITMIME",
        title="{host} cannot carry letters outside ASCII in an address",
        why="{reply}",
        steps=(
            "Use an address whose part before the @ has only letters from a to z.",
            "Or send through a server that offers SMTPUTF8.",
        ),
    ),
    Rule(
        code="mailbox-full",
        enhanced=("5.2.2", "4.2.2"),
        title="The recipient's mailbox is full",
        why="{reply}",
        steps=("Try another recipient; this one has to make room first.",),
    ),
    Rule(
        code="greylisted",
        stages=_ADDRESSES,
        says=r"gr[ae]y.?list",
        title="{host} asks to try again a little later",
        why="Greylisting turns unknown senders away once, to keep out spam: {reply}",
        steps=("Nothing to do: the queue tries again by itself. Test again in some minutes.",),
    ),
    Rule(
        code="recipient-unknown",
        stages=(Stage.RECIPIENT,),
        enhanced=("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"),
        title="The recipient does not exist",
        why="The server knows no such address: {reply}",
        steps=("Check the recipient's address for a typing error.",),
    ),
    Rule(
        code="recipient-unknown",
        stages=(Stage.RECIPIENT,),
        codes=(550, 551, 553),
        says=r"unknown|no such|not exist|not found|invalid (recipient|mailbox|address)",
        title="The recipient does not exist",
        why="The server knows no such address: {reply}",
        steps=("Check the recipient's address for a typing error.",),
    ),
    Rule(
        code="sender-domain",
        stages=(Stage.SENDER, Stage.RECIPIENT),
        says=r"sender.*domain|domain.*(not found|not exist|does not resolve)",
        field="default_sender",
        title="{host} does not accept the domain of the sender",
        why="It answered: {reply}",
        steps=("Use a Default Sender whose domain exists and can receive mail.",),
    ),
    Rule(
        code="policy",
        stages=_ADDRESSES,
        codes=(550, 554, 552),
        says=r"spam|virus|dmarc|spf|dkim|block|blacklist|denylist|spamhaus|policy|reputation",
        title="{host} refuses the mail by its rules against spam",
        why="It answered: {reply}",
        steps=(
            "Publish SPF, DKIM and DMARC records for the domain of the Default Sender.",
            "Follow the link in the answer, if there is one.",
        ),
    ),
    Rule(
        code="put-off",
        stages=_ADDRESSES,
        when=_temporary,
        title="{host} put the mail off",
        why="It does not take it now, and may do so later: {reply}",
        steps=("Wait: the queue tries again by itself. Test again in some minutes.",),
    ),
    Rule(
        code="sender-refused",
        stages=(Stage.SENDER,),
        field="default_sender",
        title="{host} does not accept the sender",
        why="{reply}",
        steps=("Set Default Sender to an address that this account may send from.",),
    ),
    Rule(
        code="recipient-refused",
        stages=(Stage.RECIPIENT,),
        title="{host} does not accept the recipient",
        why="{reply}",
        steps=("Check the recipient's address, or try another.",),
    ),
    Rule(
        code="message-refused",
        title="{host} does not accept the mail",
        why="{reply}",
        steps=("Read the server's answer; it often names the reason, or a page that explains it.",),
    ),
)
