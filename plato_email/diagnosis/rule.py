"""What a rule is, and what it is held against."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from ..errors import DeliveryError, Stage
from ..smtp import Security


class SettingsLike(Protocol):
    """What a diagnosis needs to know of the settings: a ``Server`` will do."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def username(self) -> str: ...

    @property
    def security(self) -> Security: ...


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What went wrong, in words for the one who can change it."""

    code: str
    """A stable name, such as ``"password-refused"``."""
    field: str
    """The settings field to look at first, or ``""`` where none is to blame."""
    title: str
    """The fact, on one line."""
    why: str
    """What it means, and what the server said."""
    steps: tuple[str, ...]
    """What to do, the likeliest first."""


class Facts:
    """An error together with the settings it was met with."""

    def __init__(self, error: DeliveryError, settings: SettingsLike) -> None:
        self.error = error
        self.host = settings.host
        self.port = settings.port
        self.username = settings.username
        self.security = settings.security

    def served_by(self, *domains: str) -> bool:
        """Whether the server belongs to one of ``domains``."""
        name = self.host.lower().rstrip(".")
        return any(name == domain or name.endswith("." + domain) for domain in domains)

    @cached_property
    def words(self) -> dict[str, str]:
        """What a rule's sentences may quote."""
        code, reply = self.error.code, self.error.reply
        return {
            "host": self.host,
            "port": str(self.port),
            "reply": f"{code} {reply}" if code is not None else reply,
        }


@dataclass(frozen=True)
class Rule:
    """One cause: how it is recognised, and what is said about it.

    An empty condition holds for everything. The sentences may quote ``{host}``, ``{port}``,
    ``{reply}`` and the named groups of ``says``.
    """

    code: str
    title: str
    why: str
    steps: tuple[str, ...]
    stages: tuple[Stage, ...] = ()
    codes: tuple[int | None, ...] = ()
    enhanced: tuple[str, ...] = ()
    says: str = ""
    """A pattern to be found in the reply, whatever its case."""
    when: Callable[[Facts], bool] | None = None
    field: str = ""

    def apply(self, facts: Facts) -> Diagnosis | None:
        """The diagnosis, where this is the cause."""
        error = facts.error
        found = re.search(self.says, error.reply, re.IGNORECASE)
        if (
            found is None
            or not _holds(self.stages, error.stage)
            or not _holds(self.codes, error.code)
            or not _holds(self.enhanced, error.enhanced)
            or (self.when is not None and not self.when(facts))
        ):
            return None
        words = facts.words | {name: said or "" for name, said in found.groupdict().items()}
        return Diagnosis(
            code=self.code,
            field=self.field,
            title=self.title.format_map(words),
            why=self.why.format_map(words),
            steps=tuple(step.format_map(words) for step in self.steps),
        )


def _holds(allowed: tuple[object, ...], actual: object) -> bool:
    return not allowed or actual in allowed
