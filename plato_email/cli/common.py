"""What the commands share: the site, JSON, and errors told in one line."""

from __future__ import annotations

import functools
import getpass
import json
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..database import MISSING_TABLES, tables_are_missing
from ..errors import ConfigurationError, PlatoEmailError
from ..message import parse_address
from ..settings import RULES

if TYPE_CHECKING:
    from ..site import Site

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """A command inside the app's context whose own errors end in one line and exit code 1."""

    def wrap(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def told(*args: Any, **kwargs: Any) -> None:
            try:
                function(*args, **kwargs)
            except PlatoEmailError as error:
                raise click.ClickException(str(error)) from error
            except DBAPIError as error:
                if tables_are_missing(error):
                    raise click.ClickException(MISSING_TABLES) from error
                raise click.ClickException(f"The database refused: {first_line(error)}") from error

        return click.command(name)(with_appcontext(told))

    return wrap


def site() -> Site:
    """Return what plato_email holds for the app."""
    found: Site | None = current_app.extensions.get("plato_email")
    if found is None:
        raise ConfigurationError("plato_email is not on this app.")
    return found


def address_of(typed: str) -> str:
    """Return the bare address of an argument, read as the settings page reads one.

    Raises:
        ConfigurationError: it is no address; a password in it is not repeated.
    """
    try:
        text, _ = RULES["default_sender"](typed)
        return parse_address(text).addr_spec
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def first_line(error: DBAPIError) -> str:
    """Return what the driver said, without the statement and its values."""
    return (str(error.orig).splitlines() or [""])[0]


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def plural(count: int, noun: str) -> str:
    """Return "1 message", "2 messages"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def noted(plato: Site, action: str, subject: str = "", **detail: Any) -> None:
    """Add to the audit log what was done by this command; a log that fails undoes nothing."""
    try:
        plato.audit.note(
            action,
            by=f"command line ({_user()})",
            origin=socket.gethostname(),
            subject=subject,
            detail=detail,
        )
    except SQLAlchemyError as error:
        click.echo(f"Not written to the audit log: {type(error).__name__}", err=True)


def _user() -> str:
    """Return who runs the command; a container may know its user by number alone."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
