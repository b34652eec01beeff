"""From a delivery error to what to do about it.

The rules are data: the first that fits an error is its diagnosis. What one provider's servers say
comes before what any server says, and the last rule fits anything, so there always is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import greeting, login, opening, providers, refusals, senders, tls
from .remarks import REMARKS, remark
from .rule import Diagnosis, Facts, Fix, Rule, Sign

if TYPE_CHECKING:
    from ..errors import DeliveryError
    from .rule import SettingsLike

__all__ = ["CHAPTERS", "REMARKS", "RULES", "Diagnosis", "Fix", "Rule", "Sign", "diagnose", "remark"]

CHAPTERS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("Reaching the server", opening.RULES),
    ("The first words", greeting.RULES),
    ("TLS and certificates", tls.RULES),
    ("Providers", providers.RULES),
    ("Login", login.RULES),
    ("Senders and limits", senders.RULES),
    ("Recipients and content", refusals.RULES),
)
"""The rules in the order in which they are tried, by the part of a session they are about."""

RULES: tuple[Rule, ...] = tuple(rule for _, rules in CHAPTERS for rule in rules)


def diagnose(error: DeliveryError, settings: SettingsLike) -> Diagnosis:
    """What went wrong, which field it points at, and what to do.

    Args:
        error: as raised by a session.
        settings: those that were used, or a :class:`~plato_email.smtp.Server`.
    """
    facts = Facts(error, settings)
    return next(found for rule in RULES if (found := rule.apply(facts)) is not None)
