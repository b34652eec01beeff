"""What the servers of this world say, in their way, and what it is taken for."""

from __future__ import annotations

import pytest

from plato_email.errors import Stage
from tests.support.replies import cause_of

GREETING, EHLO, LOGIN = Stage.GREETING, Stage.EHLO, Stage.LOGIN
SENDER, RECIPIENT, ACCEPTED = Stage.SENDER, Stage.RECIPIENT, Stage.ACCEPTED


@pytest.mark.parametrize(
    ("code", "stage", "said"),
    [
        ("recipient-unknown", RECIPIENT, "550 5.1.1 The email account does not exist - gsmtp"),
        ("recipient-unknown", RECIPIENT, "550 5.1.1 Not our customer"),
        ("recipient-unknown", RECIPIENT, "550 5.5.0 Action not taken: mailbox unavailable"),
        ("recipient-unknown", RECIPIENT, "550 5.4.1 Recipient address rejected: Access denied"),
        ("recipient-unknown", RECIPIENT, "550 5.2.1 <a@b>... Addressee unknown, relay=[1.2.3.4]"),
        ("recipient-unknown", RECIPIENT, "554 dd This user doesn't have a yahoo.com account"),
        ("recipient-unknown", RECIPIENT, "554 5.7.1 Recipient address rejected: Invalid-Recipient"),
        ("recipient-unknown", RECIPIENT, "552 1 Action aborted, mailbox not found"),
        ("recipient-disabled", RECIPIENT, "550 5.2.1 The email account is disabled - gsmtp"),
        ("recipient-disabled", RECIPIENT, "550 invalid mailbox: account is disabled"),
        ("recipient-overrun", RECIPIENT, "550 5.2.1 The user is receiving mail at a rate that"),
        ("recipient-overrun", RECIPIENT, "450 4.2.1 The recipient has exceeded message rate limit"),
        ("recipient-overrun", RECIPIENT, "421 4.7.1 Messages deferred due to excessive volume"),
        ("mailbox-full", RECIPIENT, "552 aborted: exceeded storage allocation Quota exceeded"),
        ("mailbox-full", RECIPIENT, "552 5.1.1 Boite pleine. Recipient overquota"),
        ("put-off", RECIPIENT, "450 4.7.3 Organization queue quota exceeded"),
        ("put-off", RECIPIENT, "450 4.1.1 Recipient address rejected: unverified address"),
        ("relaying-denied", RECIPIENT, "553 domain isn't in my list of allowed rcpthosts"),
        ("relaying-denied", RECIPIENT, "553 you are trying to use me as a relay"),
        ("login-required", RECIPIENT, "550 Please turn on SMTP Authentication in your client"),
        ("login-required", SENDER, "550 5.7.1 Client was not authenticated to send anonymous mail"),
        ("login-required", SENDER, "503 Users may not send: authorization required"),
        ("sender-domain", RECIPIENT, "550 No such user here Sender verify failed"),
        ("sender-not-verified", ACCEPTED, "530 From/Sender domain is not verified"),
        ("sender-not-owned", ACCEPTED, "530 From/Sender name is not valid"),
        (
            "sender-not-owned",
            ACCEPTED,
            "550 5.7.1 Client does not have permissions to send as this",
        ),
        ("sender-not-authenticated", ACCEPTED, "550 5.7.1 Email rejected per DMARC policy"),
        ("sender-not-authenticated", ACCEPTED, "550 5.7.515 Access denied, required level"),
        ("taken-for-spam", ACCEPTED, "550 5.7.1 very low reputation of the sending domain - gsmtp"),
        ("taken-for-spam", ACCEPTED, "421 4.7.0 suspicious, low reputation of the sending domain"),
        ("taken-for-spam", ACCEPTED, "550 5.7.1 a domain present in the Spamhaus DBL"),
        ("taken-for-spam", ACCEPTED, "554 5.2.3 MailPolicy violation"),
        ("taken-for-spam", RECIPIENT, "550 Administrative prohibition - envelope blocked"),
        ("attachment-refused", ACCEPTED, "552 5.7.1 virus detected"),
        ("sending-too-fast", ACCEPTED, "450 4.2.1 Peak SMTP relay limit exceeded"),
        ("sending-too-fast", SENDER, "452 4.4.5 Messages per second limit exceeded"),
        ("sending-too-fast", ACCEPTED, "421 4.7.28 your IP address has been rate limited"),
        ("quota-reached", ACCEPTED, "550 5.4.5 Daily SMTP relay sending limit exceeded for user"),
        ("quota-reached", ACCEPTED, "554 5.1.90 you've reached your daily limit for recipients"),
        ("account-not-active", ACCEPTED, "550 5.1.8 Access denied, bad outbound sender"),
        ("account-not-active", ACCEPTED, "550 5.7.501 The sending account has been banned"),
        ("test-account", ACCEPTED, "554 Sandbox subdomains are for test purposes only"),
        ("machine-blocked", ACCEPTED, "550 5.7.708 traffic not accepted from this IP"),
        ("machine-blocked", GREETING, "550 Your IP 192.0.2.1 is blocked"),
        ("machine-blocked", GREETING, "554 rejected due to the sending MTA's poor reputation"),
        ("machine-blocked", LOGIN, "535 authentication rejected: IP address blacklisted"),
        ("machine-not-allowed", LOGIN, "535 5.7.1 Your IP is not authorized"),
        ("machine-not-allowed", ACCEPTED, "550 5.7.1 Invalid credentials for relay [192.0.2.1]"),
        ("reverse-name-missing", RECIPIENT, "550 5.7.1 Fix reverse DNS for 192.0.2.1"),
        ("too-many-connections", GREETING, "421 4.3.2 number of concurrent connections exceeded"),
        ("own-name-refused", EHLO, "550 5.7.1 Command rejected: helo name is an IP"),
        ("own-name-refused", EHLO, "501 Syntactically invalid EHLO argument(s)"),
        ("own-name-refused", LOGIN, "550 Access denied - Invalid HELO name"),
        ("password-refused", LOGIN, "535 5.7.8 authentication failed: UGFzc3dvcmQ6"),
        ("account-locked", LOGIN, "535 #5.7.0 Too many failed login attempts"),
        ("account-locked", LOGIN, "525 5.7.13 User account disabled"),
        ("login-too-often", LOGIN, "535 5.7.8 Error: too many authentication failures"),
        ("login-unavailable", LOGIN, "454 4.7.0 Temporary system problem. Try again later"),
        ("login-not-permitted", LOGIN, "550 5.7.1 User not allowed to use SMTP AUTH"),
        ("login-not-offered", LOGIN, "503 5.5.1 Error: authentication not enabled"),
        ("login-mechanism", LOGIN, "504 5.7.4 Unrecognized authentication type"),
        ("user-name-incomplete", LOGIN, "501 Username is not valid email address"),
        ("microsoft-passwords-gone", LOGIN, "535 5.7.139 basic authentication is disabled"),
        ("microsoft-login-off", LOGIN, "535 5.7.139 the request did not meet the criteria"),
    ],
)
def test_the_words_of_many_servers(code: str, stage: Stage, said: str) -> None:
    """Replies of the big providers and the common servers are put down to their causes."""
    assert cause_of(stage, said) == code
