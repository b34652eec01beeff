"""Write the reference pages that are made from the code: ``make docs``.

tests/docs fails while a page differs from what this script would write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from plato_email.cli import email_commands
from plato_email.config import OPTIONS, Option
from plato_email.settings import Settings

REFERENCE = Path(__file__).parent / "reference"
_MADE = "<!-- Made by docs/generate.py; edit the code, then run: make docs -->"

_CONFIGURATION = f"""\
# Configuration

{_MADE}

A key is taken from `app.config`; where it is not set there, from the environment variable of the
same name; then from Flask-Mail's key in `app.config`, where there is one; then from the default.
They are read once, in `init_app`. A value that cannot be used raises `ConfigurationError`, as does
a `PLATO_EMAIL_` key in `app.config` that is not listed here.

## Settings fields

Each stands for a field of the settings page and *pins* it: the page shows the field read-only, with
the name of the key, and what is stored for it does not count. Flask-Mail's keys do not pin; they
are the default until settings are saved for the first time. `MAIL_USE_SSL` is read as TLS from the
first byte.

"""


def configuration() -> str:
    """Return the page of all configuration keys."""
    pins = [_pin_row(option) for option in OPTIONS if option.field]
    others = [_row(option) for option in OPTIONS if not option.field]
    return "".join(
        [
            _CONFIGURATION,
            _table(("Key", "Value", "Default", "Flask-Mail", "Meaning"), pins),
            "\n## The rest\n\n",
            _table(("Key", "Value", "Default", "Meaning"), others),
        ]
    )


def commands() -> str:
    """Return the page of all commands."""
    group = click.Group("flask", commands={"email": email_commands})
    context = click.Context(group, info_name="flask")
    parts = [f"# Commands\n\n{_MADE}\n\n{email_commands.help}\n"]
    parts.append(
        "\nLike every Flask command they need to find the app: `flask --app app email status`, or\n"
        "`FLASK_APP` in the environment. Exit code 0 means well, 1 what the text says, 2 that the\n"
        "command was written wrongly. Errors are one line.\n"
    )
    parts += [_command(each) for each in _leaves(email_commands, context)]
    return "".join(parts)


def pages() -> dict[Path, str]:
    """Return each generated page by its path."""
    return {
        REFERENCE / "configuration.md": configuration(),
        REFERENCE / "cli.md": commands(),
    }


def _pin_row(option: Option) -> tuple[str, ...]:
    default = getattr(Settings(), option.field)
    mail = f"`{option.flask_mail}`" if option.flask_mail else ""
    return f"`{option.key}`", _accepted(option), _shown(default), mail, option.help


def _row(option: Option) -> tuple[str, ...]:
    default = "auto" if option.name == "POLLER" else option.default
    return f"`{option.key}`", _accepted(option), _shown(default), option.help


def _accepted(option: Option) -> str:
    """What a key accepts, in the words with which it refuses anything else."""
    try:
        option.parse("?")
    except ValueError as error:
        words = str(error)
    else:
        return "text"
    for refusal, meaning in (
        ("is not ", ""),
        ("is none of ", "one of "),
        ("is neither true nor false", "true or false"),
        ("does not begin with a slash", "a path that begins with a slash"),
    ):
        if words.startswith(refusal):
            accepted = meaning + words.removeprefix(refusal)
            return f"auto, {accepted}" if option.name == "POLLER" else accepted
    raise ValueError(f"{option.key} refuses with words that are not known here: {words}")


def _shown(default: object) -> str:
    return "" if default == "" else f"`{str(default).lower()}`"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---" for _ in head], *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _leaves(group: click.Group, parent: click.Context) -> Iterator[click.Context]:
    """The commands that can be run, each in its context."""
    context = click.Context(group, info_name=group.name, parent=parent)
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _leaves(command, context)
        else:
            yield click.Context(command, info_name=name, parent=context)


def _command(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = ["", f"## {context.command_path}", "", f"    {usage}", "", _help(command), ""]
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        rows = [(f"`{_written(each)}`", each.help or "") for each in options]
        lines += [_table(("Option", "Meaning"), rows)]
    return "\n".join(lines)


def _written(option: click.Option) -> str:
    """The option as it is typed. Click writes types differently from release to release."""
    name, kind = ", ".join(option.opts), option.type
    if isinstance(kind, click.Choice):
        return f"{name} {' / '.join(map(str, kind.choices))}"
    if isinstance(kind, click.IntRange):
        return f"{name} {kind.min} to {kind.max}"
    return name


def _help(command: click.Command) -> str:
    paragraphs = (command.help or "").split("\n\n")
    return "\n\n".join(re.sub(r"\s+", " ", each).strip() for each in paragraphs)


def main() -> None:
    """Write every page that differs, and say of each what was done."""
    for path, text in pages().items():
        current = path.exists() and path.read_text(encoding="utf-8") == text
        if not current:
            path.write_text(text, encoding="utf-8")
        name = path.relative_to(REFERENCE.parents[1])
        click.echo(f"{name}: {'is as the code says' if current else 'written anew'}")


if __name__ == "__main__":
    main()
