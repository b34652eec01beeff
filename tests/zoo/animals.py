"""The animals before the first mail: reaching a server, its greeting, TLS, the login."""

from __future__ import annotations

from plato_email.smtp import Security
from tests.support.scripted_server import (
    Act,
    Conversation,
    Reply,
    drip,
    drop,
    hang,
    last,
    start_tls,
)

from .keeper import PASSWORD, USERNAME, Animal, authority, closed, full, nowhere, upgrade

SILENT = 1.5
_STARTTLS = ("STARTTLS",)
_LOGIN = ("AUTH PLAIN LOGIN",)
_ALERT = b"\x15\x03\x03\x00\x02\x02"
"""The beginning of a fatal TLS alert (RFC 8446 section 6); its number is missing."""


def greets(code: str, words: Reply, variant: str = "", **more: object) -> Animal:
    """One whose fault is its greeting."""
    return Animal(code, {"greeting": words}, variant=variant, **more)  # type: ignore[arg-type]


def speaks_tls(code: str, certificate: str, *, ca_file: str = "", variant: str = "") -> Animal:
    """One whose fault is its certificate, after STARTTLS."""
    return Animal(
        code,
        {"STARTTLS": upgrade(certificate)},
        _STARTTLS,
        variant,
        security=Security.STARTTLS,
        ca_file=ca_file,
    )


def at_tls(code: str, reply: Reply) -> Animal:
    """One whose fault is its answer to STARTTLS."""
    return Animal(code, {"STARTTLS": reply}, _STARTTLS, security=Security.STARTTLS)


def at_login(
    code: str,
    reply: Reply,
    known_as: str = "",
    variant: str = "",
    *,
    offers: tuple[str, ...] = _LOGIN,
    username: str = USERNAME,
    password: str = PASSWORD,
) -> Animal:
    """One whose fault is its answer to AUTH."""
    return Animal(
        code,
        {"AUTH": reply},
        offers,
        variant,
        username=username,
        password=password,
        known_as=known_as,
    )


def in_turn(*acts: Reply) -> Act:
    """Say or do one after another."""

    def act(conversation: Conversation) -> None:
        for each in acts:
            conversation.act(each)

    return act


def hear_hello(conversation: Conversation) -> None:
    """Wait for the first bytes of TLS."""
    conversation.read_until(b"\x16\x03")


def old_server_hello() -> bytes:
    """The ServerHello of a TLS 1.2 server without secure renegotiation (RFC 5746)."""
    random, cipher = bytes(range(32)), b"\xc0\x2f"  # ECDHE-RSA-AES128-GCM-SHA256
    hello = b"\x03\x03" + random + b"\x00" + cipher + b"\x00"
    message = b"\x02" + len(hello).to_bytes(3, "big") + hello
    return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message


REACHING = (
    Animal("host-missing", address="", cage=nowhere),
    Animal("host-malformed", address="smtp://127.0.0.1", cage=nowhere),
    # Longer than a label may be, so that no name service is asked.
    Animal("host-not-found", address=f"{'a' * 64}.example.com", cage=nowhere),
    Animal("host-not-allowed", allowed=("smtp.example.com:587",), cage=nowhere),
    # The address at which a cloud machine is told its credentials.
    Animal("address-never-used", address="169.254.169.254", cage=nowhere),
    Animal("connection-refused", cage=closed),
    Animal("connection-timed-out", cage=full, waits=SILENT),
    Animal("port-25-blocked", cage=full, seems=25, waits=SILENT),
    # The broadcast address of the loopback network: no connection can be had there.
    Animal("network-unreachable", address="127.255.255.255", cage=nowhere),
)

