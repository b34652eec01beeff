"""What a rule is, and what it is held against."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ..errors import DeliveryError, Stage, said
from ..providers import Provider, by_host
from ..smtp import Security
from ..smtp.reply import printable, scrubber

OPENING = (Stage.GREETING, Stage.EHLO)
LOGIN = (Stage.LOGIN,)
MAIL = (Stage.SENDER, Stage.RECIPIENT, Stage.DATA, Stage.ACCEPTED)


class SettingsLike(Protocol):
    """What a diagnosis needs to know of the settings: a ``Server`` will do."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> str: ...

    @property
    def security(self) -> Security: ...


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of the settings that a rule alone is sure of, for a button that makes it."""

    label: str
    """What the button does: ``"Use port 465 with TLS"``."""
    values: Mapping[str, str]
    """Form field -> what to fill in; a switch is ``"on"`` or ``""``."""


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
    fix: Fix | None = None
    """The change that cures it, where there is one that needs no guessing."""

    def as_json(self) -> dict[str, Any]:
        """Return what scripts are told: everything but the offered change."""
        words = {"code": self.code, "field": self.field, "title": self.title, "why": self.why}
        return {**words, "steps": list(self.steps)}

    @property
    def anchor(self) -> str:
        """The heading for it in ``docs/troubleshooting.md``."""
        return self.code


class Facts:
    """An error together with the settings it was met with."""

    def __init__(self, error: DeliveryError, settings: SettingsLike) -> None:
        self.error = error
        self.host = settings.host
        self.port = settings.port
        self.username = settings.username
        self.security = settings.security
        self.sender = str(getattr(settings, "default_sender", ""))
        """Empty where a ``Server`` is all that is known."""
        self.login_is_ascii = (settings.username + settings.password).isascii()
        self._scrub = scrubber(settings.username, settings.password)

    @cached_property
    def provider(self) -> Provider | None:
        """Whose server it is, where that is known."""
        return by_host(self.host.lower().rstrip("."))

    def served_by(self, *keys: str) -> bool:
        """Whether it is a server of one of these providers."""
        return self.provider is not None and self.provider.key in keys

    @cached_property
    def reply(self) -> str:
        """What was said, fit to be shown: on one line, and without credentials."""
        return printable(self._scrub(self.error.reply))

    @cached_property
    def dialogue(self) -> str:
        """What was said so far, a line each."""
        return "\n".join(self.error.transcript)

    @cached_property
    def words(self) -> dict[str, str]:
        """What a rule's sentences may quote."""
        host, provider = printable(self.host), self.provider
        return {
            "host": host,
            "port": str(self.port),
            "provider": provider.name if provider else host,
            "user_name": provider.username if provider else "",
            "credential": provider.credential if provider else "",
            "link": (provider.credential_link if provider else "") or "the provider's page",
        }

    @property
    def said(self) -> str:
        """The server's words, or the system's where the server said nothing."""
        if self.error.code is None:
            return self.reply
        return f"The server said: {said(self.error.code, self.reply)}"


@dataclass(frozen=True)
class Sign:
    """One way in which a cause shows itself. An empty condition holds for everything."""

    stages: tuple[Stage, ...] = ()
    codes: tuple[int | None, ...] = ()
    """Reply codes; ``None`` stands for no reply at all."""
    enhanced: tuple[str, ...] = ()
    says: str = ""
    """A pattern to be found in the reply, whatever its case."""
    heard: str = ""
    """A pattern to be found in the dialogue so far, whatever its case."""
    when: Callable[[Facts], bool] | None = None

    def holds(self, facts: Facts) -> bool:
        """Whether all conditions hold."""
        error = facts.error
        return (
            _among(self.stages, error.stage)
            and _among(self.codes, error.code)
            and _among(self.enhanced, error.enhanced)
            and _found(self.says, facts.reply)
            and _found(self.heard, facts.dialogue)
            and (self.when is None or self.when(facts))
        )


@dataclass(frozen=True)
class Rule:
    """One cause: how it is recognised, and what is said about it.

    The sentences may quote what `Facts.words` has. The server's words follow ``why`` by
    themselves.
    """

    code: str
    signs: tuple[Sign, ...]
    """One of them is enough."""
    title: str
    why: str
    steps: tuple[str, ...]
    field: str = ""
    fix: Callable[[Facts], Fix | None] | None = None
    quotes: bool = True
    """Whether what was said is shown; not where it repeats what somebody typed."""

    def apply(self, facts: Facts) -> Diagnosis | None:
        """The diagnosis, where this is the cause."""
        if not any(sign.holds(facts) for sign in self.signs):
            return None
        words = facts.words
        why = self.why.format_map(words)
        return Diagnosis(
            code=self.code,
            field=self.field,
            title=self.title.format_map(words),
            why=f"{why} {facts.said}".rstrip() if self.quotes else why,
            steps=tuple(step.format_map(words) for step in self.steps),
            fix=None if self.fix is None else self.fix(facts),
        )


def _among(allowed: tuple[object, ...], actual: object) -> bool:
    return not allowed or actual in allowed


def _found(pattern: str, text: str) -> bool:
    return not pattern or re.search(pattern, text, re.IGNORECASE | re.MULTILINE) is not None
