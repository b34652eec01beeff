"""The diagnosis of a stored failure: of a message, or of the outage that all senders wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..errors import Cause, DeliveryError, Facts, Stage, Verdict
from ..providers import by_host
from ..smtp.classify import LOST, classify
from . import diagnose, has_rule

if TYPE_CHECKING:
    from .rule import Diagnosis, SettingsLike


class StoredFailure(Protocol):
    """What is kept of a failure."""

    @property
    def stage(self) -> str: ...

    @property
    def cause(self) -> str: ...

    @property
    def server(self) -> str: ...

    @property
    def code(self) -> int | None: ...

    @property
    def enhanced(self) -> str: ...

    @property
    def reply(self) -> str: ...


def diagnose_stored(
    failure: StoredFailure, settings: SettingsLike, fate: Verdict | None = None
) -> Diagnosis | None:
    """What went wrong then; ``None`` where the stored words say it all.

    It names the server that refused. A failure that was stored before servers were kept names
    the one that is set now.
    """
    if failure.stage not in set(Stage) or not failure.reply:
        return None
    stage = Stage(failure.stage)
    facts = _facts(failure, settings)
    cause = _cause(stage, failure, facts)
    if cause is None or not has_rule(cause):
        return None
    error = DeliveryError(
        stage, cause, failure.reply, code=failure.code, enhanced=failure.enhanced, facts=facts
    )
    return diagnose(error, settings, fate)


def _facts(failure: StoredFailure, settings: SettingsLike) -> Facts:
    host, _, port = failure.server.rpartition(":")
    if not host:
        return Facts(host=settings.host, port=settings.port, username=settings.username)
    host = host.strip("[]")
    username = settings.username if host == settings.host else "?"
    return Facts(host=host, port=int(port) if port.isdecimal() else 0, username=username)


def _cause(stage: Stage, failure: StoredFailure, facts: Facts) -> Cause | None:
    """The stored cause; of a failure that was stored without one, what its reply means."""
    if cause := Cause.read(failure.cause):
        return cause
    if failure.code is None:
        return None if stage is Stage.SENDER else LOST.get(stage, Cause.CONNECTION_LOST)
    provider = by_host(facts.host)
    return classify(stage, failure.code, failure.enhanced, failure.reply, provider, facts)
