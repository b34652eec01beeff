"""Causes in the login, whoever runs the server."""

from __future__ import annotations

from ..smtp import Security
from . import fixes
from .rule import LOGIN, MAIL, Facts, Rule, Sign

_NO_AUTH = r"offers no login \("
_REFUSED = (501, 504, 530, 534, 535, 550, 553, 554)
_TOO_OFTEN = r"too many|too often|\brate\b|throttl|\blimit|back ?off"


def _plain(facts: Facts) -> bool:
    return facts.security is Security.NONE


def _not_ascii(facts: Facts) -> bool:
    return not facts.login_is_ascii


RULES: tuple[Rule, ...] = (
    Rule(
        code="login-unencrypted",
        signs=(Sign(LOGIN, says=r"password was not sent"),),
        field="use_tls",
        fix=fixes.turn_tls_on,
        title="The password was not sent over an open line",
        why="Without TLS anybody on the way to {host} could read it.",
        steps=("Switch on Enable TLS / SSL.",),
    ),
    Rule(
        code="login-after-tls",
        signs=(Sign(LOGIN, says=_NO_AUTH, heard=r"^S: 250 STARTTLS", when=_plain),),
        field="use_tls",
        fix=fixes.turn_tls_on,
        title="{host} offers a login only under TLS",
        why="A Username is set, but on an open line the server does not ask for one.",
        steps=("Switch on Enable TLS / SSL.",),
    ),
    Rule(
        code="login-not-offered",
        signs=(
            Sign(LOGIN, says=_NO_AUTH),
            Sign(LOGIN, (502, 503), says=r"auth\w* not (enabled|available|supported)"),
        ),
        field="username",
        title="{host} offers no login on port {port}",
        why="A Username is set, but the server did not ask for one.",
        steps=(
            "Use port 587 or 465: port 25 is often for mail servers only, without a login.",
            "If the server lets this machine send without a login, remove the Username.",
        ),
    ),
    Rule(
        code="login-by-token-only",
        signs=(Sign(LOGIN, says=r"offers no login with a user name.*\b(XOAUTH2|OAUTHBEARER)\b"),),
        field="username",
        title="{host} takes logins by OAuth only",
        why="It offers no way to log in with a user name and a password.",
        steps=(
            "Look in the account for an app password, or for SMTP credentials of its own.",
            "Otherwise send through a provider that accepts a password.",
        ),
    ),
    Rule(
        code="login-mechanism",
        signs=(Sign(LOGIN, says=r"offers no login with a user name"), Sign(LOGIN, (504,))),
        field="username",
        title="{host} offers no login with a password that can be used here",
        why="It knows only ways of proving a password that are outdated or need its own network.",
        steps=("Ask the server's operator to allow AUTH PLAIN or AUTH LOGIN under TLS.",),
    ),
    Rule(
        code="login-not-text",
        signs=(Sign(LOGIN, says=r"NUL character"),),
        field="password",
        title="The Username or the Password contains a character that cannot be sent",
        why="A NUL character came in, most likely when it was pasted.",
        steps=("Type the Username and the Password again.",),
    ),
    Rule(
        code="password-expired",
        signs=(
            Sign(LOGIN, (432,), ("4.7.12",)),
            Sign(
                LOGIN,
                says=r"password (has |is )?expired|password transition|change (your|the) "
                r"password",
            ),
        ),
        field="password",
        title="The password has expired",
        why="{host} wants its owner to set a new one first.",
        steps=("Set a new password with the provider, and type it here.",),
    ),
    Rule(
        code="account-locked",
        signs=(
            Sign(
                LOGIN,
                says=r"\b(account|user|mailbox|login|access)\b.{0,40}\b(locked|disabled|blocked)\b"
                r"|too many (failed|bad|invalid|incorrect|unsuccessful)",
            ),
        ),
        field="username",
        title="{host} has locked this account",
        why="Several wrong passwords in a row do that, and so does an operator.",
        steps=(
            "Sign in on the provider's own page and see whether the account is in order.",
            "Wait before the next test: every test is one more login.",
            "Check that no other program logs in with an old password.",
        ),
    ),
    Rule(
        code="login-not-permitted",
        signs=(
            Sign(
                LOGIN,
                says=r"not (allowed|permitted) to (use|log|auth)"
                r"|\bsmtp\b.{0,20}\b(disabled|not (enabled|allowed|permitted))",
            ),
        ),
        field="username",
        title="{host} does not let this account send by SMTP",
        why="The account may exist and the password be right: sending by programs is switched off.",
        steps=(
            "Allow SMTP in the account's settings; often it is one switch with POP3 and IMAP.",
            "Or ask the server's operator to allow it for this account.",
        ),
    ),
    Rule(
        code="login-too-often",
        signs=(Sign(LOGIN, (421, 432, 450, 451, 452, 454, 535), says=_TOO_OFTEN),),
        title="{host} has seen too many logins in a short time",
        why="It takes no other for a while, right or wrong.",
        steps=(
            "Wait a quarter of an hour before the next test: each one is another login.",
            "Check that no other program logs in with an old password.",
        ),
    ),
    Rule(
        code="login-unavailable",
        signs=(Sign(LOGIN, (421, 432, 450, 451, 452, 454)),),
        title="{host} cannot check logins at the moment",
        why="The Username and the Password were neither accepted nor refused.",
        steps=(
            "Wait some minutes, then test again.",
            "If it stays so, tell the server's operator.",
        ),
    ),
    Rule(
        # RFC 4954 section 6: 538, encryption required for the mechanism; 530 with 5.7.0.
        code="tls-required",
        signs=(
            Sign(LOGIN, (538,)),
            Sign(LOGIN, (523, 530, 534, 550, 554), says=r"starttls|\btls\b|encrypt|ssl"),
            Sign(MAIL, says=r"starttls|encryption (is )?(required|needed)|must.*\btls\b"),
        ),
        field="use_tls",
        fix=fixes.turn_tls_on,
        title="{host} wants TLS",
        why="It talks about mail and logins only on an encrypted connection.",
        steps=("Switch on Enable TLS / SSL.",),
    ),
    Rule(
        code="login-not-ascii",
        signs=(Sign(LOGIN, (*_REFUSED, 500), when=_not_ascii),),
        field="password",
        title="{host} did not accept a login with letters outside ASCII",
        why="They were sent as UTF-8, as the standard says; some servers expect something else.",
        steps=(
            "Type the Username and the Password again.",
            "If they are right, choose a password of plain letters, digits and signs.",
        ),
    ),
    Rule(
        code="password-refused",
        signs=(Sign(LOGIN, (535,)),),
        field="password",
        title="{host} did not accept the Username and Password",
        why="One of them is wrong, or the account may not send by SMTP.",
        steps=(
            "Type the Password again.",
            "Check the Username: often it is the whole address, sometimes a word such as apikey.",
            "Some providers have a password for SMTP of its own, apart from that of the account.",
        ),
    ),
    Rule(
        code="login-lost",
        signs=(Sign(LOGIN, (None,)),),
        field="username",
        title="{host} broke off during the login",
        why="Servers do so after several wrong passwords, or where something goes wrong in them.",
        steps=(
            "Check the Username and the Password, and wait some minutes before the next test.",
            "Ask the server's operator whether this machine has been locked out.",
        ),
    ),
    Rule(
        code="login-failed",
        signs=(Sign(LOGIN),),
        field="username",
        title="The login at {host} failed",
        why="The server did not take it, nor did it say that the password is wrong.",
        steps=(
            "Check the Username and the Password.",
            "Check with the provider that the account may send by SMTP.",
        ),
    ),
)
