"""Short ways to use a session in a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from plato_email.errors import DeliveryError
from plato_email.smtp import Security, Server, Session, Step

from .catcher import Catcher
from .scripted_server import ScriptedServer

SENDER = "site@example.test"
RECIPIENT = "ann@example.test"
MAIL = b"Subject: Hello\r\n\r\nA line.\r\n"


class Envelope(NamedTuple):
    """The least that a session wants of one."""

    sender: str = SENDER
    recipients: tuple[str, ...] = (RECIPIENT,)


def server_at(
    running: Catcher | ScriptedServer, security: Security = Security.NONE, **more: Any
) -> Server:
    """How to reach a server that a test runs."""
    return Server(running.host, running.port, security, **more)


def opened(
    running: Catcher | ScriptedServer,
    security: Security = Security.NONE,
    *,
    deadline: float = 2.0,
    observe: Callable[[Step], None] | None = None,
    **more: Any,
) -> Session:
    """A session with it."""
    return Session.open(server_at(running, security, **more), deadline=deadline, observe=observe)


def failure_of(attempt: Callable[..., object], *args: Any, **options: Any) -> DeliveryError:
    """The error that an attempt ends with."""
    with pytest.raises(DeliveryError) as caught:
        attempt(*args, **options)
    return caught.value
