"""From a host name to a connected socket."""

from __future__ import annotations

import errno
import os
import queue
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from threading import Thread
from typing import Any, NamedTuple

from ..errors import Cause, DeliveryError, Facts, Stage, Unreached
from .faults import TimedOut
from .policy import allowed_servers, is_never_mailed, not_allowed
from .wire import Deadline

_CONNECT_SECONDS = 20.0
"""The most that one address may take, so that a dead one leaves time for the next."""

_RELAY_PORT = 25

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?|[0-9a-f.:]+(%\w+)?", re.IGNORECASE)


_NOT_FOUND: dict[int | None, Cause] = {
    socket.EAI_AGAIN: Cause.NAME_LOOKUP_FAILED,
    getattr(socket, "EAI_NODATA", socket.EAI_NONAME): Cause.HOST_WITHOUT_ADDRESS,
    socket.EAI_NONAME: Cause.HOST_NOT_FOUND,
}
_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.EACCES: "forbidden",
    errno.EPERM: "forbidden",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
}
_UNREACHED = {
    "refused": Cause.CONNECTION_REFUSED,
    "forbidden": Cause.CONNECTION_FORBIDDEN,
    "timeout": Cause.CONNECTION_TIMED_OUT,
    "unreachable": Cause.NETWORK_UNREACHABLE,
}
"""What is said of a server none of whose addresses answered, by what at least one of them met."""


class Address(NamedTuple):
    """One result of the resolver."""

    family: int
    where: tuple[Any, ...]

    @property
    def ip(self) -> str:
        """The IP address alone."""
        return str(self.where[0])

    def __str__(self) -> str:
        host, port = self.where[:2]
        return f"[{host}]:{port}" if self.family == socket.AF_INET6 else f"{host}:{port}"


def bare_host(host: str) -> str:
    """``host`` without the brackets that an IPv6 literal may stand in."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def resolve(
    host: str, port: int, deadline: Deadline, allowed: tuple[str, ...] = ()
) -> list[Address]:
    """Every address of ``host`` that mail may be handed to, in the order the system prefers.

    Connect to these and look nothing up again: a name may lead elsewhere a moment later.

    Raises:
        DeliveryError: there is none, or ``host`` cannot be a host name.
        TimedOut: the resolver did not answer in time.
    """
    if not _HOST_NAME.fullmatch(host):
        words = f"{host!r} cannot be the name of a server." if host else "No server is named."
        cause = Cause.HOST_MALFORMED if host else Cause.HOST_MISSING
        raise DeliveryError(Stage.RESOLVE, cause, words)
    servers = allowed_servers(allowed)
    if not servers.may_ask(host, port):
        raise _not_allowed(host, port)
    found = [each for each in _addresses(host, port, deadline) if not is_never_mailed(each.ip)]
    if not found:
        # Not said which: that would tell what is behind a name that leads into the network.
        words = f"{host} leads to an address that mail is never sent to."
        raise DeliveryError(Stage.RESOLVE, Cause.ADDRESS_NEVER_USED, words)
    found = [each for each in found if servers.allow(host, each.ip, port)]
    if not found:
        raise _not_allowed(host, port)
    return found


def _not_allowed(host: str, port: int) -> DeliveryError:
    return DeliveryError(Stage.RESOLVE, Cause.HOST_NOT_ALLOWED, not_allowed(host, port))


def _addresses(host: str, port: int, deadline: Deadline) -> list[Address]:
    """Ask the resolver of the operating system, which takes no time-out.

    It runs in a thread of its own, which is left behind when it does not answer.
    """
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()
    Thread(target=_look_up, args=(host, port, answers), daemon=True, name="resolve").start()
    try:
        found = answers.get(timeout=deadline.remaining())
    except queue.Empty:
        words = f"the name {host} could not be looked up in {deadline.seconds:g} seconds"
        raise TimedOut(words) from None
    if isinstance(found, Exception):
        words = f"The name {host} was not found ({_reason(found)})."
        number = found.errno if isinstance(found, socket.gaierror) else None
        cause = _NOT_FOUND.get(number, Cause.HOST_NOT_FOUND)
        facts = Facts(in_container=in_container())
        raise DeliveryError(Stage.RESOLVE, cause, words, facts=facts) from found
    return found


def _look_up(host: str, port: int, answers: queue.SimpleQueue[list[Address] | Exception]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answers.put(error)
    else:
        answers.put(list(dict.fromkeys(Address(each[0], each[4]) for each in found)))


def connect(
    addresses: Sequence[Address], port: int, deadline: Deadline
) -> tuple[socket.socket, Address]:
    """Connect to the first address that answers.

    Each one gets an equal share of the time that is left: an IPv6 address that leads nowhere must
    not keep us from the IPv4 address behind it.

    Raises:
        DeliveryError: none answered; the words name each address with its reason.
        TimedOut: the time was over before all were tried.
    """
    failures, unreached = list[str](), list[Unreached]()
    for position, address in enumerate(addresses):
        share = deadline.share(len(addresses) - position, _CONNECT_SECONDS)
        try:
            return _connect_one(address, share), address
        except OSError as error:
            reason = (
                f"no answer in {share.seconds:.2g} seconds"
                if isinstance(error, TimeoutError)
                else _reason(error)
            )
            failures.append(f"{address}: {reason}")
            kind = "timeout" if isinstance(error, TimeoutError) else _REASONS.get(error.errno or 0)
            unreached.append(Unreached(str(address), kind or "other"))
    words = "No connection: " + "; ".join(failures) + "."
    facts = Facts(unreached=tuple(unreached), in_container=in_container())
    raise DeliveryError(
        Stage.CONNECT, _not_connected(addresses, port, unreached), words, facts=facts
    )


def _not_connected(
    addresses: Sequence[Address], port: int, unreached: Sequence[Unreached]
) -> Cause:
    reasons = {each.reason for each in unreached}
    if reasons <= {"timeout", "unreachable"} and all(
        each.family == socket.AF_INET6 for each in addresses
    ):
        return Cause.IPV6_BROKEN
    found = next((cause for reason, cause in _UNREACHED.items() if reason in reasons), None)
    if found is Cause.CONNECTION_TIMED_OUT and port == _RELAY_PORT:
        return Cause.PORT_25_BLOCKED
    return found or Cause.CONNECTION_FAILED


@cache
def in_container() -> bool:
    """Whether this machine is a container of Docker, Podman or Kubernetes."""
    marks = ("/.dockerenv", "/run/.containerenv")
    return any(map(os.path.exists, marks)) or "KUBERNETES_SERVICE_HOST" in os.environ


def _connect_one(address: Address, deadline: Deadline) -> socket.socket:
    connecting = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        connecting.settimeout(deadline.remaining())
        connecting.connect(address.where)
        # A command must not wait for the acknowledgement of the one before (Nagle's algorithm).
        with suppress(OSError):
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connecting.close()
        raise
    return connecting


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return str(error.strerror or error)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error)
