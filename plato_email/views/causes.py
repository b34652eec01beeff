"""Why messages failed, or wait, in the words of the diagnosis: singly, and many of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..diagnosis.remembered import diagnose_remembered

if TYPE_CHECKING:
    from ..diagnosis import Diagnosis
    from ..outbox import Count, Fault, MessageRow
    from ..settings import Settings
    from ..site import Site


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: how many, what it is, and one message that met it."""

    mark: str
    count: Count
    title: str
    example: MessageRow


def causes_of(site: Site, status: str) -> list[Cause]:
    """Return the commonest causes of messages that are ``failed`` or ``deferred``."""
    faults = site.outbox.faults() if status == "failed" else site.outbox.deferrals()
    settings = site.load_settings().settings if faults else None
    return [_cause(fault, settings) for fault in faults if settings is not None]


def diagnosis_of(message: MessageRow, settings: Settings) -> Diagnosis | None:
    """Return what is known about the last answer to a message; see `diagnose_remembered`."""
    if message.state == "sent" and not message.partial:
        return None
    return diagnose_remembered(message, settings)


def _cause(fault: Fault, settings: Settings) -> Cause:
    found = diagnosis_of(fault.example, settings)
    title = found.title if found else fault.example.reply or "No reason was recorded"
    return Cause(fault.mark, fault.count, title, fault.example)
