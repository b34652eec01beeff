"""Causes in the first words of a session: the greeting, and EHLO."""

from __future__ import annotations

from ..errors import Stage
from ..smtp import Security
from . import fixes
from .opening import CHECK_PORT
from .rule import LOGIN, MAIL, OPENING, Facts, Rule, Sign

_GREETING = (Stage.GREETING,)
_EHLO = (Stage.EHLO,)
_SILENT = r"no answer in time"
_WEB_PORTS = frozenset({80, 443, 1080, 8000, 8025, 8080, 8443})
"""With those of the windows that mail catchers have in a browser."""
_READING_PORTS = frozenset({110, 143, 993, 995})


def _on(ports: frozenset[int]) -> Sign:
    return Sign(_GREETING, (None,), says=_SILENT, when=lambda facts: facts.port in ports)


def _plain_to_tls_port(facts: Facts) -> bool:
    return facts.port == 465 and facts.security is not Security.TLS


def _begins_plain(facts: Facts) -> bool:
    return facts.security is not Security.TLS


RULES: tuple[Rule, ...] = (
    Rule(
        code="tls-expected",
        signs=(Sign(_GREETING, (None,), when=_plain_to_tls_port),),
        field="tls_mode",
        fix=fixes.use_tls_at_once,
        title="Port 465 expects TLS from the first byte",
        why="The server waits for TLS while we wait for its greeting, and so neither speaks.",
        steps=("Enable TLS / SSL, and let TLS begin automatically or at once.",),
    ),
    Rule(
        code="web-server",
        signs=(
            Sign(_GREETING, says=r"not an SMTP reply: .(HTTP/|<!doctype|<html)"),
            _on(_WEB_PORTS),
        ),
        field="port",
        title="Port {port} of {host} is for web pages",
        why="What answers there is a web server, or waits for a browser.",
        steps=(
            CHECK_PORT,
            "A mail catcher has two ports: its mail goes to the other one, often 1025.",
            "If the port is right, a network log-in page or a proxy may be in the way.",
        ),
    ),
    Rule(
        code="mailbox-server",
        signs=(
            Sign(_GREETING, says=r"not an SMTP reply: .(\+OK|\* (OK|PREAUTH|BYE))"),
            _on(_READING_PORTS),
        ),
        field="port",
        title="Port {port} of {host} is for reading mail",
        why="It speaks POP3 or IMAP. Mail is handed in by SMTP, on another port.",
        steps=(
            "Use port 587 or 465.",
            "Check the Server Address: often it is smtp.example.com where mail is read at "
            "imap.example.com.",
        ),
    ),
    Rule(
        code="not-a-mail-server",
        signs=(
            Sign(_GREETING, says=r"this is not an smtp reply"),
            Sign(_EHLO, says=r"log ?in with USER|\bUSER and PASS\b|\bFTP\b"),
        ),
        field="port",
        title="What answers on port {port} is not a mail server",
        why="It does not speak SMTP.",
        steps=("Check the Server Port.", "Check the Server Address."),
    ),
    Rule(
        code="greeting-silent",
        signs=(Sign(_GREETING, (None,), says=_SILENT, when=_begins_plain),),
        field="tls_mode",
        title="{host} takes the connection, but does not greet",
        why="A server that expects TLS at once is just as silent, and so are some firewalls.",
        steps=(
            "Try Enable TLS / SSL with TLS beginning at once.",
            CHECK_PORT,
            "Check whether a firewall or virus scanner stands between.",
        ),
    ),
    Rule(
        # tlsv13 alert certificate required: it comes with the first read after the handshake.
        code="client-certificate-wanted",
        signs=(Sign(says=r"certificate[ _]required"),),
        field="port",
        title="{host} lets in only those who show a certificate of their own",
        why="Such ports connect mail servers that know each other. A site logs in by password.",
        steps=(
            "Use port 587 or 465 and a Username and Password.",
            "Or have the server's operator let this machine in without a certificate.",
        ),
    ),
    Rule(
        # smtpd_client_restrictions = reject_unknown_client_hostname: postconf(5).
        code="reverse-name-missing",
        signs=(
            Sign(
                (*OPENING, *MAIL),
                says=r"cannot find your (reverse )?host ?name|reverse dns|\bPTR\b|\brDNS\b",
            ),
        ),
        title="{host} wants this machine to have a name in the DNS",
        why="It looks up the name that belongs to the address of this machine, and found none.",
        steps=(
            "Have the provider of this machine set its reverse DNS (PTR) entry.",
            "Or use port 587 or 465 with a login, where it is not asked for.",
        ),
    ),
    Rule(
        # "525 5.7.1 Unauthorized IP address" (Brevo); "550 5.7.1 The IP you're using to send mail
        # is not authorized" (Google's exchangers): support.google.com/mail/?p=NotAuthorizedError.
        code="machine-not-allowed",
        signs=(
            Sign(
                says=r"unauthori[sz]ed ip\b|\bip\b.{0,60}\bnot (been )?"
                r"(authori[sz]ed|allowed|whitelisted|permitted)|not allowed to connect"
                r"|invalid credentials for relay"
            ),
        ),
        title="{host} does not take mail from the address of this machine",
        why="It keeps a list of the addresses that may send, and this machine is not on it.",
        steps=(
            "Add the public IP address of this machine in the settings of the provider's account.",
            "Check that this is the provider's server for outgoing mail, and log in to it.",
        ),
    ),
    Rule(
        code="machine-blocked",
        signs=(
            Sign(
                (*OPENING, *MAIL),
                (421, 450, 521, 550, 553, 554, 571),
                says=r"^(?!.*\bdomain\b).*(spamhaus|spamcop|barracuda|dnsbl|\brbl\b"
                r"|block(ed)? ?(list|using)|black ?list|deny ?list|banned sending ip"
                r"|not accepted from this ip|\b(ip|client host)\b.{0,60}blocked"
                r"|(poor|low) reputation)",
            ),
            Sign(LOGIN, says=r"black ?list|block ?list|\brbl\b"),
        ),
        title="The address of this machine is on a list of senders of spam",
        why="{host} turns away whoever is on it. New machines often inherit such an entry.",
        steps=(
            "Use a provider's server on port 587 or 465 with a login: it sends from its own "
            "address.",
            "Or follow the link in the answer to have the entry removed.",
        ),
    ),
    Rule(
        # "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded" (Microsoft 365).
        code="too-many-connections",
        signs=(
            Sign(
                codes=(421, 432, 450, 451, 452, 454, 550, 554),
                says=r"too many (concurrent|simultaneous|open|parallel)? ?(smtp )?"
                r"(connections|sessions)|thread limit|connection (limit|count|rate)"
                r"|concurrent connections",
            ),
        ),
        title="{host} has too many connections from here",
        why="It allows each sender only a few at a time.",
        steps=(
            "Wait some minutes. Mail in the queue goes out by itself.",
            "Set PLATO_EMAIL_CONNECTIONS to 1, and let fewer processes send.",
        ),
    ),
    Rule(
        code="greeting-busy",
        signs=(Sign(_GREETING, (421, 450, 451, 452)),),
        title="{host} is too busy for another connection",
        why="It asks to come back later.",
        steps=(
            "Wait some minutes. Mail in the queue goes out by itself when the server is ready.",
        ),
    ),
    Rule(
        code="greeting-refused",
        signs=(Sign(_GREETING, (501, 502, 503, 504, 521, 530, 550, 551, 553, 554, 556, 571)),),
        title="{host} does not talk to this machine",
        why="It turned the connection away at once.",
        steps=(
            "Use port 587 or 465 and a login: port 25 is closed to many networks.",
            "Ask the server's operator whether the address of this machine is blocked.",
        ),
    ),
    Rule(
        code="greeting-lost",
        signs=(Sign(_GREETING),),
        field="port",
        title="{host} hung up instead of greeting",
        why="It may be the wrong port, or this machine is not let in.",
        steps=(CHECK_PORT, "Ask the server's operator whether this machine is let in."),
    ),
    Rule(
        code="own-name-malformed",
        signs=(Sign(_EHLO, says=r"cannot be the name of this machine"),),
        title="The name that this machine gives itself is not a name",
        why="Mail servers introduce themselves by name, and this one cannot be said.",
        steps=("Correct PLATO_EMAIL_EHLO_NAME: a host name such as www.example.com.",),
    ),
    Rule(
        # reject_invalid_helo_hostname and its like answer at RCPT: postconf(5), smtpd_delay_reject.
        code="own-name-refused",
        signs=(
            Sign(
                (*OPENING, *LOGIN, *MAIL),
                says=r"\b(helo|ehlo)\b.*(reject|invalid|need|not found|bad|require|denied|mismatch)"
                r"|(reject|invalid|bad)\w*:? .{0,20}\b(helo|ehlo)\b|fully.qualified host"
                r"|need fully",
            ),
        ),
        title="{host} does not accept the name of this machine",
        why="Mail servers introduce themselves by name, and this one is refused.",
        steps=("Set PLATO_EMAIL_EHLO_NAME to the public host name of this site.",),
    ),
    Rule(
        code="introduction-failed",
        signs=(Sign(_EHLO),),
        title="{host} broke off at the introduction",
        why="It did not answer our EHLO as a mail server does.",
        steps=(
            "Set PLATO_EMAIL_EHLO_NAME to the public host name of this site.",
            "Ask the server's operator whether the address of this machine is blocked.",
        ),
    ),
)
