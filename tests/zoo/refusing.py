"""The animals that refuse a mail: its sender, its recipient, its content."""

from __future__ import annotations

from tests.support.scripted_server import Reply, drop, take_data_until

from .keeper import PASSWORD, USERNAME, Animal


def at(code: str, stage: str, reply: Reply, variant: str = "", *, login: bool = False) -> Animal:
    """One whose fault is its answer at ``stage``."""
    if not login:
        return Animal(code, {stage: reply}, variant=variant)
    return Animal(
        code, {stage: reply}, ("AUTH PLAIN",), variant, username=USERNAME, password=PASSWORD
    )


SENDERS = (
    at("outcome-unknown", "DATA", take_data_until(b"\r\n.\r\n", drop)),
    at("answers-out-of-step", "MAIL", b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n"),
    at("connection-lost", "MAIL", drop),
    at("connection-lost", "RCPT", "yes, dear", "talks rubbish"),
    at("sending-too-fast", ".", "454 Throttling failure: Maximum sending rate exceeded"),
    at("quota-reached", ".", "454 Throttling failure: Daily message quota exceeded"),
    at("quota-reached", "MAIL", "550 5.4.5 Daily user sending limit exceeded", "Google"),
    at("quota-reached", "MAIL", "451 Maximum credits exceeded", "SendGrid"),
    at("limit-reached", ".", "552 Quota exceeded"),
    at("account-right-missing", ".", "554 Access denied: User `site' is not authorized to perform "
       "`ses:SendRawEmail' on resource `identity/site@example.com'"),
    at("answers-out-of-step", "DATA", "250 Ok", "says 250 to everything"),
    at("login-required", "MAIL", "530 5.7.57 Client not authenticated to send mail"),
    at("login-required", "RCPT", "550 Unauthenticated senders not allowed", "SendGrid"),
    at("tls-required", "MAIL", "530 5.7.0 Must issue a STARTTLS command first", "at MAIL"),
    at("sender-not-verified", ".", "554 Message rejected: Email address is not verified. The "
       "following identities failed the check in region EU-WEST-1: site@example.com"),
    at("sender-not-verified", ".", "550 The from address does not match a verified Sender "
       "Identity", "SendGrid"),
    at("sender-not-owned", ".", "554 5.2.252 SendAsDenied; a not allowed to send as b",
       login=True),
    at("sender-not-owned", "MAIL", "553 5.7.1 Sender address rejected: not owned by user",
       "Postfix", login=True),
    at("sender-not-owned", "RCPT", "553 Relaying disallowed as site@example.com", "Zoho",
       login=True),
    at("relaying-denied-no-login", "RCPT", "554 5.7.1 <ann@example.com>: Relay access denied"),
    at("relaying-denied", "RCPT", "550 5.7.1 Unable to relay", login=True),
    at("sender-domain", "MAIL", "550 5.1.8 Sender address rejected: Domain not found"),
    at("sender-not-authenticated", ".", "550 5.7.26 Unauthenticated email from example.com is not "
       "accepted due to its DMARC policy"),
    at("sender-refused", "MAIL", "550 5.1.0 No"),
    at("test-account", "RCPT", "421 Domain sb.example.com is not allowed to send: Sandbox "
       "subdomains are for test purposes only"),
    at("account-not-active", ".", "552 Your account has been suspended", "SMTP2GO"),
    at("machine-blocked", "RCPT", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked "
       "using bl.example.com", "at the recipient"),
    at("machine-not-allowed", ".", "550 5.7.1 The IP you're using to send mail is not authorized "
       "to send email directly to our servers", "Google's exchangers"),
    at("too-many-connections", ".", "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit "
       "exceeded", "Microsoft 365"),
    Animal("sender-not-ascii", sender="zoë@example.com"),
)  # fmt: skip

REFUSALS = (
    at("recipient-unknown", "RCPT", "550 5.1.1 <ann@example.com>: User unknown"),
    at("recipient-unknown", "RCPT", "550 No such user here", "without an enhanced code"),
    at("recipient-refused", "RCPT", "550 5.7.0 No"),
    at("recipient-suppressed", "RCPT", "550 5.7.1 Recipient is on the suppression list"),
    Animal("address-not-ascii", recipient="zoë@example.com"),
    at("recipient-disabled", "RCPT", "550 5.2.1 The account of ann is disabled"),
    at("recipient-overrun", "RCPT", "450 4.2.1 The user is receiving mail at a rate that prevents "
       "more"),
    at("message-looped", ".", "554 5.4.6 Too many hops, message limit 30 exceeded"),
    at("server-error", "RCPT", "451 4.3.5 Server configuration error"),
    at("mailbox-full", "RCPT", "552 Quota exceeded", "without an enhanced code"),
    at("mailbox-full", "RCPT", "552 5.2.2 Mailbox full"),
    at("too-many-recipients", "RCPT", "452 4.5.3 Too many recipients"),
    at("server-full", "MAIL", "452 4.3.1 Insufficient system storage"),
    at("greylisted", "RCPT", "450 4.7.1 Greylisted, see you in 300 seconds"),
    at("greylisted", "RCPT", "451 4.7.1 Please try again in 60 seconds", "without the word"),
    at("server-closing", "MAIL", "421 4.3.0 Shutting down"),
    at("put-off", "RCPT", "451 4.3.0 Not now"),
    Animal("message-too-large", offers=("SIZE 100",)),
    at("message-too-large", ".", "552 5.3.4 Message size exceeds fixed limit", "after the dot"),
    at("attachment-refused", ".", "552 5.7.0 This message was blocked because its content "
       "presents a potential security issue"),
    at("taken-for-spam", ".", "550 5.7.1 Message rejected as spam"),
    at("address-malformed", "MAIL", "501 5.1.7 Bad sender address syntax"),
    at("message-refused", ".", "554 5.6.0 No"),
    at("message-refused", "DATA", "503 5.5.1 No", "at DATA"),
)  # fmt: skip