GREETING = (
    greets("tls-expected", hang, seems=465, waits=SILENT),
    greets("tls-expected", drop, "hangs up", seems=465),
    greets("web-server", b"HTTP/1.1 400 Bad Request\r\nServer: web\r\n\r\n<html>"),
    greets("web-server", hang, "waits for a browser", seems=8025, waits=SILENT),
    greets("web-server", b"<!DOCTYPE html><title>Sign in to the network</title>\n", "log-in page"),
    greets("mailbox-server", "+OK POP3 ready"),
    greets("mailbox-server", "* OK [CAPABILITY IMAP4rev1] ready", "IMAP"),
    greets("mailbox-server", hang, "waits for TLS", seems=993, waits=SILENT),
    greets("not-a-mail-server", "SSH-2.0-OpenSSH_9.6"),
    greets("not-a-mail-server", b"\x00\xff" * 40 + b"\n", "rubbish"),
    Animal(
        "not-a-mail-server",
        dict.fromkeys(("EHLO", "HELO"), "530 Please login with USER and PASS"),
        variant="FTP",
    ),
    greets("greeting-silent", hang, waits=SILENT),
    greets("greeting-silent", drip("220 " + "z" * 99, every=0.1), "drips", waits=SILENT),
    greets("greeting-lost", drop),
    greets(
        "proxy-cannot-connect",
        last("421 Cannot connect to SMTP server 192.0.2.25 (192.0.2.25:587), connect error 10060"),
    ),
    greets("greeting-busy", last("421 4.3.2 Service not available, try later")),
    greets("greeting-refused", last("554 5.7.1 No SMTP service here")),
    greets(
        "machine-blocked", last("554 5.7.1 Service unavailable; blocked using zen.spamhaus.org")
    ),
    greets("machine-not-allowed", last("525 5.7.1 Unauthorized IP address 192.0.2.1")),
    greets(
        "reverse-name-missing", last("450 4.7.1 Client host rejected: cannot find your hostname")
    ),
    greets("too-many-connections", last("421 4.7.0 Too many concurrent connections from here")),
    Animal("own-name-malformed", ehlo_name="two words"),
    Animal(
        "own-name-refused",
        dict.fromkeys(
            ("EHLO", "HELO"),
            "504 5.5.2 <box>: Helo command rejected: need fully-qualified hostname",
        ),
    ),
    Animal(
        "own-name-refused",
        {"RCPT": "450 4.7.1 <box>: Helo command rejected: Host not found"},
        variant="at the recipient",
    ),
    Animal("introduction-failed", {"EHLO": last("554 5.7.0 Go away")}),
    Animal("introduction-failed", {"EHLO": drop}, variant="hangs up"),
)

TLS = (
    Animal("starttls-expected", security=Security.TLS),
    Animal("starttls-missing-locally", security=Security.STARTTLS),
    Animal("starttls-missing", security=Security.STARTTLS, known_as="mail.example.com"),
    Animal(
        "starttls-missing-at-catcher",
        {"greeting": "220 mail.example.com Mailpit ESMTP Service ready"},
        security=Security.STARTTLS,
        known_as="catcher.example.com",
    ),
    Animal(
        "starttls-missing-at-catcher",
        variant="by a name without a dot",
        security=Security.STARTTLS,
        known_as="mailserver",
    ),
    Animal(
        "starttls-stripped",
        {"greeting": "220 ********************************"},
        ("PIPELINING", "XXXXXXXA"),
        security=Security.STARTTLS,
    ),
    at_tls("starttls-tampered", lambda it: start_tls(authority().good, behind=b"250 me\r\n")(it)),
    at_tls("starttls-unavailable", "454 4.7.0 TLS not available due to local problem"),
    at_tls("starttls-refused", "502 5.5.1 TLS not implemented"),
    speaks_tls("certificate-self-signed", "self_signed"),
    speaks_tls("certificate-name", "wrong_name"),
    speaks_tls("certificate-expired", "expired"),
    speaks_tls("certificate-not-yet-valid", "early"),
    speaks_tls("certificate-untrusted", "unknown"),
    speaks_tls("certificate-intercepted", "between"),
    speaks_tls("certificate-weak", "weak"),
    speaks_tls("certificate-expired", "old_chain", variant="of its issuer"),
    speaks_tls("certificate-untrusted", "no_chain", variant="without its issuer"),
    speaks_tls("certificate-name", "common_name", variant="without alternative names"),
    speaks_tls("certificate-name", "misplaced_address", variant="in the wrong place"),
    speaks_tls("certificate-expired", "just_expired", variant="today"),
    speaks_tls("tls-key-too-short", "short_key"),
    at_tls("tls-renegotiation", in_turn("220 Go", hear_hello, old_server_hello())),
    speaks_tls("certificate-refused", "for_clients"),
    speaks_tls("client-certificate-wanted", "wary"),
    speaks_tls("ca-file-unusable", "good", ca_file="/nowhere/ca.pem"),
    speaks_tls("tls-too-old", "old"),
    speaks_tls("tls-no-common-cipher", "anonymous"),
    Animal(
        "tls-silent",
        {"STARTTLS": in_turn("220 Go", hang)},
        _STARTTLS,
        security=Security.STARTTLS,
        waits=SILENT,
    ),
    at_tls("tls-dropped", last("220 Go")),
    # unrecognized_name
    at_tls("tls-failed", in_turn("220 Go", hear_hello, _ALERT + b"\x70")),
)

