"""``flask email status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import said
from ..settings import Mode
from ..status import stamp
from .common import as_json, command, plural, print_json, site

if TYPE_CHECKING:
    from ..settings import Settings
    from ..status import Status


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
        f"mode       {_mode(settings)}",
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
        words = said(gate.code, gate.reply)
        where = f"{gate.server} at {gate.stage}" if gate.server else f"at {gate.stage}"
        lines.append(f"failing    since {stamp(gate.failing_since)}, {where}: {words}")
        if found.diagnosis is not None:
            lines.append(f"cause      {found.diagnosis.title} ({found.diagnosis.code})")
        lines.append(f"next try   {stamp(gate.retry_at)}")
    if (failed := found.last_error) is not None and failed.error_at is not None:
        lines.append(f"error      {stamp(failed.error_at)} in {failed.name}: {failed.error}")
    lines += [f"sender     {s.name}, seen {stamp(s.seen_at)}" for s in found.senders] or [
        "sender     none is running"
    ]
    return lines


def _mode(settings: Settings) -> str:
    match settings.mode:
        case Mode.REDIRECT:
            return f"redirect to {settings.redirect_to or 'nobody: no address is set'}"
        case Mode.ALLOW:
            return f"allow {settings.allowed_recipients or 'nobody: the list is empty'}"
        case other:
            return other


def counted(tally: dict[str, int]) -> str:
    """Return "3 messages sent, 1 message deferred", or that there was nothing."""
    return (
        ", ".join(f"{plural(n, 'message')} {what}" for what, n in tally.items()) or "Nothing due."
    )
