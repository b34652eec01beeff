"""From a delivery error to what to do about it.

The rules are data, by stage: the first that fits an error is its diagnosis. Every stage ends in a
rule that fits anything, so there always is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import login, opening, refusals, tls
from .rule import Diagnosis, Facts, Rule

if TYPE_CHECKING:
    from ..errors import DeliveryError
    from .rule import SettingsLike

__all__ = ["RULES", "Diagnosis", "Rule", "diagnose"]

RULES: tuple[Rule, ...] = (
    *opening.RULES,
    *tls.RULES,
    *login.RULES,
    *refusals.RULES,
)


def diagnose(error: DeliveryError, settings: SettingsLike) -> Diagnosis:
    """What went wrong, which field it points at, and what to do.

    Args:
        error: as raised by a session.
        settings: those that were used, or a :class:`~plato_email.smtp.Server`.
    """
    facts = Facts(error, settings)
    return next(found for rule in RULES if (found := rule.apply(facts)) is not None)
