"""Why messages failed, or wait, in the words of the diagnosis: singly, and many of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..diagnosis.stored import diagnose_stored
from ..errors import Verdict
from ..tables import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..diagnosis import Diagnosis
    from ..outbox import Count, Fault, MessageRow, Search
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
    """Return what is known about the last answer to a message; see `diagnose_stored`."""
    if message.state == State.SENT and not message.partial:
        return None
    return diagnose_stored(message, settings, _fate(message))


def _fate(message: MessageRow) -> Verdict | None:
    """What has become of a message; ``None``: what becomes of all that meet the same."""
    if message.state == State.QUEUED and message.fault:
        return Verdict.TEMPORARY
    return Verdict.PERMANENT if message.state in (State.FAILED, State.SENT) else None


def common_cause(site: Site, search: Search, messages: Sequence[MessageRow] = ()) -> str:
    """Return the title of the one cause that a search asks for; "" where it asks for none.

    Args:
        site: whose messages they are.
        search: what is looked for.
        messages: some that were found, where they are known.
    """
    if not any(term.key == "fault" and not term.negated for term in search.terms):
        return ""
    found = messages or site.outbox.page(search, limit=1).messages
    return _title(found[0], site.load_settings().settings) if found else ""


def _cause(fault: Fault, settings: Settings) -> Cause:
    return Cause(fault.mark, fault.count, _title(fault.example, settings), fault.example)


def _title(message: MessageRow, settings: Settings) -> str:
    found = diagnosis_of(message, settings)
    return found.title if found else message.reply or "No reason was recorded"
