"""Which of a host's usual ports answer, and how: for the advice after a failed test.

Nothing is said on them but EHLO, STARTTLS and QUIT; no credentials are at hand.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic

from ..errors import Cause, DeliveryError, Stage
from . import tls
from .auth import may_send_password, offers_login
from .catchers import catcher_in
from .faults import Dropped, WireError
from .model import Security, Server
from .opening import Opening
from .wire import Deadline

USUAL_PORTS = (465, 587, 2525, 25)
"""Submission with TLS (RFC 8314), submission (RFC 6409), its usual stand-in, and relay."""
_TLS_PORT = 465
_FOUND = {
    Security.NONE: "It answers, without TLS.",
    Security.STARTTLS: "It answers with STARTTLS.",
    Security.TLS: "It answers with TLS from the first byte.",
}


_PROBLEMS = {
    Cause.LOGIN_NOT_OFFERED: "It offers no login with a user name and a password.",
    Cause.LOGIN_UNENCRYPTED: "It offers no TLS, so the password could be read on the way.",
}


@dataclass(frozen=True, slots=True)
class Probe:
    """What one port said."""

    port: int
    security: Security
    """How the connection to it was, or would have been, protected."""
    login_offered: bool
    """Whether a login is offered with a mechanism that we speak."""
    usable: bool
    """Whether mail can be handed in there: with the login that is set, and no password in the
    clear."""
    milliseconds: float
    detail: str
    """One sentence: what was found, or why it cannot be used."""
    cause: Cause | None = None
    """Why it cannot be used; ``None``: it can."""
    reason: str = ""
    """What is wrong with its certificate, as the end of a sentence."""
    catcher: str = ""
    """The name of the mail catcher that greeted, such as ``Mailpit``."""


def probe_ports(
    server: Server, ports: Sequence[int] = USUAL_PORTS, seconds: float = 3.0
) -> tuple[Probe, ...]:
    """Try the ports of ``server`` side by side, each in the way that is usual for it.

    Where that fails and another way may not, that is tried too: TLS from the first byte where
    nobody greets, STARTTLS where TLS is not understood. Never raises for what a server does.

    Args:
        server: the host; its own port and protection do not matter, and of its login only whether
            there is one. Certificates are checked, and its list of allowed servers holds.
        ports: those to try.
        seconds: for all of it.

    Returns:
        tuple[Probe, ...]: one for each port, the best first: usable, with TLS, with a login, and
        then in the order of ``ports``.
    """
    deadline = Deadline(seconds)
    bare = replace(server, username="", password="")
    with ThreadPoolExecutor(max(1, len(ports)), thread_name_prefix="probe") as pool:
        found = pool.map(
            lambda port: _look(replace(bare, port=port), bool(server.username), deadline), ports
        )
        return tuple(sorted(found, key=_rank))


def _rank(probe: Probe) -> tuple[bool, bool, bool]:
    return not probe.usable, probe.security is Security.NONE, not probe.login_offered


def _look(server: Server, login: bool, deadline: Deadline) -> Probe:
    ways = [Security.STARTTLS, Security.TLS]
    if server.port == _TLS_PORT:
        ways.reverse()
    first, misunderstood = _try(replace(server, security=ways[0]), login, deadline)
    if not misunderstood:
        return first
    second, misunderstood = _try(replace(server, security=ways[1]), login, deadline)
    return first if misunderstood else second


def _try(server: Server, login: bool, deadline: Deadline) -> tuple[Probe, bool]:
    """Open a session and close it; also tell whether another way to begin may do better."""
    opening = Opening(server, deadline, patience=deadline.seconds / 3)
    since, security = monotonic(), server.security
    refused, cause, reason, misunderstood = "", None, "", False
    try:
        dialogue = opening.run()
    except DeliveryError as error:
        if error.stage is Stage.TLS and _without_tls(server, opening):
            security = Security.NONE
        else:
            refused, cause, misunderstood = error.reply, error.cause, _misunderstood(error)
            reason = _reason(error)
    else:
        with suppress(WireError):
            dialogue.say("QUIT")
        dialogue.wire.close()
    took = (monotonic() - since) * 1000
    offered = not refused and offers_login(opening.capabilities)
    cause = cause or _problem(security, opening.peer, login, offered)
    detail = refused or (_PROBLEMS[cause] if cause else _FOUND[security])
    greeting = next((line for line in opening.transcript if line.startswith("S: 220")), "")
    found = Probe(
        server.port,
        security,
        offered,
        cause is None,
        took,
        detail,
        cause,
        reason,
        catcher=catcher_in(greeting),
    )
    return found, misunderstood


def _reason(error: DeliveryError) -> str:
    refused = error.__cause__
    if not isinstance(refused, ssl.SSLCertVerificationError):
        return ""
    return tls.fault(refused, error.facts)


def _without_tls(server: Server, opening: Opening) -> bool:
    """Whether the server has introduced itself and only has no TLS to offer."""
    return server.security is Security.STARTTLS and "STARTTLS" not in opening.capabilities


def _misunderstood(error: DeliveryError) -> bool:
    """Whether nobody greeted, or TLS was answered by something that is none."""
    if error.stage is Stage.GREETING:
        return error.code is None
    cause = error.__cause__
    refused = isinstance(cause, ssl.SSLCertVerificationError)
    return error.stage is Stage.TLS and isinstance(cause, ssl.SSLError | Dropped) and not refused


def _problem(security: Security, peer: str, login: bool, offered: bool) -> Cause | None:
    """Why a session that can be had is of no use."""
    if login and not offered:
        return Cause.LOGIN_NOT_OFFERED
    encrypted = security is not Security.NONE
    if login and not may_send_password(encrypted=encrypted, peer=peer):
        return Cause.LOGIN_UNENCRYPTED
    return None
