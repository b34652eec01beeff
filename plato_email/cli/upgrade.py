"""``flask email upgrade``."""

from __future__ import annotations

import click
from sqlalchemy.exc import DBAPIError

from ..upgrade import Change, missing
from ..upgrade import upgrade as add_missing
from .common import as_json, command, first_line, plural, print_json, site


@command("upgrade")
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if anything is missing.")
@as_json
def upgrade(check: bool, as_json: bool) -> None:
    """Add what this version needs to the tables: for sites without migrations.

    Tables, columns and indexes are added, none is changed or dropped. The site may run meanwhile.
    """
    plato = site()
    lines = not as_json
    try:
        if check:
            changes = plato.database.read(lambda c: missing(c, plato.tables))
        else:
            changes = add_missing(plato.database, plato.tables, _told if lines else lambda _: None)
    except DBAPIError as error:
        # Not what the other commands say: the tables are missing, run this.
        raise click.ClickException(f"The database refused: {first_line(error)}") from error
    current = not (check and changes)
    if as_json:
        print_json({"current": current, "changes": [_json(change) for change in changes]})
    elif check:
        for change in changes:
            click.echo(f"missing  {change}")
    if lines and current:
        click.echo(f"The tables are up to date; {plural(len(changes), 'change')} made.")
    if not current:
        raise SystemExit(1)


def _told(change: Change) -> None:
    click.echo(f"added    {change}")


def _json(change: Change) -> dict[str, str]:
    return {"kind": change.kind, "table": change.table, "name": change.name}
