"""``flask email keys``: see the encryption keys, add one, move everything to it, retire the old."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup

from ..errors import KeyRingError
from ..settings import unreadable
from .common import as_json, command, plural, print_json, site

if TYPE_CHECKING:
    from ..encryption import KeyFile
    from ..site import Site

keys = AppGroup("keys", help="Keep the encryption keys: list, new, reencrypt, retire.")


def _file(plato: Site) -> KeyFile:
    if plato.key_file is None:
        raise KeyRingError(
            "The keys are set by PLATO_EMAIL_KEYS: change them there. The first encrypts, all "
            "decrypt. python -m plato_email.encryption prints a new one."
        )
    return plato.key_file


@command("list")
@as_json
def list_keys(as_json: bool) -> None:
    """List the keys' ids, the encrypting one first. Never the keys."""
    plato = site()
    ring, used = plato.key_ring(), plato.key_use()
    primary = ring.primary.id
    lost = {each: count for each, count in used.items() if each not in ring.ids}
    if as_json:
        rows = [{"id": k, "encrypts": k == primary, "in_use_by": used[k]} for k in ring.ids]
        print_json({"keys": rows, "missing": lost})
        return
    for each in ring.ids:
        role = "encrypts" if each == primary else "decrypts"
        click.echo(f"{each:<18} {role}  used by {plural(used[each], 'value')}")
    for each, count in lost.items():
        click.echo(f"{each:<18} missing   needed by {plural(count, 'value')}", err=True)


@command("new")
def new_key() -> None:
    """Add a key; from now on it encrypts. Go on with reencrypt, then retire the old one."""
    added = _file(site()).add_new()
    click.echo(f"Key {added} encrypts from now on. Next: flask email keys reencrypt")


@command("reencrypt")
@as_json
def reencrypt(as_json: bool) -> None:
    """Move every stored secret and every waiting message to the encrypting key."""
    plato = site()
    total = plato.outbox.content_count()
    secrets = plato.reencrypt_settings()
    moved = skipped = 0
    with click.progressbar(length=total, label="Re-encrypting", hidden=as_json) as bar:
        for count, lost in plato.outbox.reencrypt(plato.key_ring()):
            moved += count
            skipped += lost
            bar.update(count + lost)
    if as_json:
        secret = {"secrets": secrets.changed, "lost": sorted(secrets.unreadable)}
        print_json({**secret, "messages": moved, "unreadable": skipped})
    else:
        click.echo(f"{plural(secrets.changed, 'secret')} moved; {plural(moved, 'message')} safe.")
    if skipped:
        raise click.ClickException(f"{plural(skipped, 'message')} cannot be decrypted.")
    if secrets.unreadable:
        raise click.ClickException(unreadable(secrets.unreadable))


@command("retire")
@click.argument("key_id")
def retire(key_id: str) -> None:
    """Delete the key KEY_ID; refused while anything is still encrypted with it."""
    plato = site()
    file, ring = _file(plato), plato.key_ring()
    ring.without(key_id)  # says why not, where it is unknown or the one in use
    used = plato.key_use().get(key_id, 0)
    if used:
        raise KeyRingError(
            f"Key {key_id} is still needed by {plural(used, 'value')}. "
            "Run flask email keys reencrypt first."
        )
    file.remove(key_id)
    click.echo(f"Key {key_id} is gone.")


for _command in (list_keys, new_key, reencrypt, retire):
    keys.add_command(_command)
