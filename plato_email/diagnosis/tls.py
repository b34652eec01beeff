"""Causes in TLS: how it begins, and whose certificate it is."""

from __future__ import annotations

from ..errors import Stage
from ..smtp import Security
from ..smtp.policy import is_loopback
from . import fixes
from .rule import Facts, Rule, Sign

_TLS = (Stage.TLS,)
_NOT_OFFERED = r"does not offer STARTTLS"
# As their certificates name their makers.
_IN_BETWEEN = (
    r"Avast|AVG|Kaspersky|ESET|Bitdefender|Sophos|Fortinet|Zscaler|Netskope|Palo Alto|Check Point"
    r"|Cisco|WatchGuard|Barracuda|Blue Coat|McAfee|Forcepoint|Untangle|SonicWall|Norton|Dr\.?Web"
    r"|AdGuard|mitmproxy|Charles Proxy|PortSwigger"
)
_CA_FILE = "If the server is your own, set PLATO_EMAIL_CA_FILE to the file of its authority."


def _tls_at_once(facts: Facts) -> bool:
    return facts.security is Security.TLS


def _on_this_machine(facts: Facts) -> bool:
    return is_loopback(facts.host)


RULES: tuple[Rule, ...] = (
    Rule(
        code="starttls-expected",
        signs=(
            Sign(
                _TLS,
                says=r"wrong version number|record layer failure|packet length too long"
                r"|http request",
                when=_tls_at_once,
            ),
        ),
        field="tls_mode",
        fix=fixes.use_starttls,
        title="Port {port} does not speak TLS from the first byte",
        why="The server greets in plain text here, and switches to TLS by STARTTLS if at all.",
        steps=(
            "Let TLS begin by STARTTLS, or use port 587 with TLS beginning automatically.",
            "Or keep TLS from the first byte and use port 465.",
        ),
    ),
    Rule(
        # Cisco's ESMTP inspection writes X over the keyword and asterisks over the greeting:
        # cisco.com, ASA command reference, "allow-tls" and "mask-banner".
        code="starttls-stripped",
        signs=(Sign(_TLS, says=_NOT_OFFERED, heard=r"^S: 250 X{6,}|^S: 220 [*0 2]{12,}"),),
        field="port",
        title="Something on the way to {host} takes the offer of TLS out",
        why="A firewall rewrites what the server says, so that nothing can be encrypted.",
        steps=(
            "Use port 465 with TLS beginning automatically, which leaves nothing to rewrite.",
            "Or switch off the firewall's inspection of SMTP (ESMTP inspection, fixup).",
        ),
    ),
    Rule(
        code="starttls-missing-locally",
        signs=(Sign(_TLS, says=_NOT_OFFERED, when=_on_this_machine),),
        field="use_tls",
        fix=fixes.turn_tls_off,
        title="The server on this machine does not offer STARTTLS",
        why="Nothing of the connection leaves this machine, so it can do without.",
        steps=("Switch off Enable TLS / SSL.",),
    ),
    Rule(
        code="starttls-missing",
        signs=(Sign(_TLS, says=_NOT_OFFERED),),
        field="tls_mode",
        title="{host} does not offer STARTTLS on port {port}",
        why="So this connection cannot be encrypted, and nothing was sent over it.",
        steps=(
            "Use port 465 with TLS beginning automatically, if the server has it.",
            "If it used to offer STARTTLS, something on the way may be removing the offer.",
        ),
    ),
    Rule(
        code="starttls-tampered",
        signs=(Sign(_TLS, says=r"tampered"),),
        title="Somebody may be tampering with the connection to {host}",
        why="Text arrived where the encryption should have begun. Nothing secret was sent.",
        steps=(
            "Look for a proxy, firewall or virus scanner that handles mail, and take it out.",
            "Use port 465 with TLS beginning automatically, which leaves no such gap.",
        ),
    ),
    Rule(
        code="starttls-refused",
        signs=(Sign(_TLS, (421, 451, 454, 500, 501, 502, 503, 504, 530, 538, 550, 554)),),
        field="tls_mode",
        title="{host} offers STARTTLS but does not begin it",
        why="Most often its certificate or its key is missing or cannot be read.",
        steps=("Try again later, or use port 465.", "Ask the server's operator to repair its TLS."),
    ),
    Rule(
        code="certificate-self-signed",
        signs=(Sign(_TLS, says=r"self-signed"),),
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
        signs=(Sign(_TLS, says=r"not for the name"),),
        field="host",
        fix=fixes.use_certified_name,
        title="The certificate is for another name than {host}",
        why="So the server cannot prove that it is the one you mean.",
        steps=(
            "Type a name that is in the certificate as Server Address, if it is your server's.",
            "If you know none of the names in it, do not log in: somebody else is answering.",
        ),
    ),
    Rule(
        code="certificate-expired",
        signs=(Sign(_TLS, says=r"it has expired"),),
        title="The certificate of {host} has expired",
        why="Its time is over, so it proves nothing any more.",
        steps=(
            "Ask the server's operator to renew it.",
            "Check that the clock of this machine is right.",
        ),
    ),
    Rule(
        code="certificate-not-yet-valid",
        signs=(Sign(_TLS, says=r"not valid yet"),),
        title="The certificate of {host} is not valid yet",
        why="Its time has not begun. Most often the clock of this machine is wrong.",
        steps=("Set the clock of this machine.",),
    ),
    Rule(
        code="certificate-intercepted",
        signs=(Sign(_TLS, says=rf"authority that is not trusted here \(.*\b({_IN_BETWEEN})"),),
        title="A security product opens the encryption on the way to {host}",
        why="The certificate is not the server's own: a virus scanner or a proxy made it.",
        steps=(
            "Exempt mail, or this server, from its inspection of TLS.",
            "If it is meant to look inside, set PLATO_EMAIL_CA_FILE to the file of its authority.",
        ),
    ),
    Rule(
        code="certificate-untrusted",
        signs=(Sign(_TLS, says=r"authority that is not trusted"),),
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
        # X509_V_ERR_EE_KEY_TOO_SMALL and X509_V_ERR_CA_MD_TOO_WEAK of OpenSSL.
        code="certificate-weak",
        signs=(Sign(_TLS, says=r"not accepted: .*too weak|key too small"),),
        title="The certificate of {host} is too weak to be trusted",
        why="Its key or its signature is of a kind that can be forged.",
        steps=("Ask the server's operator for a certificate with a key of today's length.",),
    ),
    Rule(
        code="certificate-refused",
        signs=(Sign(_TLS, says=r"certificate was not accepted"),),
        field="host",
        title="The certificate of {host} was not accepted",
        why="It does not prove that this is your server.",
        steps=("Ask the server's operator to put the certificate right.", _CA_FILE),
    ),
    Rule(
        code="ca-file-unusable",
        signs=(Sign(_TLS, says=r"file of trusted certificates"),),
        title="The file in PLATO_EMAIL_CA_FILE cannot be used",
        why="It names the authorities to trust, so no certificate can be checked without it.",
        steps=("Correct PLATO_EMAIL_CA_FILE, or the file's permissions.",),
    ),
    Rule(
        code="tls-too-old",
        signs=(
            Sign(
                _TLS,
                says=r"protocol version|unsupported protocol|no protocols|legacy"
                r"|wrong ssl version|dh key too small",
            ),
        ),
        title="{host} speaks only outdated TLS",
        why="TLS 1.2 is the oldest that is still safe, and the server does not have it.",
        steps=("Have the server upgraded to TLS 1.2 or later, or use another one.",),
    ),
    Rule(
        code="tls-no-common-cipher",
        signs=(Sign(_TLS, says=r"handshake failure|no shared cipher|no suitable"),),
        title="{host} and this machine have no encryption in common",
        why="Each offers ciphers that the other does not have.",
        steps=(
            "Ask the server's operator to allow the usual ciphers of TLS 1.2 and 1.3.",
            "Bring OpenSSL on this machine up to date.",
        ),
    ),
    Rule(
        code="tls-silent",
        signs=(Sign(_TLS, says=r"no answer in time"),),
        field="tls_mode",
        title="{host} does not answer the first word of TLS",
        why="The connection stands, but the server waits for something else.",
        steps=(
            "Check that port and TLS belong together: 465 with TLS at once, 587 with STARTTLS.",
            "Check whether a firewall or virus scanner stands between.",
        ),
    ),
    Rule(
        code="tls-dropped",
        signs=(Sign(_TLS, says=r"closed the connection|connection was lost"),),
        field="tls_mode",
        title="{host} hung up as TLS began",
        why="It may not speak TLS on this port, or its certificate is not in place.",
        steps=(
            "Check that port and TLS belong together: 465 with TLS at once, 587 with STARTTLS.",
            "Ask the server's operator to look into its log.",
        ),
    ),
    Rule(
        code="tls-failed",
        signs=(Sign(_TLS),),
        field="tls_mode",
        title="No encrypted connection to {host} on port {port}",
        why="The two sides did not agree on TLS.",
        steps=(
            "Check that port and TLS belong together: 465 with TLS at once, 587 with STARTTLS.",
            "Check whether a firewall or virus scanner stands between.",
        ),
    ),
)
