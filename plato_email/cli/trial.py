"""``flask email test``: the test of the settings page, from a shell."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigurationError, SettingsError, said
from ..settings import TLS_MODES, clean_settings, unreadable
from ..smtp.reply import with_user_name
from ..trial import Asked, Kind, entry
from .common import address_of, as_json, command, noted, print_json, site

if TYPE_CHECKING:
    from ..settings import Cleaned, Settings, StoredSettings
    from ..trial import TestReport


@command("test")
@click.argument("recipient", required=False)
@click.option("--check", is_flag=True, help="Stop where the server would take the mail.")
@click.option("--host", help="Another server than the stored one.")
@click.option("--port", help="Another port.")
@click.option("--tls", type=click.Choice(["off", *TLS_MODES]), help="Another way to begin TLS.")
@click.option("--username", help='Another user name; "" for no login.')
@click.option("--sender", help="Another default sender.")
@as_json
def test(recipient: str | None, check: bool, as_json: bool, **other: str | None) -> None:
    """Send a test mail to RECIPIENT (the default sender if left out).

    With the stored settings, or others for this test alone: nothing is stored. The stored password
    goes only to the server, port, TLS and user name that it was stored for; for any other it is
    asked for. Exit code 0: the server took the mail, or would with --check; 1: it did not, or
    nothing could be tested.
    """
    plato = site()
    settings = _wanted(plato.load_settings(), other)
    kind = Kind.CHECK if check else Kind.SEND
    to = address_of(recipient) if recipient else settings.sender_address
    asked = Asked(settings, to, kind, origin=socket.gethostname())
    report = plato.trials.test(asked)
    action, detail = entry(asked, report)
    noted(plato, action, **detail)
    if as_json:
        print_json(_report_json(report))
    else:
        _print_report(report, settings.username)
    if report.outcome not in ("sent", "checked"):
        raise SystemExit(1)


def _wanted(stored: StoredSettings, other: dict[str, str | None]) -> Settings:
    """The stored settings with the options of the command in their place.

    Raises:
        ConfigurationError: the stored ones are not complete.
        SettingsError: an option has a value that cannot be used.
    """
    typed = _typed(other)
    settings = stored.settings if not typed else _clean(stored, typed).settings
    if not settings.configured:
        raise ConfigurationError(
            "Mail is not configured: set the default sender and the server in Email Settings, "
            "or name both here with --sender and --host."
        )
    if stored.unreadable and not typed:
        raise ConfigurationError(unreadable(stored.unreadable))
    return settings


def _typed(other: dict[str, str | None]) -> dict[str, object]:
    names = {"sender": "default_sender"}
    typed: dict[str, object] = {
        names.get(name, name): value
        for name, value in other.items()
        if value is not None and name != "tls"
    }
    if (tls := other["tls"]) is not None:
        typed |= {"use_tls": False} if tls == "off" else {"use_tls": True, "tls_mode": tls}
    return typed


def _clean(stored: StoredSettings, typed: dict[str, object]) -> Cleaned:
    known = {"unreadable": stored.unreadable, "pinned": stored.pinned}
    cleaned = clean_settings(typed, stored.settings, **known)
    if cleaned.problems.keys() == {"password"}:
        typed["password"] = click.prompt("Password", hide_input=True, err=True)
        cleaned = clean_settings(typed, stored.settings, **known)
    if cleaned.problems:
        raise SettingsError(cleaned.problems)
    for name, note in cleaned.notes.items():
        if name in typed:
            click.echo(f"{name}: {note}", err=True)
    return cleaned


def _print_report(report: TestReport, username: str) -> None:
    named = partial(with_user_name, username=username)
    for step in report.steps:
        mark = click.style("ok    ", fg="green") if step.ok else click.style("failed", fg="red")
        click.echo(
            f"{mark} {step.stage.value:<10} {step.milliseconds:>6.0f} ms  {named(step.detail)}"
        )
    if report.receipt is not None:
        how = "Would be accepted" if report.outcome == "checked" else "Accepted"
        words = said(report.receipt.code, report.receipt.reply)
        click.echo(f"{how} for {report.recipient}: {named(words)}")
    if report.diagnosis is not None:
        click.echo()
        click.echo(f"{report.diagnosis.title} ({report.diagnosis.code})")
        click.echo(named(report.diagnosis.why))
        for number, advice in enumerate(report.diagnosis.steps, 1):
            click.echo(f"  {number}. {advice}")
        if report.diagnosis.queue:
            click.echo(report.diagnosis.queue)
        if report.diagnosis.handout:
            click.echo(f"\n{report.diagnosis.handout}")


def _report_json(report: TestReport) -> dict[str, Any]:
    error, diagnosis = report.error, report.diagnosis
    return {
        "outcome": report.outcome,
        "recipient": report.recipient,
        "message_id": report.message_id,
        "seconds": round(report.seconds, 3),
        "steps": [
            {
                "stage": step.stage.value,
                "ok": step.ok,
                "milliseconds": round(step.milliseconds, 1),
                "detail": step.detail,
            }
            for step in report.steps
        ],
        "reply": None if report.receipt is None else report.receipt.reply,
        "error": None
        if error is None
        else {
            "stage": error.stage.value,
            "cause": error.cause.value,
            "verdict": error.verdict.value,
            "code": error.code,
            "enhanced": error.enhanced or None,
            "reply": error.reply,
        },
        "diagnosis": None if diagnosis is None else diagnosis.as_json(),
    }
