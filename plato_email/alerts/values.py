"""What an alert says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

FAILING, FLOWING = "failing", "flowing"


@dataclass(frozen=True, slots=True)
class Alert:
    """Mail has been failing for too long, or flows again."""

    state: str
    """``failing`` or ``flowing``."""
    id: str
    """The same in every attempt to deliver it, and in no other alert."""
    at: datetime
    """When it was noticed; naive UTC, as all times here."""
    since: datetime
    """Since when mail has been failing, or was."""
    reason: str
    """``outage``: all senders wait for the server; ``refused``: everything is refused;
    ``stuck``: mail that could go does not; ``unreadable-secret``: the login cannot be decrypted."""
    summary: str
    """The same in a sentence."""
    waiting: int
    """Messages that are still to go."""
    failed_24h: int
    sent_24h: int
    stage: str = ""
    code: int | None = None
    reply: str = ""
    cause: str = ""
    server: str = ""
    """Where it ends, the server's words, why, and which server; empty where there are none."""

    def as_json(self, site: str) -> str:
        """Return the webhook's body. ``text`` is what chat services show."""
        said: dict[str, Any] = {
            "event": f"mail.{self.state}",
            "id": self.id,
            "site": site,
            "at": _iso(self.at),
            "since": _iso(self.since),
            "reason": self.reason,
            "text": f"{site}: {self.summary}",
            "waiting": self.waiting,
            "failed_24h": self.failed_24h,
            "sent_24h": self.sent_24h,
            "server": self._server() if self.stage else None,
        }
        return json.dumps(said, ensure_ascii=False)

    def _server(self) -> dict[str, Any]:
        return {
            "name": self.server or None,
            "stage": self.stage,
            "code": self.code,
            "reply": self.reply,
            "cause": self.cause or None,
        }


@dataclass(frozen=True, slots=True)
class LastAlert:
    """The last alert, and what became of its delivery."""

    state: str
    at: datetime
    since: datetime
    reason: str
    attempts: int
    delivered_at: datetime | None
    next_at: datetime | None
    """When delivery is tried again; ``None``: delivered, given up, or nowhere to deliver to."""
    error: str


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds") + "Z"
