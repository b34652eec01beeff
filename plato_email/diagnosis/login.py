"""Causes in the login, whoever runs the server."""

from __future__ import annotations

from ..errors import Cause
from . import fixes
from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        cause=Cause.LOGIN_UNENCRYPTED,
        field="use_tls",
        fix=fixes.turn_tls_on,
        title="The password was not sent over an open line",
        why="Without TLS anybody on the way to {host} could read it.",
        steps=("Switch on Enable TLS / SSL.",),
    ),
    Rule(
        cause=Cause.LOGIN_AFTER_TLS,
        field="use_tls",
        fix=fixes.turn_tls_on,
        title="{host} offers a login only under TLS",
        why="A Username is set, but on an open line the server does not ask for one.",
        steps=("Switch on Enable TLS / SSL.",),
    ),
    Rule(
        cause=Cause.LOGIN_NOT_OFFERED,
        field="username",
        title="{host} offers no login on port {port}",
        why="A Username is set, but the server did not ask for one.",
        steps=(
            "Use port 587 or 465: port 25 is often for mail servers only, without a login.",
            "If the server lets this machine send without a login, switch off Requires "
            "authentication.",
        ),
    ),
    Rule(
        cause=Cause.LOGIN_BY_TOKEN_ONLY,
        field="username",
        title="{host} takes logins by OAuth only",
        why="It offers no way to log in with a user name and a password.",
        steps=(
            "Look in the account for an app password, or for SMTP credentials of its own.",
            "Otherwise send through a provider that accepts a password.",
        ),
    ),
    Rule(
        cause=Cause.LOGIN_MECHANISM,
        field="username",
        title="{host} offers no login with a password that can be used here",
        why="It knows only ways of proving a password that are outdated or need its own network.",
        steps=("Ask the server's operator to allow AUTH PLAIN or AUTH LOGIN under TLS.",),
    ),
    Rule(
        cause=Cause.LOGIN_NOT_TEXT,
        field="password",
        title="The Username or the Password contains a character that cannot be sent",
        why="A NUL character came in, most likely when it was pasted.",
        steps=("Type the Username and the Password again.",),
    ),
    Rule(
        cause=Cause.LOGIN_HIDDEN_CHARACTERS,
        field="password",
        title="The Username or the Password contains an invisible character",
        why="It was probably pasted: {hidden}. The server did not accept the login.",
        steps=(
            "Type the Password by hand, or paste it without blanks. An app password works without "
            "the blanks between its groups.",
            "Type the Username by hand too.",
        ),
    ),
    Rule(
        cause=Cause.PASSWORD_EXPIRED,
        field="password",
        title="The password has expired",
        why="{host} wants its owner to set a new one first.",
        steps=("Set a new password with the provider, and type it here.",),
    ),
    Rule(
        cause=Cause.ACCOUNT_LOCKED,
        field="username",
        title="{host} has locked this account",
        why="The password may be right: several wrong ones in a row lock an account, and so do "
        "logins that look unusual.",
        steps=(
            "Sign in on the provider's own page and see whether the account is in order. Follow "
            "the link in the answer, if there is one.",
            "Wait before the next test: every test is one more login.",
            "Check that no other program logs in with an old password.",
        ),
    ),
    Rule(
        cause=Cause.LOGIN_NOT_PERMITTED,
        field="username",
        title="{host} does not let this account send by SMTP",
        why="The account may exist and the password be right: sending by programs is switched off.",
        steps=(
            "Allow SMTP in the account's settings; often it is one switch with POP3 and IMAP.",
            "Or ask the server's operator to allow it for this account.",
        ),
    ),
    Rule(
        cause=Cause.LOGIN_TOO_OFTEN,
        title="{host} has seen too many logins in a short time",
        why="It takes no other for a while, right or wrong.",
        steps=(
            "Wait a quarter of an hour before the next test: each one is another login.",
            "Check that no other program logs in with an old password.",
        ),
    ),
    Rule(
        cause=Cause.LOGIN_UNAVAILABLE,
        title="{host} cannot check logins at the moment",
        why="The Username and the Password were neither accepted nor refused.",
        steps=(
            "Wait some minutes, then test again.",
            "If it stays so, tell the server's operator.",
        ),
    ),
    Rule(
        cause=Cause.TLS_REQUIRED,
        field="use_tls",
        fix=fixes.turn_tls_on,
        title="{host} wants TLS",
        why="It talks about mail and logins only on an encrypted connection.",
        steps=("Switch on Enable TLS / SSL.",),
    ),
    Rule(
        cause=Cause.LOGIN_NOT_ASCII,
        field="password",
        title="{host} did not accept a login with letters outside ASCII",
        why="They were sent as UTF-8, as the standard says; some servers expect something else.",
        steps=(
            "Type the Username and the Password again.",
            "If they are right, choose a password of plain letters, digits and signs.",
        ),
    ),
    Rule(
        cause=Cause.PASSWORD_REFUSED,
        field="password",
        title="{host} did not accept the Username and Password",
        why="One of them is wrong, or the account may not send by SMTP.",
        steps=(
            "Type the Password again.",
            "Check the Username: often it is the whole address, sometimes a word such as apikey.",
            "Check that SMTP is switched on in the mailbox's settings.",
            "Some providers have a separate password for SMTP: an app password or an authorization "
            "code.",
        ),
    ),
    Rule(
        cause=Cause.LOGIN_LOST,
        field="username",
        title="{host} broke off during the login",
        why="Servers do so after several wrong passwords, or where something goes wrong in them.",
        steps=(
            "Check the Username and the Password, and wait some minutes before the next test.",
            "Ask the server's operator whether this machine has been locked out.",
        ),
    ),
    Rule(
        cause=Cause.LOGIN_FAILED,
        field="username",
        title="The login at {host} failed",
        why="The server did not take it, nor did it say that the password is wrong.",
        steps=(
            "Check the Username and the Password.",
            "Check with the provider that the account may send by SMTP.",
        ),
    ),
)
