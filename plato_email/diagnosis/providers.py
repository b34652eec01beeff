"""Causes that are a provider's own: what its servers say, and what it calls a user name.

What a provider wants for a login stands in ``plato_email.providers``. The words of its servers are
patterns here; behind each stands where they are documented or were reported."""

from __future__ import annotations

from ..errors import Cause
from . import fixes
from .rule import Rule

RULES: tuple[Rule, ...] = (
    Rule(
        cause=Cause.USER_NAME_FIXED,
        field="username",
        fix=fixes.use_the_providers_name,
        title="At {provider} the Username is the same for everybody",
        why="It is {user_name}. The Password is {credential}.",
        steps=("Type that word as Username.", "Get the password at {link}."),
    ),
    Rule(
        cause=Cause.USER_NAME_INCOMPLETE,
        field="username",
        fix=fixes.log_in_with_the_whole_address,
        title="At {provider} the Username is the whole address",
        why="Only the part before the @ seems to be typed.",
        steps=("Type the Username with its domain, such as ann@example.com.",),
    ),
    Rule(
        cause=Cause.GOOGLE_SIGN_IN_BLOCKED,
        field="username",
        title="Google wants the account's owner to sign in first",
        why="It has stopped a login that looks unusual to it. The password may be right.",
        steps=(
            "Sign in to the account in a browser and confirm that it was you.",
            "Use an app password: myaccount.google.com/apppasswords.",
        ),
    ),
    Rule(
        cause=Cause.GOOGLE_APP_PASSWORD,
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
        cause=Cause.GOOGLE_PASSWORD_REFUSED,
        field="password",
        title="Google did not accept the Username and this app password",
        why="It has the form of an app password, but Google does not know it for this account.",
        steps=(
            "Check that the Username is the whole address of the account that made it.",
            "Make a new app password at myaccount.google.com/apppasswords and type it.",
            "Changing the account's password revokes all of its app passwords.",
        ),
    ),
    Rule(
        cause=Cause.MICROSOFT_SECURITY_DEFAULTS,
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
        cause=Cause.MICROSOFT_PASSWORDS_GONE,
        field="host",
        title="Microsoft takes no passwords here any more",
        why="Logging in with a user name and a password has been retired for this account.",
        steps=(
            "Send through an SMTP relay or another provider that accepts a password.",
            "Microsoft names High Volume Email and Azure Communication Services in its place.",
        ),
    ),
    Rule(
        cause=Cause.MICROSOFT_LOGIN_OFF,
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
        cause=Cause.MICROSOFT_PASSWORD_REFUSED,
        field="password",
        title="Microsoft did not accept the Username and Password",
        why="They are wrong, or the mailbox may not log in by SMTP.",
        steps=(
            "Type both again. The Username is the whole address of the mailbox, not an alias.",
            "With two-step verification, an app password is needed.",
            "Check that Authenticated SMTP is allowed for the mailbox.",
        ),
    ),
    Rule(
        cause=Cause.APP_PASSWORD,
        field="password",
        title="{provider} wants an app password",
        why="Programs cannot log in with the ordinary password of the account. Some providers "
        "call it an authorization code.",
        steps=(
            "Make an app password, or authorization code, at {link}, and type it here.",
            "If SMTP has to be switched on in the mailbox's settings, switch it on there.",
        ),
    ),
    Rule(
        cause=Cause.PROVIDER_CREDENTIALS,
        when=lambda case: bool(case.words["regions"]),
        field="password",
        title="{provider} did not accept the Username and Password",
        why="There the Username is {user_name}, and the Password is {credential}.",
        steps=(
            "Look both up at {link}, and type them again.",
            "If the account or its domain is in another region, the Server Address is {regions}.",
        ),
    ),
    Rule(
        cause=Cause.PROVIDER_CREDENTIALS,
        field="password",
        title="{provider} did not accept the Username and Password",
        why="There the Username is {user_name}, and the Password is {credential}.",
        steps=("Look both up at {link}.", "Type both again."),
    ),
    Rule(
        cause=Cause.ACCOUNT_NOT_ACTIVE,
        field="username",
        title="The provider does not let this account send",
        why="It is new, under review, paused, blocked or suspended. The mail itself is not at "
        "fault.",
        steps=(
            "Sign in on the provider's page and see what it asks for, or write to its support.",
            "Follow the link in the answer, if there is one.",
        ),
    ),
    Rule(
        cause=Cause.ACCOUNT_RIGHT_MISSING,
        field="username",
        title="This login lacks the right to send",
        why="The Username and the Password are right, but their permissions do not cover this "
        "mail.",
        steps=(
            "Give the SMTP user the right that the answer names; at Amazon it is the IAM policy "
            "with ses:SendRawEmail for this identity.",
            "Or set Default Sender to an address that the policy covers.",
        ),
    ),
    Rule(
        cause=Cause.TEST_ACCOUNT,
        title="The provider's account is for tests only",
        why="Until it is opened it sends to a few named recipients, or from a few domains.",
        steps=(
            "Add a domain of your own to the account, and have it verified.",
            "For a test, name this recipient in the account as one that may get mail.",
        ),
    ),
)
