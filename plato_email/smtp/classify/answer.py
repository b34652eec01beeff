"""A server's answer as it is read, and a sign: what a cause shows itself by."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ...errors import Cause, Facts, Stage
from ...providers import Provider

_HEAD, _TAIL = 2500, 500
"""Characters of a long reply that are read, at its beginning and at its end."""
_LINK = re.compile(r"https?://[^\s>]{0,400}|<a\s[^>]{0,400}>|</a>", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>\"'(),;:=]{0,64}@[^\s<>\"'(),;]{0,255}")
_HOST = re.compile(r"\b(?:[\w-]{1,63}\.){2,8}[a-z]{2,24}\b", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DULL = str.maketrans({"_": " ", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


class Answer:
    """A reply together with what is known of the session that brought it."""

    def __init__(
        self,
        stage: Stage,
        code: int,
        enhanced: str,
        words: str,
        provider: Provider | None,
        facts: Facts,
    ) -> None:
        self.stage = stage
        self.code = code
        self.enhanced = enhanced
        self.provider = provider
        self.facts = facts
        self.full = words if len(words) <= _HEAD + _TAIL else words[:_HEAD] + " " + words[-_TAIL:]

    @cached_property
    def words(self) -> str:
        """The words without links, addresses and host names, ``CamelCase`` taken apart."""
        words = self.full
        for noise in (_LINK, _ADDRESS, _HOST):
            words = noise.sub(" # ", words)
        return _CAMEL.sub(" ", words.translate(_DULL))

    @property
    def passing(self) -> bool:
        """4yz: it may be another answer later."""
        return self.code // 100 == 4

    def says(self, pattern: re.Pattern[str]) -> bool:
        """Whether the words match."""
        return pattern.search(self.words) is not None

    def of(self, *keys: str) -> bool:
        """Whether it is a server of one of these providers."""
        return self.provider is not None and self.provider.key in keys

    @property
    def from_google(self) -> bool:
        """Google's servers sign what they say, under whatever name they were reached."""
        return self.of("google") or "gsmtp" in self.full

    @property
    def from_microsoft(self) -> bool:
        """Exchange Online, or Outlook.com."""
        return self.of("microsoft365", "outlook")


@dataclass(frozen=True, slots=True)
class Sign:
    """One way in which a cause shows itself. An empty condition holds for everything."""

    cause: Cause
    words: re.Pattern[str] | None = None
    codes: frozenset[int] = frozenset()
    enhanced: frozenset[str] = frozenset()
    stages: frozenset[Stage] = frozenset()
    unless: re.Pattern[str] | None = None
    when: Callable[[Answer], bool] | None = None

    def holds(self, answer: Answer) -> bool:
        """Whether all conditions hold."""
        return (
            (not self.stages or answer.stage in self.stages)
            and (not self.codes or answer.code in self.codes)
            and (not self.enhanced or answer.enhanced in self.enhanced)
            and (self.when is None or self.when(answer))
            and (self.words is None or answer.says(self.words))
            and (self.unless is None or not answer.says(self.unless))
        )


def words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def sign(
    cause: Cause,
    *says: str,
    codes: tuple[int, ...] = (),
    enhanced: tuple[str, ...] = (),
    stages: frozenset[Stage] | tuple[Stage, ...] = (),
    unless: str = "",
    when: Callable[[Answer], bool] | None = None,
) -> Sign:
    return Sign(
        cause,
        words(*says) if says else None,
        frozenset(codes),
        frozenset(enhanced),
        frozenset(stages),
        words(unless) if unless else None,
        when,
    )
