"""Causes in the first words of a session: the greeting, and EHLO."""

from __future__ import annotations

from ..errors import Cause
from . import fixes
from .opening import CHECK_PORT
from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        cause=Cause.TLS_EXPECTED,
        field="tls_mode",
        fix=fixes.use_tls_at_once,
        title="Port 465 expects TLS from the first byte",
        why="The server waits for TLS while we wait for its greeting, and so neither speaks.",
        steps=("Switch on Enable TLS / SSL, and set TLS begins to Automatic.",),
    ),
    Rule(
        cause=Cause.WEB_SERVER,
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
        cause=Cause.MAILBOX_SERVER,
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
        cause=Cause.NOT_A_MAIL_SERVER,
        field="port",
        title="What answers on port {port} is not a mail server",
        why="It does not speak SMTP.",
        steps=("Check the Server Port.", "Check the Server Address."),
    ),
    Rule(
        cause=Cause.PROXY_CANNOT_CONNECT,
        field="port",
        title="A scanner or proxy in between answers, but cannot reach {host}",
        why="A virus scanner, firewall or proxy accepted the connection in place of the server, "
        "and could not connect to the server itself.",
        steps=(
            "Check the Server Address and the Server Port.",
            "Check that the firewall allows connections to port {port}.",
            "Exclude mail, or this site, from the scanner or proxy.",
        ),
    ),
    Rule(
        cause=Cause.GREETING_SILENT,
        field="tls_mode",
        title="{host} accepts the connection but sends no greeting",
        why="It may be slow: some servers first look up the name of this machine, or pause on "
        "purpose. A server that expects TLS from the first byte is silent too, and so are some "
        "firewalls.",
        steps=(
            "If the server is known to be slow, save the settings: this test waited {seconds} "
            "seconds, but a sender waits a minute, so mail may go out although the test fails.",
            "Set TLS begins to TLS: from the first byte, if the server expects that on this port.",
            CHECK_PORT,
            "Check whether a firewall or virus scanner is in between.",
        ),
    ),
    Rule(
        cause=Cause.CLIENT_CERTIFICATE_WANTED,
        field="port",
        title="{host} lets in only those who show a certificate of their own",
        why="Such ports connect mail servers that know each other. A site logs in by password.",
        steps=(
            "Use port 587 or 465 and a Username and Password.",
            "Or have the server's operator let this machine in without a certificate.",
        ),
    ),
    Rule(
        cause=Cause.REVERSE_NAME_MISSING,
        title="{host} wants this machine to have a name in the DNS",
        why="It looks up the name that belongs to the address of this machine, and found none.",
        steps=(
            "Have the provider of this machine set its reverse DNS (PTR) entry.",
            "Or use port 587 or 465 with a login, where it is not asked for.",
        ),
    ),
    Rule(
        cause=Cause.MACHINE_NOT_ALLOWED,
        title="{host} does not take mail from the address of this machine",
        why="It keeps a list of the addresses that may send, and this machine is not on it.",
        steps=(
            "Add the public IP address of this machine in the settings of the provider's account.",
            "Check that this is the provider's server for outgoing mail, and log in to it.",
        ),
    ),
    Rule(
        cause=Cause.MACHINE_BLOCKED,
        title="The address of this machine is on a list of senders of spam",
        why="{host} turns away whoever is on it. New machines often inherit such an entry.",
        steps=(
            "Use a provider's server on port 587 or 465 with a login: it sends from its own "
            "address.",
            "Or follow the link in the answer to have the entry removed.",
        ),
    ),
    Rule(
        cause=Cause.TOO_MANY_CONNECTIONS,
        title="{host} has too many connections from here",
        why="It allows each sender only a few at a time.",
        steps=(
            "Wait a few minutes, then test again.",
            "Set PLATO_EMAIL_CONNECTIONS to 1, and let fewer processes send.",
        ),
    ),
    Rule(
        cause=Cause.GREETING_BUSY,
        title="{host} is too busy for another connection",
        why="It asks to come back later.",
        steps=("Wait a few minutes, then test again.",),
    ),
    Rule(
        cause=Cause.GREETING_REFUSED,
        title="{host} does not talk to this machine",
        why="It turned the connection away at once.",
        steps=(
            "Use port 587 or 465 and a login: port 25 is closed to many networks.",
            "Ask the server's operator whether the address of this machine is blocked.",
        ),
    ),
    Rule(
        cause=Cause.GREETING_LOST,
        field="port",
        title="{host} hung up instead of greeting",
        why="It may be the wrong port, or this machine is not let in.",
        steps=(CHECK_PORT, "Ask the server's operator whether this machine is let in."),
    ),
    Rule(
        cause=Cause.OWN_NAME_MALFORMED,
        title="The name that this machine gives itself is not a name",
        why="Mail servers introduce themselves by name, and this one cannot be said.",
        steps=("Correct PLATO_EMAIL_EHLO_NAME: a host name such as www.example.com.",),
    ),
    Rule(
        cause=Cause.OWN_NAME_REFUSED,
        title="{host} does not accept the name of this machine",
        why="Mail servers introduce themselves by name, and this one is refused.",
        steps=("Set PLATO_EMAIL_EHLO_NAME to the public host name of this site.",),
    ),
    Rule(
        cause=Cause.INTRODUCTION_FAILED,
        title="{host} broke off at the introduction",
        why="It did not answer our EHLO as a mail server does.",
        steps=(
            "Set PLATO_EMAIL_EHLO_NAME to the public host name of this site.",
            "Ask the server's operator whether the address of this machine is blocked.",
        ),
    ),
)
