"""What the audit log says of a test, by whichever way it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .engine import Kind

if TYPE_CHECKING:
    from .conduct import Asked
    from .engine import TestReport
    from .values import Trial

ACTIONS = {Kind.SEND: "test.sent", Kind.CHECK: "test.checked"}
BROKEN = "broken off"


def entry(asked: Asked, came_of_it: TestReport | Trial) -> tuple[str, dict[str, str]]:
    """Return the action and the detail of a test that has ended, for `AuditLog.note`."""
    outcome, found = came_of_it.outcome or BROKEN, came_of_it.diagnosis
    detail = {
        "recipient": asked.recipient,
        "server": f"{asked.settings.host}:{asked.settings.port}",
        "outcome": outcome,
    }
    if found is not None and outcome == "failed":
        detail["why"] = found.title
    return ACTIONS[asked.kind], detail
