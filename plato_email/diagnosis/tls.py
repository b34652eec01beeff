"""Causes in TLS: how it begins, and whose certificate it is."""

from __future__ import annotations

from ..errors import Cause
from . import fixes
from .rule import Case, Rule

_CA_FILE = "If the server is your own, set PLATO_EMAIL_CA_FILE to the file of its authority."


def _certificate_of(case: Case) -> str:
    """What the operator of the server, or of this site, needs to know of the certificate."""
    found = case.certificate
    lines = (
        f"Mail server: {case.host}, port {case.port}",
        f"Problem: {case.reply}" if case.reply else "",
        f"Names in the certificate: {', '.join(found.names)}" if found.names else "",
        f"Issued by: {found.issuer}" if found.issuer else "",
        f"Valid: {found.begins} to {found.ends}" if found.begins else "",
        f"SHA-256 fingerprint: {found.fingerprint}" if found.fingerprint else "",
    )
    return "\n".join(line for line in lines if line) if found.fingerprint else ""


RULES: tuple[Rule, ...] = (
    Rule(
        cause=Cause.STARTTLS_EXPECTED,
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
        cause=Cause.STARTTLS_STRIPPED,
        field="port",
        title="Something on the way to {host} takes the offer of TLS out",
        why="A firewall rewrites what the server says, so that nothing can be encrypted.",
        steps=(
            "Use port 465 with TLS beginning automatically, which leaves nothing to rewrite.",
            "Or switch off the firewall's inspection of SMTP (ESMTP inspection, fixup).",
        ),
    ),
    Rule(
        cause=Cause.STARTTLS_MISSING_LOCALLY,
        field="use_tls",
        fix=fixes.turn_tls_off,
        title="The server on this machine does not offer STARTTLS",
        why="Nothing of the connection leaves this machine, so it can do without.",
        steps=("Switch off Enable TLS / SSL.",),
    ),
    Rule(
        cause=Cause.STARTTLS_MISSING_AT_CATCHER,
        field="use_tls",
        fix=fixes.turn_tls_off,
        title="{catcher} does not offer STARTTLS",
        why="It looks like a mail catcher or a server of your own network, which often does "
        "without TLS.",
        steps=(
            "If it is a mail catcher, switch off Enable TLS / SSL.",
            "A mail catcher often listens on port 1025.",
            "If it is a real server, have its operator switch STARTTLS on.",
        ),
    ),
    Rule(
        cause=Cause.STARTTLS_MISSING,
        field="tls_mode",
        title="{host} does not offer STARTTLS on port {port}",
        why="So this connection cannot be encrypted, and nothing was sent over it.",
        steps=(
            "Use port 465 with TLS beginning automatically, if the server has it.",
            "If it used to offer STARTTLS, something on the way may be removing the offer.",
        ),
    ),
    Rule(
        cause=Cause.STARTTLS_TAMPERED,
        title="Somebody may be tampering with the connection to {host}",
        why="Text arrived where the encryption should have begun. Nothing secret was sent.",
        steps=(
            "Look for a proxy, firewall or virus scanner that handles mail, and take it out.",
            "Use port 465 with TLS beginning automatically, which leaves no such gap.",
        ),
    ),
    Rule(
        cause=Cause.STARTTLS_UNAVAILABLE,
        field="tls_mode",
        title="{host} offers STARTTLS but cannot begin it at the moment",
        why="Most often its certificate or its key is missing or cannot be read.",
        steps=("Try again later, or use port 465.", "Ask the server's operator to repair its TLS."),
    ),
    Rule(
        cause=Cause.STARTTLS_REFUSED,
        field="tls_mode",
        title="{host} offers STARTTLS but does not begin it",
        why="Most often its certificate or its key is missing or cannot be read.",
        steps=("Try again later, or use port 465.", "Ask the server's operator to repair its TLS."),
    ),
    Rule(
        cause=Cause.CERTIFICATE_SELF_SIGNED,
        when=lambda case: case.on_this_machine,
        field="use_tls",
        fix=fixes.turn_tls_off,
        handout=_certificate_of,
        title="The server on this machine has a self-signed certificate",
        why="No authority confirms it. The connection stays on this machine, so it can do without "
        "TLS.",
        steps=(
            "Switch off Enable TLS / SSL: nothing leaves this machine.",
            "Or save that certificate itself to a file and set PLATO_EMAIL_CA_FILE to it.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_SELF_SIGNED,
        field="host",
        handout=_certificate_of,
        title="The certificate of {host} is self-signed",
        why="Anybody could have made it, so it does not prove that this is your server.",
        steps=(
            "If the server is your own, save that certificate itself to a file and have "
            "PLATO_EMAIL_CA_FILE set to it. There is no authority behind it.",
            "Otherwise have the server's operator install a certificate from a public authority.",
            "Compare the fingerprint with the operator's before you trust it.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_NAME,
        field="host",
        handout=_certificate_of,
        fix=fixes.use_certified_name,
        title="The certificate is for another name than {host}",
        why="So the server cannot prove that it is the one you mean.",
        steps=(
            "Type a name that is in the certificate as Server Address, if it is your server's.",
            "If you know none of the names in it, do not log in: somebody else is answering.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_EXPIRED,
        when=lambda case: case.certificate.current,
        handout=_certificate_of,
        title="A certificate in the chain of {host} has expired",
        why="The server's own certificate is still valid; the authority's, or one between them, "
        "is not.",
        steps=(
            "Ask the server's operator to install the authority's present chain.",
            "Bring this machine's list of authorities (ca-certificates) up to date.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_EXPIRED,
        handout=_certificate_of,
        title="The certificate of {host} has expired",
        why="It is out of date, so it proves nothing any more.",
        steps=(
            "Ask the server's operator to renew it.",
            "Check that the clock of this machine is right.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_NOT_YET_VALID,
        title="The certificate of {host} is not valid yet",
        why="Its time has not begun. Most often the clock of this machine is wrong.",
        steps=("Set the clock of this machine.",),
    ),
    Rule(
        cause=Cause.CERTIFICATE_INTERCEPTED,
        title="A security product opens the encryption on the way to {host}",
        why="The certificate is not the server's own: a virus scanner or a proxy made it.",
        steps=(
            "Exempt mail, or this server, from its inspection of TLS.",
            "If it is meant to look inside, set PLATO_EMAIL_CA_FILE to the file of its authority.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_UNTRUSTED,
        when=lambda case: case.certificate.issuer_missing,
        field="host",
        handout=_certificate_of,
        title="The certificate of {host} cannot be traced to an authority that is known here",
        why="The server did not send the certificate of its issuer, and this machine does not "
        "have it.",
        steps=(
            "The likeliest reason: the server does not send its intermediate certificate. Have "
            "its operator install the whole chain.",
            _CA_FILE,
            "Otherwise bring this machine's list of authorities (ca-certificates) up to date.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_UNTRUSTED,
        field="host",
        handout=_certificate_of,
        title="The certificate of {host} comes from an authority that is not known here",
        why="So it does not prove to this machine that the server is yours.",
        steps=(
            _CA_FILE,
            "Otherwise bring this machine's list of authorities (ca-certificates) up to date.",
            "If the provider is a public one, look for a proxy or virus scanner in between.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_WEAK,
        handout=_certificate_of,
        title="The certificate of {host} is too weak to be trusted",
        why="Its key or its signature is of a kind that can be forged.",
        steps=(
            "Ask the server's operator for a certificate with a 2048-bit key or longer, signed "
            "with SHA-256.",
        ),
    ),
    Rule(
        cause=Cause.TLS_KEY_TOO_SHORT,
        title="The Diffie-Hellman key of {host} is too short",
        why="TLS itself is up to date, but the server's parameters for the key exchange are under "
        "2048 bits. Its certificate is not at fault.",
        steps=(
            "Ask the server's operator to allow ECDHE, or to make Diffie-Hellman parameters of "
            "2048 bits or more.",
        ),
    ),
    Rule(
        cause=Cause.TLS_RENEGOTIATION,
        title="{host} supports only unsafe renegotiation of TLS",
        why="The server lacks secure renegotiation (RFC 5746), which OpenSSL 3 insists on.",
        steps=("Ask the server's operator to update its TLS library.",),
    ),
    Rule(
        cause=Cause.CERTIFICATE_REFUSED,
        field="host",
        title="The certificate of {host} was not accepted",
        why="It does not prove that this is your server.",
        steps=("Ask the server's operator to put the certificate right.", _CA_FILE),
    ),
    Rule(
        cause=Cause.CA_FILE_UNUSABLE,
        title="The file in PLATO_EMAIL_CA_FILE cannot be used",
        why="It names the authorities to trust, so no certificate can be checked without it.",
        steps=("Correct PLATO_EMAIL_CA_FILE, or the file's permissions.",),
    ),
    Rule(
        cause=Cause.TLS_TOO_OLD,
        title="{host} speaks only outdated TLS",
        why="TLS 1.2 is the oldest that is still safe, and the server does not have it.",
        steps=("Have the server upgraded to TLS 1.2 or later, or use another one.",),
    ),
    Rule(
        cause=Cause.TLS_NO_COMMON_CIPHER,
        title="{host} and this machine have no encryption in common",
        why="Each offers ciphers that the other does not have.",
        steps=(
            "Ask the server's operator to allow the usual ciphers of TLS 1.2 and 1.3.",
            "Bring OpenSSL on this machine up to date.",
        ),
    ),
    Rule(
        cause=Cause.TLS_SILENT,
        field="tls_mode",
        title="{host} does not answer the first word of TLS",
        why="The connection stands, but the server waits for something else.",
        steps=(
            "Check that port and TLS belong together: 465 with TLS at once, 587 with STARTTLS.",
            "Check whether a firewall or virus scanner stands between.",
        ),
    ),
    Rule(
        cause=Cause.TLS_DROPPED,
        field="tls_mode",
        title="{host} hung up as TLS began",
        why="It may not speak TLS on this port, or its certificate is not in place.",
        steps=(
            "Check that port and TLS belong together: 465 with TLS at once, 587 with STARTTLS.",
            "Ask the server's operator to look into its log.",
        ),
    ),
    Rule(
        cause=Cause.TLS_FAILED,
        field="tls_mode",
        title="No encrypted connection to {host} on port {port}",
        why="The two sides did not agree on TLS.",
        steps=(
            "Check that port and TLS belong together: 465 with TLS at once, 587 with STARTTLS.",
            "Check whether a firewall or virus scanner stands between.",
        ),
    ),
)
