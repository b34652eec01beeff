"""A rule: what is said about one cause, and the case that it is said of."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ..errors import Cause, Certificate, DeliveryError, Verdict, said
from ..providers import Provider, by_host, other_regions
from ..smtp import Security
from ..smtp.policy import is_loopback
from ..smtp.reply import printable, scrubber


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
    fate: Verdict | None = None
    """What the queue does with mail that meets it; ``None`` where mail was accepted."""
    handout: str = ""
    """A text to pass on to the server's operator, or ""."""

    @property
    def queue(self) -> str:
        """What happens to queued mail, in one sentence; "" where mail was accepted."""
        return _FATES[self.fate] if self.fate else ""

    def as_json(self) -> dict[str, Any]:
        """Return what scripts are told: everything but the offered change."""
        words = {"code": self.code, "field": self.field, "title": self.title, "why": self.why}
        fate = {"fate": self.fate.value if self.fate else None, "queue": self.queue}
        return {**words, "steps": list(self.steps), **fate, "handout": self.handout}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Diagnosis:
        """Read what `as_json` wrote, in this version or in the one before."""
        return cls(
            said["code"],
            said["field"],
            said["title"],
            said["why"],
            tuple(said["steps"]),
            fate=Verdict(said["fate"]) if said.get("fate") else None,
            handout=said.get("handout", ""),
        )

    @property
    def anchor(self) -> str:
        """The heading for it in ``docs/troubleshooting.md``."""
        return self.code


_FATES = {
    Verdict.SERVER: "Queued mail waits and is tried again automatically. None fails meanwhile.",
    Verdict.SETUP: "Queued mail waits until this is fixed. None fails meanwhile.",
    Verdict.QUOTA: "Queued mail waits until the limit is renewed. None fails meanwhile.",
    Verdict.TEMPORARY: "The queue tries such a message again later, up to Send Attempts times.",
    Verdict.PERMANENT: "The queue does not try such a message again; it is kept as failed.",
    Verdict.UNKNOWN: "A queued message may have arrived. It is sent again unless the site parks "
    "such messages.",
}


class Case:
    """An error together with the settings it was met with.

    Args:
        error: what happened; its facts name the server that it happened with.
        settings: those in force.
        fate: what the queue has done, where that is not the error's own verdict.
    """

    def __init__(
        self, error: DeliveryError, settings: SettingsLike, fate: Verdict | None = None
    ) -> None:
        self.error = error
        self.facts = error.facts
        self.fate = fate or error.verdict
        self.host = error.facts.host or settings.host
        self.port = error.facts.port or settings.port
        self.username = settings.username
        self.certificate = error.facts.certificate or Certificate()
        self.sender = str(getattr(settings, "default_sender", ""))
        """Empty where a ``Server`` is all that is known."""
        self._scrub = scrubber(settings.username, settings.password)

    @cached_property
    def provider(self) -> Provider | None:
        """Whose server it is, where that is known."""
        return by_host(self.host.lower().rstrip("."))

    @property
    def on_this_machine(self) -> bool:
        """Whether the server is set as this machine itself."""
        return is_loopback(self.host)

    @property
    def is_container_host(self) -> bool:
        """Whether the server is set as the machine that this container runs on."""
        names = ("host.docker.internal", "gateway.docker.internal", "host.containers.internal")
        return self.facts.in_container and self.host.lower().rstrip(".") in names

    @property
    def is_service_name(self) -> bool:
        """Whether the server's name has no dot, in a container: a service of Docker Compose."""
        return self.facts.in_container and "." not in self.host.rstrip(".")

    @cached_property
    def reply(self) -> str:
        """What was said, fit to be shown: on one line, and without the password."""
        return printable(self._scrub(self.error.reply))

    @cached_property
    def words(self) -> dict[str, str]:
        """What a rule's sentences may quote."""
        host, provider = printable(self.host), self.provider
        regions = other_regions(provider) if provider else ()
        return {
            "host": host,
            "port": str(self.port),
            "provider": provider.name if provider else host,
            "user_name": provider.username if provider else "",
            "credential": provider.credential if provider else "",
            "link": (provider.credential_link if provider else "") or "the provider's page",
            "regions": " or ".join(regions),
            "hidden": ", ".join(map(_named, self.facts.hidden)),
            "seconds": f"{self.facts.seconds:.0f}",
            "catcher": self.facts.catcher or host,
            "names": ", ".join(self.certificate.names),
        }

    @property
    def said(self) -> str:
        """The server's words, or the system's where the server said nothing."""
        if self.error.code is None:
            return self.reply
        in_between = self.error.cause is Cause.PROXY_CANNOT_CONNECT
        who = "The answer was" if in_between else "The server said"
        return f"{who}: {said(self.error.code, self.reply)}"


def _named(character: str) -> str:
    """``U+00A0`` with the name that Unicode gives it."""
    name = unicodedata.name(chr(int(character.removeprefix("U+"), 16)), "")
    return f"{name.lower()} ({character})" if name else character


@dataclass(frozen=True)
class Rule:
    """What is said about one cause.

    The sentences may quote what `Case.words` has. The server's words follow ``why`` by
    themselves. What the queue does is not said here: it follows from the cause.
    """

    cause: Cause
    title: str
    why: str
    steps: tuple[str, ...]
    field: str = ""
    when: Callable[[Case], bool] | None = None
    """Where it holds, if a later rule for the same cause says how it is elsewhere."""
    fix: Callable[[Case], Fix | None] | None = None
    quotes: bool = True
    """Whether what was said is shown; not where it repeats what somebody typed."""
    handout: Callable[[Case], str] | None = None
    """Makes a text to pass on to the server's operator."""

    @property
    def code(self) -> str:
        """The cause's stable name."""
        return self.cause.value

    def apply(self, case: Case) -> Diagnosis:
        """The diagnosis of a case of this cause."""
        words = case.words
        why = self.why.format_map(words)
        return Diagnosis(
            code=self.code,
            field=self.field,
            title=self.title.format_map(words),
            why=f"{why} {case.said}".rstrip() if self.quotes else why,
            steps=tuple(step.format_map(words) for step in self.steps),
            fix=None if self.fix is None else self.fix(case),
            fate=case.fate,
            handout="" if self.handout is None else self.handout(case),
        )
