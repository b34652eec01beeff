"""``flask email dns``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigurationError
from ..message import parse_address
from ..settings import RULES, clean_host
from .common import as_json, command, print_json, site

if TYPE_CHECKING:
    from ..sender_domain import Finding

_MARKS = {
    "good": ("ok", "green"),
    "info": ("info", None),
    "warn": ("look", "yellow"),
    "bad": ("wrong", "red"),
    "unknown": ("?", None),
}


@command("dns")
@click.option("--sender", metavar="ADDRESS", help="Another sender than the stored one.")
@click.option("--server", metavar="HOST", help="Another server than the stored one.")
@as_json
def dns(sender: str | None, server: str | None, as_json: bool) -> None:
    """Show what receivers look up about the sender's domain: SPF, DKIM, DMARC, MX.

    Exit code 1 when something is wrong; what could not be looked up is shown and is no fault.
    """
    plato = site()
    settings = plato.load_settings().settings
    domain = _domain(sender or settings.default_sender)
    host = settings.host if server is None else _host(server)
    report = plato.inspector.report(domain, host, fresh=True)
    if as_json:
        print_json({"domain": domain, "server": host, "findings": [*map(_json, report.findings)]})
    else:
        click.echo(f"{domain} through {host or 'no server yet'}")
        for finding in report.findings:
            _print(finding)
    if report.worst == "bad":
        raise SystemExit(1)


def _domain(sender: str) -> str:
    try:
        return parse_address(RULES["default_sender"](sender)[0]).domain
    except ValueError as error:
        raise ConfigurationError(f"The sender cannot be used: {error}") from None


def _host(server: str) -> str:
    try:
        return clean_host(server)[0]
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _print(finding: Finding) -> None:
    word, colour = _MARKS[finding.verdict]
    click.echo(f"{click.style(f'{word:<6}', fg=colour)} {finding.topic:<8} {finding.title}")
    lines = [finding.detail, *finding.records]
    if finding.publish is not None:
        verb = "replace it by" if finding.publish.replaces else "publish"
        lines.append(f'{verb}: {finding.publish.name}. IN TXT "{finding.publish.value}"')
    for line in filter(None, lines):
        click.echo(f"{'':<15} {line}")


def _json(finding: Finding) -> dict[str, Any]:
    publish = finding.publish
    return {
        "topic": finding.topic,
        "verdict": finding.verdict,
        "title": finding.title,
        "detail": finding.detail,
        "records": list(finding.records),
        "publish": None
        if publish is None
        else {"name": publish.name, "type": publish.kind, "value": publish.value},
    }
