"""What a server says, read as a session reads it."""

from __future__ import annotations

from typing import Any

from plato_email.errors import Cause, DeliveryError, Facts, Stage
from plato_email.smtp import Security, Server
from plato_email.smtp.dialogue import refusal
from plato_email.smtp.reply import Reply, read_reply

MAIL_HOST = "mail.example.com"


def reply_of(said: str) -> Reply:
    """The reply in the lines of ``said``: ``550 5.1.1 no``, or ``550-5.1.1 no`` and so on."""
    lines = iter(said.encode().split(b"\n"))
    return read_reply(lambda: next(lines), str)


def refused(
    stage: Stage,
    said: str,
    host: str = MAIL_HOST,
    port: int = 587,
    security: Security = Security.STARTTLS,
    username: str = "site@example.com",
    password: str = "tiger lilies",
    **more: Any,
) -> DeliveryError:
    """The error that a session with this server raises for a reply."""
    server = Server(host, port, security, username, password)
    facts = server.facts()
    if more:
        facts = Facts(**{name: getattr(facts, name) for name in facts.__slots__} | more)
    return refusal(stage, reply_of(said), facts)


def cause_of(stage: Stage, said: str, host: str = MAIL_HOST, **more: Any) -> Cause:
    """Why the server refused."""
    return refused(stage, said, host, **more).cause
