"""Causes in TLS: how it begins, and whose certificate it is."""

from __future__ import annotations

from ..errors import Stage
from ..smtp import Security
from .rule import Facts, Rule

_TLS = (Stage.TLS,)
_CA_FILE = "If the server is your own, set PLATO_EMAIL_CA_FILE to the file of its authority."


def _tls_at_once(facts: Facts) -> bool:
    return facts.security is Security.TLS


RULES: tuple[Rule, ...] = (
    Rule(
        code="starttls-expected",
        stages=_TLS,
        says=r"wrong version number|record layer failure|packet length too long|http request",
        when=_tls_at_once,
        field="tls_mode",
        title="Port {port} does not speak TLS from the first byte",
        why="The server greets in plain text here, and switches to TLS by STARTTLS if at all.",
        steps=(
            "Let TLS begin by STARTTLS, or use port 587 with TLS beginning automatically.",
            "Or keep TLS from the first byte and use port 465.",
        ),
    ),
    Rule(
        code="starttls-missing",
        stages=_TLS,
        says=r"does not offer STARTTLS",
        field="tls_mode",
        title="{host} does not offer STARTTLS on port {port}",
        why="So this connection cannot be encrypted, and nothing was sent over it.",
        steps=(
            "Use port 465 with TLS beginning automatically, if the server has it.",
            "If the server runs on this very machine, TLS can be switched off.",
            "If it used to offer STARTTLS, something on the way may be removing the offer.",
        ),
    ),
    Rule(
        code="starttls-tampered",
        stages=_TLS,
        says=r"tampered",
        title="Somebody may be tampering with the connection to {host}",
        why="Text arrived where the encryption should have begun. Nothing secret was sent.",
        steps=(
            "Look for a proxy, firewall or virus scanner that handles mail, and take it out.",
            "Use port 465 with TLS beginning automatically, which leaves no such gap.",
        ),
    ),
    Rule(
        code="starttls-refused",
        stages=_TLS,
        codes=(421, 454, 500, 501, 502, 503, 504, 554),
        field="tls_mode",
        title="{host} offers STARTTLS but does not begin it",
        why="It answered: {reply}",
        steps=("Try again later, or use port 465.", "Ask the server's operator to repair its TLS."),
    ),
    Rule(
        code="certificate-self-signed",
        stages=_TLS,
        says=r"self-signed",
        field="host",
        title="The certificate of {host} is signed by nobody but itself",
        why="Anybody could have made it, so it does not prove that this is your server.",
        steps=(
            _CA_FILE,
            "Otherwise have the server given a certificate from a public authority.",
        ),
    ),
    Rule(
        code="certificate-name",
        stages=_TLS,
        says=r"not for the name .*; it is for (?P<names>.+?)\.?$",
        field="host",
        title="The certificate is for another name than {host}",
        why="It is made out to {names}.",
        steps=("Type the name in the certificate as Server Address, if it is your server's.",),
    ),
    Rule(
        code="certificate-name",
        stages=_TLS,
        says=r"not for the name",
        field="host",
        title="The certificate is for another name than {host}",
        why="The server cannot prove that it is {host}.",
        steps=("Type the Server Address just as your mail provider gives it.",),
    ),
    Rule(
        code="certificate-expired",
        stages=_TLS,
        says=r"it has expired",
        title="The certificate of {host} has expired",
        why="Its time is over, so it proves nothing any more.",
        steps=(
            "Ask the server's operator to renew it.",
            "Check that the clock of this machine is right.",
        ),
    ),
    Rule(
        code="certificate-not-yet-valid",
        stages=_TLS,
        says=r"not valid yet",
        title="The certificate of {host} is not valid yet",
        why="Its time has not begun. Most often the clock of this machine is wrong.",
        steps=("Set the clock of this machine.",),
    ),
    Rule(
        code="certificate-untrusted",
        stages=_TLS,
        says=r"authority that is not trusted",
        field="host",
        title="The certificate of {host} comes from an authority that is not known here",
        why="So it does not prove to this machine that the server is yours.",
        steps=(
            _CA_FILE,
            "Otherwise bring this machine's list of authorities (ca-certificates) up to date.",
            "If the provider is a public one, look for a proxy or virus scanner on the way.",
        ),
    ),
    Rule(
        code="ca-file-unusable",
        stages=_TLS,
        says=r"file of trusted certificates",
        title="The file in PLATO_EMAIL_CA_FILE cannot be used",
        why="{reply}",
        steps=("Correct PLATO_EMAIL_CA_FILE, or the file's permissions.",),
    ),
    Rule(
        code="tls-too-old",
        stages=_TLS,
        says=r"protocol version|unsupported protocol|no protocols|key too small|handshake failure"
        r"|legacy",
        title="{host} speaks only outdated TLS",
        why="TLS 1.2 is the oldest that is still safe, and the server does not have it. {reply}",
        steps=("Have the server upgraded to TLS 1.2 or later, or use another one.",),
    ),
    Rule(
        code="tls-failed",
        stages=_TLS,
        field="tls_mode",
        title="No encrypted connection to {host} on port {port}",
        why="{reply}",
        steps=(
            "Check that port and TLS belong together: 465 with TLS at once, 587 with STARTTLS.",
            "Check whether a firewall or virus scanner stands between.",
        ),
    ),
)