LOGIN = (
    at_login("login-after-tls", "", offers=_STARTTLS),
    at_login("login-not-offered", "", offers=()),
    at_login("login-by-token-only", "", offers=("AUTH XOAUTH2 OAUTHBEARER",)),
    at_login("login-mechanism", "", offers=("AUTH CRAM-MD5 NTLM",)),
    at_login("login-not-text", "", password="a\0b"),
    at_login("login-not-ascii", "535 5.7.8 Authentication failed", password="Grüße"),
    at_login("login-hidden-characters", "535 5.7.8 No", password="abcd\u00a0efgh"),
    at_login("password-refused", "535 5.7.8 Error: authentication failed"),
    at_login("password-expired", "432 4.7.12 A password transition is needed"),
    at_login("password-expired", "535 5.7.1 Your password has expired", variant="535"),
    at_login("account-locked", "535 5.7.0 Your account has been locked"),
    at_login("account-not-active", "502 5.7.0 Your SMTP account is not yet activated"),
    at_login("login-not-permitted", "550 5.7.1 User not allowed to use SMTP AUTH"),
    at_login("login-too-often", "454 4.7.0 Too many login attempts, please try again later"),
    at_login("login-unavailable", "454 4.7.0 Temporary authentication failure"),
    at_login("tls-required", "530 5.7.0 Must issue a STARTTLS command first"),
    at_login("tls-required", "538 5.7.11 Encryption required", variant="538"),
    at_login("login-lost", drop),
    at_login("login-failed", "501 5.5.2 Cannot decode response"),
    at_login("app-password", "535 5.7.8 Application-specific password required"),
    at_login("app-password", "535 5.7.0 Incorrect", "smtp.mail.yahoo.com", "Yahoo"),
    at_login("user-name-fixed", "535 Authentication failed", "smtp.sendgrid.net"),
    at_login("provider-credentials", "535 Invalid", "email-smtp.eu-west-1.amazonaws.com"),
    at_login("user-name-incomplete", "535 5.7.8 No", "smtp.gmail.com", username="site"),
    at_login("google-app-password", "535 5.7.8 Username and Password no", "smtp.gmail.com"),
    at_login("google-app-password", "534 5.7.9 Not that one x1-y2 - gsmtp", variant="by its words"),
    at_login(
        "google-password-refused",
        "535-5.7.8 Username and Password not accepted\r\n535 5.7.8 BadCredentials - gsmtp",
        "smtp.gmail.com",
        password="abcd efgh ijkl mnop",
    ),
    at_login("google-sign-in-blocked", "534 5.7.14 Please log in via", "smtp.gmail.com"),
    at_login(
        "microsoft-login-off",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled",
        "smtp.office365.com",
    ),
    at_login(
        "microsoft-security-defaults",
        "535 5.7.139 Authentication unsuccessful, user is locked by security defaults policy",
        "smtp.office365.com",
    ),
    at_login(
        "microsoft-passwords-gone",
        "550 5.7.30 Basic authentication is not supported for Client Submission",
        "smtp.office365.com",
    ),
    at_login("microsoft-password-refused", "535 5.7.3 Unsuccessful", "smtp.office365.com"),
)
