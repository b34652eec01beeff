"""Causes that are a provider's own: what its servers say, and what it calls a user name.

What a provider wants for a login stands in ``plato_email.providers``. The words of its servers are
patterns here; behind each stands where they are documented or were reported.
"""

from __future__ import annotations

from ..providers.model import WHOLE_ADDRESS
from . import fixes
from .rule import LOGIN, MAIL, Facts, Rule, Sign

_REFUSED = (501, 504, 530, 534, 535, 550, 554)


def _google(facts: Facts) -> bool:
    # Google's servers sign what they say, under whatever name they were reached.
    return facts.served_by("google") or "gsmtp" in facts.reply


def _microsoft(facts: Facts) -> bool:
    return facts.served_by("microsoft365", "outlook")


def _known(facts: Facts) -> bool:
    return facts.provider is not None


def _another_word(facts: Facts) -> bool:
    provider = facts.provider
    word = "" if provider is None else provider.username_value
    return word not in ("", facts.username)


def _half_an_address(facts: Facts) -> bool:
    provider = facts.provider
    whole = provider is not None and provider.username == WHOLE_ADDRESS
    return whole and "@" not in facts.username


def _wants_app_password(facts: Facts) -> bool:
    provider = facts.provider
    return provider is not None and provider.credential.startswith("an app")


