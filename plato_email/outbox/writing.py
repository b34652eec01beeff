"""What one result writes: the message's row, a row for the try, rows for recipients.

The one place that says so, for every database and every way to get it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..tables import State
from .fault import PARTIAL, fault_of
from .values import REPLY_LENGTH, Result

if TYPE_CHECKING:
    from ..errors import RecipientRefusal

Row = dict[str, Any]

SAID = ("stage", "code", "enhanced", "reply", "cause", "server")
TRY = ("started_at", "milliseconds", "process")
"""Columns of the message's row that hold the try which ended well; no other row is written."""
CONCLUDED = ("state", "finished_at", *SAID, "fault", *TRY)
"""Columns that a result sets to what it says, whatever stood there."""
CONCLUSION = ("id", *CONCLUDED, "available_at", "charge", "unknown")
ATTEMPT = ("message_id", "at", "milliseconds", "process", "outcome", *SAID)


def is_plain(result: Result) -> bool:
    """Whether the message's own row tells all there is to tell of the try."""
    return result.state is State.SENT and result.outcome == "sent"


def is_partial(result: Result) -> bool:
    """Whether some recipients have the message and others will not get it."""
    return result.state is State.SENT and result.outcome not in ("sent", "redirected")


def is_noted(result: Result) -> bool:
    """Whether the try gets a row of its own."""
    return not (is_plain(result) or result.repeats)


def conclusion(result: Result, now: datetime, process: str) -> Row:
    """Return what a result does to the message's row."""
    again = result.state is State.QUEUED
    words = _trouble(result)
    told = (result.started_at, result.milliseconds, process) if is_plain(result) else (None,) * 3
    return {
        "id": result.message.id,
        "state": result.state.value,
        "finished_at": None if again else now,
        "available_at": now + timedelta(seconds=result.retry_in) if again else None,
        "charge": int(result.charged) - int(result.begun),
        "unknown": int(result.unknown),
        "fault": _mark(result, words),
        **dict(zip(TRY, told, strict=True)),
        **words,
    }


def _trouble(result: Result) -> Row:
    """What is wrong with the message: of one that some recipients have, what another was told."""
    if result.accepted and result.refused:
        later = [each for each in result.refused.values() if each.verdict.value != "permanent"]
        one = (later or [*result.refused.values()])[0]
        words = (one.code, one.enhanced, one.reply)
        return said("recipient", *words, cause=one.cause.value, server=result.server)
    return _said(result)


def _said(result: Result) -> Row:
    words = (result.stage, result.code, result.enhanced, result.reply)
    return said(*words, cause=result.cause, server=result.server)


def _mark(result: Result, words: Row) -> str | None:
    """What the message is found by among others that met the same."""
    if is_partial(result):
        return PARTIAL
    if result.state is State.QUEUED and result.outcome != "released":
        return _fault_of(words, waits=True)
    return _fault_of(words) if result.state is State.FAILED else None


def _fault_of(words: Row, *, waits: bool = False) -> str:
    said = (words["stage"], words["code"], words["enhanced"], words["reply"])
    return fault_of(*said, waits=waits)


def attempt(result: Result, process: str) -> Row:
    """Return the row of a try that the message's own row cannot tell of."""
    return {
        "message_id": result.message.id,
        "at": result.started_at,
        "milliseconds": result.milliseconds,
        "process": process,
        "outcome": result.outcome,
        **_said(result),
    }


def recipients(result: Result, now: datetime) -> list[Row]:
    """Return a row for each recipient, where the server treated them differently."""
    if not (result.refused or result.message.answered):
        return []
    common = {"message_id": result.message.id, "at": now}
    return [row | common for row in (*_accepted(result), *_refused(result.refused))]


def as_lists(rows: Sequence[Row], names: Sequence[str], prefix: str = "") -> dict[str, list[Any]]:
    """Turn rows into a list for each name."""
    return {prefix + name: [row[name] for row in rows] for name in names}


def said(
    stage: str, code: int | None, enhanced: str, reply: str, *, cause: str, server: str
) -> Row:
    """Return where it ended, why, and the server's words, as columns keep them."""
    return {
        "stage": stage,
        "code": code,
        "enhanced": enhanced[:12],
        "reply": reply[:REPLY_LENGTH],
        "cause": cause or None,
        "server": server[:262] or None,
    }


def _accepted(result: Result) -> Iterator[Row]:
    for address in result.accepted:
        yield {
            "address": address,
            "outcome": "accepted",
            "code": result.code,
            "enhanced": result.enhanced[:12],
            "reply": result.reply[:REPLY_LENGTH],
            "cause": None,
        }


def _refused(refused: Mapping[str, RecipientRefusal]) -> Iterator[Row]:
    for address, refusal in refused.items():
        yield {
            "address": address,
            "outcome": "refused" if refusal.verdict.value == "permanent" else "deferred",
            "code": refusal.code,
            "enhanced": refusal.enhanced[:12],
            "reply": refusal.reply[:REPLY_LENGTH],
            "cause": refusal.cause.value,
        }
