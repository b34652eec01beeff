"""The user name in what a server said.

It is the clue in many an answer, and no secret to whoever may edit the settings. Stored words have
a mark in its place. The name of today is put there only where it is known to be the one of then.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from ..smtp.reply import USER_NAME, with_user_name
from .security import ask
from .sites import current_site

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..outbox.values import Attempt, RecipientOutcome
    from ..settings import StoredSettings
    from ..trial import Trial


def of_tries(tries: Iterable[Attempt], stored: StoredSettings) -> list[str]:
    """The user name that each try of a message logged in with; "" where that is not known."""
    since, settings = stored.login_since, stored.settings
    if since is None or ask(current_site(), "edit_settings") is not True:
        return [""] * len(list(tries))
    return [
        settings.username if each.server == settings.address and each.at >= since else ""
        for each in tries
    ]


def of_recipients(
    outcomes: Iterable[RecipientOutcome], tries: Sequence[Attempt], names: Sequence[str]
) -> dict[str, str]:
    """The same for each recipient, by the try that was under way when the server answered."""
    starts = [each.at for each in tries]
    last = ((each.address, bisect_right(starts, each.at)) for each in outcomes)
    return {address: names[count - 1] if count else "" for address, count in last}


def of_trial(trial: Trial) -> str:
    """The user name that a test logged in with; "" for who may not see it."""
    site = current_site()
    return site.trials.username(trial) if ask(site, "edit_settings") is True else ""


def named(trial: Trial, username: str) -> Trial:
    """A test whose offers have the user name in them.

    Those that need it are left out where it is not known.
    """
    offers = [
        replace(
            offer,
            button=with_user_name(offer.button, username),
            values={k: with_user_name(text, username) for k, text in offer.values.items()},
        )
        for offer in trial.offers
    ]
    known = (each for each in offers if USER_NAME not in "".join(each.values.values()))
    return replace(trial, offers=tuple(known))
