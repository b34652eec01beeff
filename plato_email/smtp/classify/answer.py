"""A server's answer as it is read: its words without noise, who speaks, and whose affair it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ...errors import Cause, Facts, Stage
from ...providers import Provider
from ..reply import USER_NAME
from .languages import in_english

_HEAD, _TAIL = 1500, 500
"""Characters of a long reply that are read, at its beginning and at its end."""
OURSELVES = "ourselves"
"""Stands for the user name and the sender's address, where a server names them."""
# What must not decide: links, addresses, names of hosts, ids, what is expressly no trouble.
_LINK = re.compile(r"https?://[^\s>]{0,400}|<a\s[^>]{0,400}>|</a>", re.IGNORECASE)
_ADDRESS = re.compile(
    r"\"[^\"\s]{0,64}\"@[^\s<>\"'(),;]{0,255}|[^\s<>\"'(),;:=\[]{0,64}@[^\s<>\"'(),;\]]{0,255}"
)
_HOST = re.compile(r"(?<![\w.-])(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}(?=[\s\],;:)>]|$)", re.IGNORECASE)
_ID = re.compile(r"\b\w{1,20}=\S{1,200}|\[[a-z0-9.-]{1,60}\.[a-z]{2,24}\]", re.IGNORECASE)
_NO_TROUBLE = re.compile(
    r"\b(no|not a|without|un)[ -]?(limits?|spam|quota|blocked)\b|\b(quota|limit|authentication"
    r"|login"
    r"|auth)s? (is |was )?ok\b|not (spam|blocked|limited)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![\w.])[245]\.\d{1,3}\.\d{1,3}(?![\w.])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DULL = str.maketrans({"_": " ", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
# Postfix and its policy services put before everything which restriction it is that speaks.
_FRAME = re.compile(
    r"\b(?P<who>recipient address|sender address|client host|helo|ehlo|data|end-of-data)"
    r"( command)?( \[[^\]]{0,80}\])? rejected:",
    re.IGNORECASE,
)


def words(*patterns: str) -> re.Pattern[str]:
    """A pattern that any of ``patterns`` matches, whatever the case."""
    return re.compile("|".join(patterns), re.IGNORECASE)


_DIRECTION_OUT = (
    r"outgoing|outbound|\bsend(ing|s|er's)?\b|\bsent\b|submission|submit|relay|"
    r"\b(from|by) (this|your|the) (ip|host|server|client|account|user|sender|domain)\b"
)
_OURS = words(
    rf"\b{OURSELVES}\b|{_DIRECTION_OUT}",
    r"\byour (\w+[- ]){0,3}(accounts?|domain|plan|subscription|tenant|organi[sz]ation|quota|limits?"
    r"|allowance|allotment|credits?|ip|server|user|sender|login|package|rate|trial|service"
    r"|profile)",
    r"\b(you|you've|you have) (\w+ ){0,2}(exceed|reach|used|hit|sent|are (blocked|sending|not))",
    r"\byou('re| are) (\w+ ){0,2}(sending|allowed|permitted|limited|blocked)|\byou (must|need)\b",
    r"\b(plan|subscription|tenant|trial|licen[cs]e|package|(sending|sender) (account|domain))\b",
    r"\bthis (client|ip|host)\b|\bsender\b.{0,20}\b(account|user|mailbox)\b",
)
_THEIRS = words(
    r"\brecipients?('s)?\b(?! (limit|quota)s? (per|for|of) (day|your))|addressee|mail ?box|inbox"
    r"|receiv|incoming|storage|\bdisk\b|\bover ?quota|delivery error|discontinued",
    r"user you (are|were) trying|(trying|tried) to (reach|contact)|this (user|mailbox|address)",
    r"\b(his|her|their)\b|your message to|destinat",
)


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
    def _framed(self) -> re.Match[str] | None:
        return _FRAME.search(self.full)

    @property
    def frame(self) -> str:
        """Which restriction speaks: ``recipient``, ``sender``, ``client``, ``helo``, or ""."""
        found = self._framed
        return found["who"].split()[0].lower().replace("ehlo", "helo") if found else ""

    @cached_property
    def words(self) -> str:
        """What is said, in English words, without frame, links, addresses and host names."""
        words = self.full
        if (found := self._framed) is not None:
            words = f"{_without_subject(words[: found.start()])} {words[found.end() :]}"
        words = words.replace(USER_NAME, f" {OURSELVES} ")
        words = _LINK.sub(" # ", words)
        words = _ADDRESS.sub(self._address, words)
        for noise in (_CODE, _ID, _HOST, _NO_TROUBLE):
            words = noise.sub(" # ", words)
        return " ".join(in_english(_CAMEL.sub(" ", words.translate(_DULL))).split())

    def _address(self, found: re.Match[str]) -> str:
        named = found[0].lower().strip(".")
        ours = {self.facts.sender.lower(), self.facts.username.lower()} - {""}
        return f" {OURSELVES} " if named in ours else " # "

    @property
    def passing(self) -> bool:
        """4yz: it may be another answer later."""
        return self.code // 100 == 4

    @cached_property
    def ours(self) -> bool:
        """Whether the words speak of us: our account, what we send, our own name."""
        return self.says(_OURS)

    @cached_property
    def theirs(self) -> bool:
        """Whether the words speak of the recipient: a mailbox, what it receives."""
        return self.says(_THEIRS)

    @property
    def on_sender(self) -> bool:
        """Whether it is the sender that is refused, also where that is said at the recipient."""
        return self.stage is Stage.SENDER or self.frame == "sender"

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


def _without_subject(words: str) -> str:
    """Leave out what the frame speaks of: ``<ann@example.com>:``."""
    words = words.rstrip()
    return words.rpartition(" ")[0] if words.endswith(":") else words


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


def sign(
    cause: Cause,
    *says: str,
    codes: tuple[int, ...] = (),
    enhanced: tuple[str, ...] = (),
    stages: frozenset[Stage] | tuple[Stage, ...] = (),
    unless: str = "",
    when: Callable[[Answer], bool] | None = None,
) -> Sign:
    """A sign that any of the patterns in ``says`` is one of the words of."""
    return Sign(
        cause,
        words(*says) if says else None,
        frozenset(codes),
        frozenset(enhanced),
        frozenset(stages),
        words(unless) if unless else None,
        when,
    )


def first(signs: tuple[Sign, ...], answer: Answer) -> Cause | None:
    """The cause of the first sign that holds."""
    return next((each.cause for each in signs if each.holds(answer)), None)
