"""Causes in TLS: how it begins, and whose certificate it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Cause
from . import fixes
from .rule import Case, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

_CA_FILE = (
    "If the server has an authority of its own, set PLATO_EMAIL_CA_FILE to the certificate of that "
    "authority, in PEM form."
)


_CA_FILE_ITSELF = (
    "To trust this very certificate, save it to a file in PEM form and set PLATO_EMAIL_CA_FILE of "
    "this site to that file. Compare the fingerprints first."
)


def _asks_for(needed: str) -> Callable[[Case], str]:
    """Make the text for the operator of the server, or of this site, that ends in ``needed``."""

    def text(case: Case) -> str:
        found = case.certificate
        names = ", ".join(found.names)
        only = (
            "Common name (no alternative names)"
            if found.common_name_only
            else "Names in the certificate"
        )
        lines = (
            f"Mail server: {case.words['host']}, port {case.port}",
            f"Problem: {case.reply}" if case.reply else "",
            f"{only}: {names}" if names else "",
            f"Issued by: {found.issuer}" if found.issuer else "",
            f"Valid: {found.begins} to {found.ends}" if found.begins else "",
            f"SHA-256 fingerprint: {found.fingerprint}" if found.fingerprint else "",
            f"Needed: {needed.format_map(case.words)}",
        )
        return "\n".join(line for line in lines if line)

    return text


def _locally(case: Case) -> bool:
    return case.on_this_machine


_OFF = "Switch off Enable TLS / SSL: the connection does not leave this machine."
_RENEW = _asks_for("a renewed certificate for {host}.")
_ALTERNATIVE_NAME = _asks_for(
    "a certificate with {host} among its alternative names (SAN); or the server's right name, to "
    "be typed as Server Address."
)
_PUBLIC = _asks_for(
    "a certificate from a public authority; or the certificate of the server's own authority, in "
    "PEM form, as PLATO_EMAIL_CA_FILE of the site."
)
_THIS_ONE = _asks_for(
    "a certificate from a public authority; or this very certificate, in PEM form, as "
    "PLATO_EMAIL_CA_FILE of the site."
)
_WHOLE_CHAIN = _asks_for(
    "the whole chain. The server has to send the certificates between its own and the root."
)

RULES: tuple[Rule, ...] = (
    Rule(
        cause=Cause.STARTTLS_EXPECTED,
        field="tls_mode",
        fix=fixes.use_starttls,
        title="Port {port} does not speak TLS from the first byte",
        why="The server greets in plain text here, and switches to TLS by STARTTLS if at all.",
        steps=(
            "Set TLS begins to STARTTLS, or use port 587 with TLS begins set to Automatic.",
            "Or keep TLS from the first byte and use port 465.",
        ),
    ),
    Rule(
        cause=Cause.STARTTLS_STRIPPED,
        field="port",
        title="Something on the way to {host} takes the offer of TLS out",
        why="A firewall rewrites what the server says, so that nothing can be encrypted.",
        steps=(
            "Use port 465 with TLS begins set to Automatic, which leaves nothing to rewrite.",
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
        fix=fixes.turn_tls_off_without_login,
        title="{catcher} does not offer STARTTLS",
        why="It looks like a mail catcher for tests, or a server of your own network. Most of "
        "them have no TLS.",
        steps=(
            "If it is a mail catcher, switch off Enable TLS / SSL. It needs no login either.",
            "If it is a real server, ask its operator to enable STARTTLS.",
        ),
    ),
    Rule(
        cause=Cause.STARTTLS_MISSING,
        field="tls_mode",
        title="{host} does not offer STARTTLS on port {port}",
        why="So this connection cannot be encrypted, and nothing was sent over it.",
        steps=(
            "Use port 465 with TLS begins set to Automatic, if the server has it.",
            "If it used to offer STARTTLS, something on the way may be removing the offer.",
        ),
    ),
    Rule(
        cause=Cause.STARTTLS_TAMPERED,
        title="The connection to {host} may be tampered with",
        why="Text arrived where the encryption should have begun. Nothing secret was sent.",
        steps=(
            "Look for a proxy, firewall or virus scanner that handles mail, and take it out.",
            "Use port 465 with TLS begins set to Automatic, which leaves no such gap.",
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
        when=_locally,
        field="use_tls",
        fix=fixes.turn_tls_off,
        handout=_THIS_ONE,
        title="The server on this machine has a self-signed certificate",
        why="No authority confirms it. The connection stays on this machine, so it can do without "
        "TLS.",
        steps=(
            _OFF,
            "To keep TLS, save the certificate itself to a file in PEM form and set "
            "PLATO_EMAIL_CA_FILE to that file.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_SELF_SIGNED,
        field="host",
        handout=_THIS_ONE,
        title="The certificate of {host} is self-signed",
        why="Anybody could have made it, so it does not prove that this is your server.",
        steps=(
            "Ask the operator of the server for a certificate from a public authority, such as "
            "Let's Encrypt. The test has a text to send.",
            _CA_FILE_ITSELF,
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_NAME,
        when=lambda case: case.certificate.common_name_only and case.host in case.certificate.names,
        field="host",
        handout=_ALTERNATIVE_NAME,
        title="The certificate has {host} in the wrong place",
        why="It has the address as its common name. An IP address must be an alternative name.",
        steps=(
            "Ask the server's operator for a certificate that lists {host} as an alternative name "
            "(SAN).",
            "Or type the host name of the server as Server Address, if its certificate has it.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_NAME,
        when=_locally,
        field="use_tls",
        fix=fixes.turn_tls_off,
        handout=_ALTERNATIVE_NAME,
        title="The certificate is for another name than {host}",
        why="The connection stays on this machine, so it can do without TLS.",
        steps=(
            _OFF,
            "To keep TLS, type a name that is in the certificate as Server Address. It must lead "
            "to this machine.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_NAME,
        field="host",
        handout=_ALTERNATIVE_NAME,
        fix=fixes.use_certified_name,
        title="The certificate is for another name than {host}",
        why="The server cannot prove that it is the one you mean.",
        steps=(
            "If your server has one of these names, type that name as Server Address.",
            "If you know none of the names, do not log in: another server is answering.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_EXPIRED,
        when=lambda case: case.certificate.current,
        handout=_asks_for(
            "the authority's present chain. The server's own certificate is still valid; the one "
            "of its issuer, or of an authority above it, has expired."
        ),
        title="A certificate in the chain of {host} has expired",
        why="The server's own certificate is still valid; the authority's, or one between them, "
        "is not.",
        steps=(
            "Ask the server's operator to install the authority's present chain.",
            "Update this machine's list of authorities (ca-certificates).",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_EXPIRED,
        when=lambda case: bool(case.certificate.fingerprint),
        handout=_RENEW,
        title="The certificate of {host} has expired",
        why="It is out of date, so it proves nothing any more.",
        steps=(
            "Ask the server's operator to renew it.",
            "Check that the clock of this machine is right.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_EXPIRED,
        handout=_RENEW,
        title="The certificate of {host}, or one in its chain, has expired",
        why="It is out of date, so it proves nothing any more.",
        steps=(
            "Ask the server's operator to renew it, or to install the authority's present chain.",
            "Check that the clock of this machine is right.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_NOT_YET_VALID,
        when=lambda case: case.certificate.begun,
        handout=_WHOLE_CHAIN,
        title="A certificate in the chain of {host} is not valid yet",
        why="The server's own certificate is valid; the authority's, or one between them, is not "
        "valid yet.",
        steps=(
            "Check that the clock of this machine is right.",
            "Ask the server's operator to install the authority's present chain.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_NOT_YET_VALID,
        handout=_asks_for("a certificate that is valid now, and the right time on both machines."),
        title="The certificate of {host} is not valid yet",
        why="Its time has not begun. Most often the clock of this machine is wrong.",
        steps=(
            "Check the date and the time of this machine.",
            "If they are right, ask the server's operator for a certificate that is valid now.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_INTERCEPTED,
        handout=_asks_for(
            "an exemption of {host} from TLS inspection; or the certificate of the product's "
            "authority, in PEM form, as PLATO_EMAIL_CA_FILE of the site."
        ),
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
        handout=_WHOLE_CHAIN,
        title="The certificate of {host} cannot be traced to an authority that is known here",
        why="The server did not send the certificate of its issuer, and this machine does not "
        "have it.",
        steps=(
            "Most often the server does not send its intermediate certificate. Ask its operator "
            "to install the whole chain.",
            _CA_FILE,
            "Otherwise update this machine's list of authorities (ca-certificates).",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_UNTRUSTED,
        field="host",
        handout=_PUBLIC,
        title="The certificate of {host} comes from an authority that is not known here",
        why="It does not prove to this machine that the server is yours.",
        steps=(
            _CA_FILE,
            "Otherwise update this machine's list of authorities (ca-certificates).",
            "Check that the server sends its intermediate certificates too.",
            "If the provider is a public one, look for a proxy or virus scanner in between.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_WEAK,
        handout=_asks_for("a certificate with a 2048-bit key or longer, signed with SHA-256."),
        title="The certificate of {host} is too weak to be trusted",
        why="Its key or its signature is of a kind that can be forged.",
        steps=(
            "Ask the server's operator for a certificate with a 2048-bit key or longer, signed "
            "with SHA-256.",
        ),
    ),
    Rule(
        cause=Cause.TLS_KEY_TOO_SHORT,
        handout=_asks_for("ECDHE, or Diffie-Hellman parameters of 2048 bits or more."),
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
        handout=_asks_for("a TLS library with secure renegotiation (RFC 5746)."),
        title="{host} supports only unsafe renegotiation of TLS",
        why="The server lacks secure renegotiation (RFC 5746), which OpenSSL 3 insists on.",
        steps=(
            "Ask the server's operator to update its TLS library.",
            "Look for an old TLS proxy or load balancer in front of the server: update that too.",
        ),
    ),
    Rule(
        cause=Cause.CERTIFICATE_REFUSED,
        field="host",
        handout=_asks_for("a certificate that may be used for a TLS server of the name {host}."),
        title="The certificate of {host} was not accepted",
        why="It does not prove that this is your server.",
        steps=("Ask the server's operator to correct the certificate.", _CA_FILE),
    ),
    Rule(
        cause=Cause.CA_FILE_UNUSABLE,
        title="The file in PLATO_EMAIL_CA_FILE cannot be used",
        why="It names the authorities to trust, so no certificate can be checked without it.",
        steps=("Correct PLATO_EMAIL_CA_FILE, or the file's permissions.",),
    ),
    Rule(
        cause=Cause.TLS_TOO_OLD,
        handout=_asks_for("TLS 1.2 or later."),
        title="{host} speaks only outdated TLS",
        why="TLS 1.2 is the oldest that is still safe, and the server does not have it.",
        steps=("Have the server upgraded to TLS 1.2 or later, or use another one.",),
    ),
    Rule(
        cause=Cause.TLS_NO_COMMON_CIPHER,
        handout=_asks_for("the usual ciphers of TLS 1.2 and 1.3."),
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
        why="It accepted the connection, and then waited for something other than TLS.",
        steps=(
            "Check that port and TLS belong together: 465 with TLS at once, 587 with STARTTLS.",
            "Check whether a firewall or virus scanner is in between.",
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
            "Check whether a firewall or virus scanner is in between.",
        ),
    ),
)
