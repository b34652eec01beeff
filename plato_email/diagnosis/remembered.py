"""The diagnosis of a failure that is stored: of a message, or of the gate that all senders obey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..errors import DeliveryError, Stage, Verdict
from ..smtp.reply import Reply
from ..smtp.verdict import judge
from . import diagnose

if TYPE_CHECKING:
    from .rule import Diagnosis, SettingsLike


class Remembered(Protocol):
    """What is kept of a failure."""

    @property
    def stage(self) -> str: ...

    @property
    def code(self) -> int | None: ...

    @property
    def enhanced(self) -> str: ...

    @property
    def reply(self) -> str: ...


def diagnose_remembered(failure: Remembered, settings: SettingsLike) -> Diagnosis | None:
    """What went wrong then; ``None`` where the stored words are the sender's own and say it all.

    By the settings of today: the title of an old failure names the server that is set now.
    """
    if failure.stage not in set(Stage) or not failure.reply:
        return None
    stage = Stage(failure.stage)
    if failure.code is None and stage is Stage.SENDER:
        return None
    error = DeliveryError(
        stage, _verdict(stage, failure), failure.reply, code=failure.code, enhanced=failure.enhanced
    )
    return diagnose(error, settings)


def _verdict(stage: Stage, failure: Remembered) -> Verdict:
    if failure.code is not None:
        return judge(stage, Reply(failure.code, (failure.reply,)))
    return Verdict.UNKNOWN if stage in (Stage.DATA, Stage.ACCEPTED) else Verdict.SERVER
