"""From the cause of a delivery error to what to do about it.

The rules are data, one for each cause; a few causes have a second for where things are otherwise.
Why a server refused is not read here: see ``plato_email.smtp.classify``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Cause
from . import greeting, login, opening, providers, refusals, senders, tls
from .remarks import REMARKS, remark
from .rule import Case, Diagnosis, Fix, Rule

if TYPE_CHECKING:
    from ..errors import DeliveryError, Verdict
    from .rule import SettingsLike

__all__ = ["CHAPTERS", "REMARKS", "RULES", "Diagnosis", "Fix", "Rule", "diagnose", "remark"]

CHAPTERS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("Reaching the server", opening.RULES),
    ("The first words", greeting.RULES),
    ("TLS and certificates", tls.RULES),
    ("Providers", providers.RULES),
    ("Login", login.RULES),
    ("Senders and limits", senders.RULES),
    ("Recipients and content", refusals.RULES),
)
"""The rules by the part of a session they are about."""

RULES: tuple[Rule, ...] = tuple(rule for _, rules in CHAPTERS for rule in rules)


def diagnose(
    error: DeliveryError, settings: SettingsLike, fate: Verdict | None = None
) -> Diagnosis:
    """What went wrong, which field it points at, and what to do.

    Args:
        error: as raised by a session.
        settings: those that were used, or a :class:`~plato_email.smtp.Server`.
        fate: what the queue has done about it, where that is not the error's own verdict.
    """
    case = Case(error, settings, fate)
    cause = error.cause if has_rule(error.cause) else Cause.MESSAGE_REFUSED
    rules = (rule for rule in RULES if rule.cause is cause)
    return next(rule for rule in rules if rule.when is None or rule.when(case)).apply(case)


def has_rule(cause: Cause) -> bool:
    """Whether there is anything to say beyond the words that are stored."""
    return any(rule.cause is cause for rule in RULES)
