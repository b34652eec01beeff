"""``flask email status`` and ``flask email test``."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigurationError
from ..status import stamp
from .common import as_json, command, plural, print_json, site

if TYPE_CHECKING:
    from ..status import Status
    from ..trial import TestReport


@command("status")
@as_json
def status(as_json: bool) -> None:
    """Show how the mail is. Exit code 1 when mail is stuck, failing or cannot be sent."""
    found = site().status()
    if as_json:
        print_json(found.as_json())
    else:
        for line in _status_lines(found):
            click.echo(line)
    if not found.healthy:
        raise SystemExit(1)


def _status_lines(found: Status) -> list[str]:
    numbers, settings = found.statistics, found.settings.settings
    lines = [
        f"state      {found.state.value}",
        f"server     {settings.host or 'not set'}"
        + (f":{settings.port} ({settings.security.value})" if settings.host else ""),
        f"queue      {numbers.queued:,} queued, {numbers.deferred:,} deferred, "
        f"{numbers.sending:,} sending",
        f"24 hours   {numbers.sent:,} sent, {numbers.failed:,} failed",
        f"rate       {numbers.taken:,} of {settings.batch_size:,} in the last "
        f"{settings.poll_interval} s",
    ]
    if numbers.oldest_waiting is not None:
        lines.append(f"waiting    the oldest for {numbers.oldest_waiting:.0f} s")
    if found.gate is not None:
        gate = found.gate
        said = f"{gate.code} {gate.reply}" if gate.code else gate.reply
        lines.append(f"failing    since {stamp(gate.failing_since)} at {gate.stage}: {said}")
        lines.append(f"next try   {stamp(gate.retry_at)}")
    lines += [f"sender     {s.name}, seen {stamp(s.seen_at)}" for s in found.senders] or [
        "sender     none is running"
    ]
    return lines


@command("test")
@click.argument("recipient", required=False)
@as_json
def test(recipient: str | None, as_json: bool) -> None:
    """Send a test mail to RECIPIENT (the default sender if left out) with the stored settings.

    Exit code 0: accepted; 1: not.
    """
    plato = site()
    stored = plato.load_settings()
    if not stored.settings.configured:
        raise ConfigurationError(
            "Mail is not configured: set the default sender and the server in Email Settings."
        )
    if stored.unreadable:
        raise ConfigurationError(
            f"The stored {' and '.join(sorted(stored.unreadable))} cannot be decrypted. "
            "Enter it again in Email Settings."
        )
    to = recipient or stored.settings.sender_address
    report = plato.test(stored.settings, to, origin=socket.gethostname())
    if as_json:
        print_json(_report_json(report))
    else:
        _print_report(report)
    if report.outcome != "sent":
        raise SystemExit(1)


def _print_report(report: TestReport) -> None:
    for step in report.steps:
        mark = click.style("ok    ", fg="green") if step.ok else click.style("failed", fg="red")
        click.echo(f"{mark} {step.stage.value:<10} {step.milliseconds:>6.0f} ms  {step.detail}")
    if report.receipt is not None:
        click.echo(f"Accepted for {report.recipient}: {report.receipt.code} {report.receipt.reply}")
    if report.diagnosis is not None:
        click.echo()
        click.echo(report.diagnosis.title)
        click.echo(report.diagnosis.why)
        for number, advice in enumerate(report.diagnosis.steps, 1):
            click.echo(f"  {number}. {advice}")


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
            "verdict": error.verdict.value,
            "code": error.code,
            "enhanced": error.enhanced or None,
            "reply": error.reply,
        },
        "diagnosis": None
        if diagnosis is None
        else {
            "code": diagnosis.code,
            "field": diagnosis.field,
            "title": diagnosis.title,
            "why": diagnosis.why,
            "steps": list(diagnosis.steps),
        },
    }


def counted(tally: dict[str, int]) -> str:
    """Return "3 messages sent, 1 message deferred", or that there was nothing."""
    return (
        ", ".join(f"{plural(n, 'message')} {what}" for what, n in tally.items()) or "Nothing due."
    )
