"""``flask email``: what an operator does from a shell or a script."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from .domain import dns
from .keys import keys
from .messages import list_messages
from .queue import purge, retry, run, send_due
from .reports import status
from .trial import test
from .upgrade import upgrade

email_commands = AppGroup("email", help="Outbound mail: see it, test it, send it, keep its keys.")

_COMMANDS: tuple[click.Command, ...] = (
    *(status, test, dns, list_messages, send_due, run, retry, purge, upgrade, keys),
)
for _command in _COMMANDS:
    email_commands.add_command(_command)

__all__ = ["email_commands"]
