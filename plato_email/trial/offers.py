"""What to offer after a failure: the cure a rule is sure of, and the ports that do answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..settings import TLS_PORT
from ..smtp import Security
from .values import Offer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from ..diagnosis import Diagnosis
    from ..settings import Settings
    from ..smtp.probe import Probe

MOST = 3
_ABOUT_PORTS = frozenset({"port", "use_tls", "tls_mode"})
_NO_LOGIN_HERE = "login-not-offered"
_HOW = {
    Security.TLS: "with TLS from the first byte",
    Security.STARTTLS: "with STARTTLS",
    Security.NONE: "without encryption",
}


def is_about_ports(diagnosis: Diagnosis | None) -> bool:
    """Whether another port, or another way to begin TLS, may be the cure."""
    return diagnosis is not None and (
        diagnosis.field in _ABOUT_PORTS or diagnosis.code == _NO_LOGIN_HERE
    )


def offers(
    settings: Settings,
    diagnosis: Diagnosis | None,
    probes: Iterable[Probe],
    pinned: Collection[str] = (),
) -> tuple[Offer, ...]:
    """Return what is likely to help, the surest first, each change once.

    An encrypted connection is never offered in exchange for an open one, nor a port without a
    login to who needs one, nor a change of what the configuration has pinned.
    """
    now = _outcome(settings, {})
    found: dict[tuple[object, ...], Offer] = {}
    for offer in (*_cure(diagnosis), *_ports(settings, probes)):
        free = {name: value for name, value in offer.values.items() if name not in pinned}
        outcome = _outcome(settings, offer.values)
        if outcome not in (now, *found) and outcome == _outcome(settings, free):
            found[outcome] = offer
    return tuple(found.values())[:MOST]


def _cure(diagnosis: Diagnosis | None) -> Iterator[Offer]:
    if diagnosis is not None and diagnosis.fix is not None:
        yield Offer(diagnosis.fix.label, "", diagnosis.fix.values)


def _ports(settings: Settings, probes: Iterable[Probe]) -> Iterator[Offer]:
    for probe in probes:
        if not probe.usable or (settings.use_tls and probe.security is Security.NONE):
            continue
        if settings.requires_login and not probe.login_offered:
            continue
        answers = f"Port {probe.port} {_HOW[probe.security]} answers"
        login = " and offers login" if probe.login_offered else ""
        yield Offer("Use this", f"{answers}{login}.", _values(probe.port, probe.security))


def _values(port: int, security: Security) -> dict[str, str]:
    if security is Security.NONE:
        return {"port": str(port), "use_tls": ""}
    usual = Security.TLS if port == TLS_PORT else Security.STARTTLS
    mode = "automatic" if security is usual else security.value
    return {"port": str(port), "use_tls": "on", "tls_mode": mode}


def _outcome(settings: Settings, values: Mapping[str, str]) -> tuple[object, ...]:
    """What the settings would be: two ways to the same are one offer."""
    tls = bool(values.get("use_tls", settings.use_tls))
    changed = replace(
        settings,
        host=values.get("host", settings.host),
        port=int(values.get("port", settings.port)),
        use_tls=tls,
        tls_mode=values.get("tls_mode", settings.tls_mode),
        username=values.get("username", settings.username),
        default_sender=values.get("default_sender", settings.default_sender),
    )
    return (*changed.login_context, changed.default_sender)
