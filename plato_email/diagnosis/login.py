"""Causes in the login."""

from __future__ import annotations

from ..errors import Stage
from .rule import Facts, Rule

_LOGIN = (Stage.LOGIN,)


def _google(facts: Facts) -> bool:
    return facts.served_by("gmail.com", "google.com", "googlemail.com")


def _microsoft(facts: Facts) -> bool:
    return facts.served_by("office365.com", "outlook.com", "hotmail.com", "office.com")


RULES: tuple[Rule, ...] = (
    Rule(
        code="login-unencrypted",
        stages=_LOGIN,
        says=r"password was not sent",
        field="use_tls",
        title="The password was not sent over an open line",
        why="Without TLS anybody on the way to {host} could read it.",
        steps=("Switch on Enable TLS / SSL.",),
    ),
    Rule(
        code="login-not-offered",
        stages=_LOGIN,
        says=r"offers no login \(",
        field="username",
        title="{host} offers no login on port {port}",
        why="A Username is set, but the server did not ask for one.",
        steps=(
            "Use port 587 or 465: port 25 is often for mail servers only, without a login.",
            "Switch on Enable TLS / SSL: many servers offer the login only after it.",
            "If the server lets this machine send without a login, remove the Username.",
        ),
    ),
    Rule(
        code="login-mechanism",
        stages=_LOGIN,
        says=r"offers no login with a user name",
        field="username",
        title="{host} offers no login with a password that can be used here",
        why="{reply}",
        steps=("Ask the server's operator to allow AUTH PLAIN or AUTH LOGIN under TLS.",),
    ),
    Rule(
        code="login-not-text",
        stages=_LOGIN,
        says=r"NUL character",
        field="password",
        title="The Username or the Password contains a character that cannot be sent",
        why="A NUL character came in, most likely when it was pasted.",
        steps=("Type the Username and the Password again.",),
    ),
    Rule(
        code="google-app-password",
        codes=(534, 535),
        stages=_LOGIN,
        when=_google,
        field="password",
        title="Google wants an app password",
        why="The ordinary password of a Google account is not accepted by programs. {reply}",
        steps=(
            "Turn on 2-Step Verification for the Google account, if it is off.",
            "Make an app password at myaccount.google.com/apppasswords and type it as Password.",
            "The Username is the whole address of the account.",
        ),
    ),
    Rule(
        code="app-password",
        stages=_LOGIN,
        says=r"app(lication)?.specific password|app password",
        field="password",
        title="{host} wants an app password",
        why="The ordinary password of the account is not accepted by programs. {reply}",
        steps=("Make an app password in the account's security settings, and type it here.",),
    ),
    Rule(
        code="microsoft-login-off",
        enhanced=("5.7.139",),
        title="Microsoft 365 has SMTP login switched off for this mailbox",
        why="The password may be right: the organisation does not let it be used so. {reply}",
        steps=(
            "Allow Authenticated SMTP for the mailbox: admin center, the user, Mail, email apps.",
            "Check that it is not turned off for the whole organisation, or by security defaults.",
            "Wait a quarter of an hour after the change, then test again.",
        ),
    ),
    Rule(
        code="microsoft-password-login-gone",
        enhanced=("5.7.30",),
        title="Microsoft 365 no longer accepts passwords here",
        why="Logging in with a user name and a password has been retired. {reply}",
        steps=("Send through an SMTP relay or another provider that accepts a password.",),
    ),
    Rule(
        code="login-too-often",
        stages=_LOGIN,
        codes=(421, 432, 454),
        title="{host} takes no login at the moment",
        why="Too many logins in a short time are the usual reason. {reply}",
        steps=(
            "Wait a quarter of an hour before the next test: each one is another login.",
            "Check that no other program logs in with an old password.",
        ),
    ),
    Rule(
        code="tls-required",
        stages=_LOGIN,
        codes=(530, 538),
        field="use_tls",
        title="{host} wants TLS before the login",
        why="It answered: {reply}",
        steps=("Switch on Enable TLS / SSL.",),
    ),
    Rule(
        code="microsoft-password-refused",
        stages=_LOGIN,
        codes=(535,),
        when=_microsoft,
        field="password",
        title="Microsoft did not accept the Username and Password",
        why="They are wrong, or the mailbox may not log in by SMTP. {reply}",
        steps=(
            "The Username is the whole address of the mailbox, not an alias.",
            "Check that Authenticated SMTP is allowed for the mailbox.",
        ),
    ),
    Rule(
        code="password-refused",
        stages=_LOGIN,
        codes=(535,),
        field="password",
        title="{host} did not accept the Username and Password",
        why="It answered: {reply}",
        steps=(
            "Type the Password again.",
            "Check the Username: often it is the whole address, sometimes a word such as apikey.",
            "Some providers have a password for SMTP of its own, apart from that of the account.",
        ),
    ),
    Rule(
        code="login-failed",
        stages=_LOGIN,
        field="username",
        title="The login at {host} failed",
        why="{reply}",
        steps=(
            "Check the Username and the Password.",
            "Check with the provider that the account may send by SMTP.",
        ),
    ),
)
