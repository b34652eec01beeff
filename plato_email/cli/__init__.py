"""``flask email``: what an operator does from a shell or a script."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from .keys import keys
from .queue import purge, retry, run, send_due
from .reports import status, test
from .upgrade import upgrade

email_commands = AppGroup("email", help="Outbound mail: see it, test it, send it, keep its keys.")

_COMMANDS: tuple[click.Command, ...] = (status, test, send_due, run, retry, purge, upgrade, keys)
for _command in _COMMANDS:
    email_commands.add_command(_command)

__all__ = ["email_commands"]
