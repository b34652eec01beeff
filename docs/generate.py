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
from plato_email.diagnosis import CHAPTERS, REMARKS, Diagnosis, Rule
from plato_email.forms import BY_NAME
from plato_email.outbox import KEYS
from plato_email.providers import CHECKED, PROVIDERS, Provider
from plato_email.settings import Settings

REFERENCE = Path(__file__).parent / "reference"
TROUBLESHOOTING = Path(__file__).parent / "troubleshooting.md"
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


_SEARCH = f"""\
# Searching messages

{_MADE}

The search box of the message list and `flask email list` understand the same words. Plain words are
looked for in subject, recipients and Message-ID, whatever their case; `"words in quotes"` stand
together. Everything that is typed must hold. A minus before a word or a key means *not*:
`status:failed -to:@example.com`. A value with blanks is put in quotes: `reply:"mailbox full"`.

"""
_SEARCHED = """
State, age, number, Message-ID and error are found by index, however long the list is. Everything
else is looked for from the newest on, for a fraction of a second at a time; where that is not
enough the page says how far it came, and *Go on searching* goes on from there. `flask email list`
searches to the end.

Without a state the newest message is first; finished messages are in the order in which they
ended, the latest first; waiting ones in the order in which they go. SQLite tells upper and lower
case apart in letters beyond ASCII.
"""


def searching() -> str:
    """Return the page of the search grammar."""
    rows = [(f"`{key.name}:`", f"`{key.example}`", key.meaning) for key in KEYS]
    return "".join([_SEARCH, _table(("Key", "For example", "Meaning"), rows), _SEARCHED])


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


_PROVIDERS = f"""\
# Providers

{_MADE}

What the settings page offers when it knows whose mail a sender's domain is: by the domain, by the
servers that receive its mail, or by the server that mail is handed to. Only what the sources say
stands here; they were last read on {CHECKED:%d %B %Y}. Providers change their ways: where a source
says something else, it is right.
"""


def providers() -> str:
    """Return the page of all mail providers that are known."""
    return _PROVIDERS + "".join(map(_provider, PROVIDERS))


def _provider(each: Provider) -> str:
    security = {"starttls": "STARTTLS", "tls": "TLS at once", "": "no TLS"}[each.tls_mode]
    address = each.host.format(region="*region*")
    facts = {
        "Server": f"{address}, port {each.port}, {security}",
        "User name": each.username,
        "Password": each.credential,
        "Made at": f"<{each.credential_link}>" if each.credential_link else "",
        "Limit": each.limit,
        "Note": each.warning,
        "Addresses": ", ".join(each.domains),
        "Receives at": ", ".join(each.mx).format(region="*region*"),
        "SPF": " or ".join(f"`include:{name}`" for name in each.spf),
        "DKIM selectors": ", ".join(f"`{name}`" for name in each.selectors),
        "Bounces": "go to a domain of the provider's own" if each.own_return_path else "",
        "Sources": " ".join(f"<{source}>" for source in each.sources),
    }
    rows = [(name, words) for name, words in facts.items() if words]
    return f"\n## {each.name}\n\n{_table(('', ''), rows)}"


_CAUSES = "<!-- What follows is made by docs/generate.py; edit the rules, then run: make docs -->\n"
_STAND_INS = {
    "host": "the server",
    "port": "N",
    "provider": "the provider",
    "user_name": "the one on the provider's page for SMTP",
    "credential": "a key or a password made for it",
    "link": "the provider's page",
    "regions": "on the provider's page",
    "hidden": "blanks that are not plain ones",
    "seconds": "some",
    "catcher": "the server",
    "names": "NAMES",
    "name": "NAME",
    "refused": "",
}


def troubles() -> str:
    """Return the page on troubles: what is written by hand, then every cause of a failed test."""
    written, _, _ = TROUBLESHOOTING.read_text(encoding="utf-8").partition(_CAUSES)
    made = [_CAUSES]
    chapters: list[tuple[str, Sequence[Rule | Diagnosis]]] = [*CHAPTERS]
    chapters.append(("Mail that was accepted", REMARKS))
    for chapter, causes in chapters:
        made.append(f"\n## {chapter}\n")
        made += map(_cause, _by_code(causes))
    return written + "".join(made)


def _by_code(causes: Sequence[Rule | Diagnosis]) -> list[list[Rule | Diagnosis]]:
    """All that is said about one cause: what holds anywhere, then what holds somewhere."""
    found: dict[str, list[Rule | Diagnosis]] = {}
    for each in causes:
        found.setdefault(each.code, []).append(each)
    return [[several[-1], *several[:-1]] for several in found.values()]


def _cause(several: Sequence[Rule | Diagnosis]) -> str:
    lines = [f"\n### {several[0].code}"]
    for rule in several:
        title, why, *steps = (_generally(text) for text in (rule.title, rule.why, *rule.steps))
        field = f" (*{BY_NAME[rule.field].label}*)" if rule.field else ""
        lines += ["", f"**{title}**{field}. {why}", "", *(f"- {step}" for step in steps)]
    return "\n".join([*lines, ""])


def _generally(text: str) -> str:
    """A rule's sentences, where no server is at hand to be named."""
    said = text.format_map(_STAND_INS)
    return re.sub(r"(^|[.] )the ", lambda found: f"{found[1]}The ", said).strip()


def pages() -> dict[Path, str]:
    """Return each generated page by its path."""
    return {
        TROUBLESHOOTING: troubles(),
        REFERENCE / "configuration.md": configuration(),
        REFERENCE / "cli.md": commands(),
        REFERENCE / "search.md": searching(),
        REFERENCE / "providers.md": providers(),
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
    if isinstance(option.default, tuple):
        return "a list, or a text with commas"
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
    return "" if default in ("", None, ()) else f"`{str(default).lower()}`"


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