RULES: tuple[Rule, ...] = (
    Rule(
        code="user-name-fixed",
        signs=(Sign(LOGIN, _REFUSED, when=_another_word),),
        field="username",
        fix=fixes.use_the_providers_name,
        title="At {provider} the Username is the same for everybody",
        why="It is {user_name}. The Password is {credential}.",
        steps=("Type that word as Username.", "Get the password at {link}."),
    ),
    Rule(
        code="user-name-incomplete",
        signs=(
            Sign(LOGIN, (501, 535), when=_half_an_address),
            Sign(LOGIN, (501,), says=r"not (a )?valid e-?mail address"),
        ),
        field="username",
        fix=fixes.log_in_with_the_whole_address,
        title="At {provider} the Username is the whole address",
        why="Only the part before the @ seems to be typed.",
        steps=("Type the Username with its domain, such as ann@example.com.",),
    ),
    Rule(
        # 534-5.7.14 "Please log in via your web browser": support.google.com/mail/answer/78754.
        code="google-sign-in-blocked",
        signs=(
            Sign(LOGIN, (534,), ("5.7.14",), when=_google),
            Sign(LOGIN, says=r"web browser and"),
        ),
        field="username",
        title="Google wants the account's owner to sign in first",
        why="It has stopped a login that looks unusual to it. The password may be right.",
        steps=(
            "Sign in to the account in a browser and confirm that it was you.",
            "Use an app password: myaccount.google.com/apppasswords.",
        ),
    ),
    Rule(
        # 534 5.7.9, 535 5.7.8: knowledge.workspace.google.com, "Gmail SMTP errors and codes".
        code="google-app-password",
        signs=(Sign(LOGIN, (534, 535), when=_google),),
        field="password",
        title="Google wants an app password",
        why="Programs cannot log in with the ordinary password of a Google account.",
        steps=(
            "Turn on 2-Step Verification for the Google account, if it is off.",
            "Make an app password at myaccount.google.com/apppasswords and type it as Password.",
            "The Username is the whole address of the account.",
        ),
    ),
    Rule(
        # learn.microsoft.com, "Enable or disable authenticated client SMTP submission";
        # 5.7.139 "user is locked by your organization's security defaults policy".
        code="microsoft-security-defaults",
        signs=(Sign(enhanced=("5.7.139",), says=r"security defaults|conditional access"),),
        field="username",
        title="A security policy of Microsoft 365 forbids this login",
        why="The organisation's security defaults, or a policy of its own, stop logins by "
        "password.",
        steps=(
            "Have an administrator exempt this mailbox by a policy in Microsoft Entra.",
            "Or send through an SMTP relay or another provider that accepts a password.",
        ),
    ),
    Rule(
        # 550 5.7.30: message centre MC786329. Off by default from the end of December 2026, gone
        # for good at a date that is to be named in the second half of 2027.
        code="microsoft-passwords-gone",
        signs=(
            Sign(enhanced=("5.7.30",)),
            Sign(LOGIN, says=r"basic authentication is (disabled|not supported)"),
        ),
        field="host",
        title="Microsoft takes no passwords here any more",
        why="Logging in with a user name and a password has been retired for this account.",
        steps=(
            "Send through an SMTP relay or another provider that accepts a password.",
            "Microsoft names High Volume Email and Azure Communication Services in its place.",
        ),
    ),
    Rule(
        # 535 5.7.139 "SmtpClientAuthentication is disabled for the Tenant" or "the Mailbox":
        # aka.ms/smtp_auth_disabled.
        code="microsoft-login-off",
        signs=(Sign(enhanced=("5.7.139",)),),
        field="username",
        title="Microsoft 365 has SMTP login switched off for this mailbox",
        why="The password may be right: the organisation does not let it be used so.",
        steps=(
            "Allow Authenticated SMTP for the mailbox: admin center, the user, Mail, email apps.",
            "Check that it is not turned off for the whole organisation, or by security defaults.",
            "Wait a quarter of an hour after the change, then test again.",
        ),
    ),
    Rule(
        # 535 5.7.3 stands for a wrong password and for a mailbox that may not: [MS-SMTPNTLM].
        code="microsoft-password-refused",
        signs=(Sign(LOGIN, (535,), when=_microsoft),),
        field="password",
        title="Microsoft did not accept the Username and Password",
        why="They are wrong, or the mailbox may not log in by SMTP.",
        steps=(
            "The Username is the whole address of the mailbox, not an alias.",
            "Check that Authenticated SMTP is allowed for the mailbox.",
            "With two-step verification, an app password is needed.",
        ),
    ),
    Rule(
        code="app-password",
        signs=(
            Sign(LOGIN, says=r"app(lication)?[ -]?specific password|\bapp(lication)? password"),
            Sign(LOGIN, (534, 535), when=_wants_app_password),
        ),
        field="password",
        title="{provider} wants an app password",
        why="Programs cannot log in with the ordinary password of the account.",
        steps=("Make an app password at {link}, and type it here.",),
    ),
    Rule(
        code="provider-credentials",
        signs=(Sign(LOGIN, (535,), when=_known),),
        field="password",
        title="{provider} did not accept the Username and Password",
        why="There the Username is {user_name}, and the Password is {credential}.",
        steps=("Look both up at {link}.", "Type both again."),
    ),
    Rule(
        # 502 5.7.0 "Your SMTP account is not yet activated" (Brevo); 552 "Your account has been
        # suspended" (SMTP2GO); gophish/gophish#720, turnkeylinux/tracker#1254.
        code="account-not-active",
        signs=(
            Sign(
                (*LOGIN, *MAIL),
                says=r"\baccount\b.{0,30}\b(not (yet )?(been )?(active|activated|approved)"
                r"|suspended|under review|deactivated|pending|closed|banned)"
                r"|bad outbound sender|invalid license",
            ),
        ),
        field="username",
        title="The provider has not opened this account for sending",
        why="It is new, under review or suspended.",
        steps=("Sign in on the provider's page and see what it still wants, or write to them.",),
    ),
    Rule(
        # 454 "Sandbox subdomains are for test purposes only" and, as 421, "Domain ... is not
        # allowed to send" (Mailgun): mailgun/wordpress-plugin#68, swapmyvote/swapmyvote#891.
        code="test-account",
        signs=(
            Sign(
                (*LOGIN, *MAIL),
                says=r"sandbox|test purposes only|authori[sz]ed recipients|trial account"
                r"|can only send (test|to)|domain .{0,80} is not allowed to send",
            ),
        ),
        title="The provider's account is for tests only",
        why="Until it is opened it sends to a few named recipients, or from a few domains.",
        steps=(
            "Add a domain of your own to the account, and have it verified.",
            "For a test, name this recipient in the account as one that may get mail.",
        ),
    ),
)
