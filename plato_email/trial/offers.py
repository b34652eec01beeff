"""What helps after a failure: the cure a rule is sure of, and the ports that do answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import CERTIFICATE_CAUSES, Cause
from ..settings import TLS_PORT
from ..smtp import Security
from ..smtp.policy import is_local_name, is_loopback
from .values import Lead, Offer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ..diagnosis import Diagnosis
    from ..settings import Settings
    from ..smtp.probe import Probe

MOST = 3
_ABOUT_PORTS = frozenset({"port", "use_tls", "tls_mode"})
_ABOUT_PORTS_TOO = frozenset(
    {Cause.LOGIN_NOT_OFFERED, Cause.CONNECTION_REFUSED, Cause.CONNECTION_TIMED_OUT}
)
_HOW = {
    Security.TLS: "with TLS from the first byte",
    Security.STARTTLS: "with STARTTLS",
    Security.NONE: "without encryption",
}
_CLOSED = frozenset(
    {
        Cause.CONNECTION_REFUSED,
        Cause.CONNECTION_FORBIDDEN,
        Cause.CONNECTION_TIMED_OUT,
        Cause.CONNECTION_FAILED,
        Cause.PORT_25_BLOCKED,
        Cause.NETWORK_UNREACHABLE,
        Cause.IPV6_BROKEN,
        Cause.HOST_NOT_ALLOWED,
    }
)
"""Nothing can be had on such a port."""
_OTHERWISE = (None, Cause.LOGIN_NOT_OFFERED, Cause.LOGIN_UNENCRYPTED)
"""The causes of a port where a session could be opened."""
_NO_TLS = CERTIFICATE_CAUSES | {
    Cause.STARTTLS_EXPECTED,
    Cause.STARTTLS_STRIPPED,
    Cause.STARTTLS_TAMPERED,
    Cause.STARTTLS_UNAVAILABLE,
    Cause.STARTTLS_REFUSED,
    Cause.CA_FILE_UNUSABLE,
    Cause.TLS_KEY_TOO_SHORT,
    Cause.TLS_RENEGOTIATION,
    Cause.TLS_TOO_OLD,
    Cause.TLS_NO_COMMON_CIPHER,
    Cause.TLS_DROPPED,
    Cause.TLS_FAILED,
}


def is_about_ports(diagnosis: Diagnosis | None) -> bool:
    """Whether another port, or another way to begin TLS, may be the cure."""
    return diagnosis is not None and (
        diagnosis.field in _ABOUT_PORTS or diagnosis.code in _ABOUT_PORTS_TOO
    )


def offers(
    settings: Settings,
    diagnosis: Diagnosis | None,
    probes: Sequence[Probe],
    pinned: Collection[str] = (),
    catcher_ports: Collection[int] = (),
) -> tuple[Offer, ...]:
    """Return what is likely to help, the surest first, each change once.

    A cure that a probe contradicts is left out; one that a probe confirms says so. An encrypted
    connection is never offered in exchange for an open one, except at one of ``catcher_ports`` or
    at a catcher that was typed, where no login is set; nor a port without a login to who needs
    one, nor a change of what the configuration has pinned.
    """
    now = _outcome(settings)
    found: dict[tuple[object, ...], Offer] = {}
    cures = _cures(settings, diagnosis, probes)
    for offer in (*cures, *_ports(settings, probes, catcher_ports)):
        free = {name: value for name, value in offer.values.items() if name not in pinned}
        outcome = _outcome(_changed(settings, offer.values))
        if outcome == now or outcome != _outcome(_changed(settings, free)):
            continue
        if (first := found.setdefault(outcome, offer)) is not offer:
            found[outcome] = replace(first, why=first.why or offer.why)
    return tuple(found.values())[:MOST]


def leads(settings: Settings, probes: Iterable[Probe]) -> tuple[Lead, ...]:
    """Return the ports that speak TLS with a certificate that is not trusted."""
    return tuple(
        Lead(
            probe.port,
            probe.cause,
            f"Port {probe.port} answers {_HOW[probe.security]}, but its certificate is not "
            f"trusted: {probe.reason}.",
        )
        for probe in probes
        if probe.cause in CERTIFICATE_CAUSES
        and (probe.port, probe.security) != (settings.port, settings.security)
    )[:MOST]


def _cures(
    settings: Settings, diagnosis: Diagnosis | None, probes: Iterable[Probe]
) -> Iterator[Offer]:
    if diagnosis is None or diagnosis.fix is None:
        return
    values = diagnosis.fix.values
    wanted = _changed(settings, values)
    tried = next((each for each in probes if each.port == wanted.port), None)
    if tried is None or wanted.host != settings.host or _agrees(tried, wanted):
        yield Offer(diagnosis.fix.label, "", values)


def _agrees(probe: Probe, wanted: Settings) -> bool:
    """Whether what was found on the port of ``wanted`` leaves hope for them."""
    if probe.cause in _CLOSED:
        return False
    if wanted.security is Security.NONE:
        return probe.security is not Security.TLS
    if probe.cause in _OTHERWISE:
        return probe.usable and probe.security is wanted.security
    return probe.cause not in _NO_TLS


def _ports(
    settings: Settings, probes: Iterable[Probe], catcher_ports: Collection[int]
) -> Iterator[Offer]:
    for probe in probes:
        is_open = settings.use_tls and probe.security is Security.NONE
        may_be = not settings.requires_login and _may_be_open(settings, probe, catcher_ports)
        if not probe.usable or (is_open and not may_be):
            continue
        if settings.requires_login and not probe.login_offered:
            continue
        answers = f"Port {probe.port} answers {_HOW[probe.security]}"
        login = " and offers login" if probe.login_offered else ""
        yield Offer("Use this", f"{answers}{login}.", _values(probe.port, probe.security))


def _may_be_open(settings: Settings, probe: Probe, catcher_ports: Collection[int]) -> bool:
    """Whether there is no need for TLS: where mail catchers listen, or one was typed itself."""
    typed = probe.port == settings.port and is_local_name(settings.host)
    caught = bool(probe.catcher) or is_loopback(settings.host)
    return probe.port in catcher_ports or (typed and caught)


def _values(port: int, security: Security) -> dict[str, str]:
    if security is Security.NONE:
        return {"port": str(port), "use_tls": ""}
    usual = Security.TLS if port == TLS_PORT else Security.STARTTLS
    mode = "automatic" if security is usual else security.value
    return {"port": str(port), "use_tls": "on", "tls_mode": mode}


def _changed(settings: Settings, values: Mapping[str, str]) -> Settings:
    """The settings with ``values`` of the form in their place."""
    return replace(
        settings,
        host=values.get("host", settings.host),
        port=int(values.get("port", settings.port)),
        use_tls=bool(values.get("use_tls", settings.use_tls)),
        tls_mode=values.get("tls_mode", settings.tls_mode),
        username=values.get("username", settings.username),
        default_sender=values.get("default_sender", settings.default_sender),
    )


def _outcome(settings: Settings) -> tuple[object, ...]:
    """What tells settings apart: two ways to the same are one offer."""
    return (*settings.login_context, settings.default_sender)
