"""``flask email send-due``, ``run``, ``retry`` and ``purge``."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from ..durations import span
from ..errors import ConfigurationError
from ..outbox import PURGEABLE
from ..settings import unreadable
from ..worker import retention
from .common import as_json, command, noted, plural, print_json, site
from .reports import counted

if TYPE_CHECKING:
    from ..site import Site


@command("send-due")
@as_json
def send_due(as_json: bool) -> None:
    """Send what is due now, as far as Batch Size allows, and end: for cron or Celery."""
    plato = site()
    _refuse_when_off(plato)
    worker = plato.make_worker()
    with _stopping_on_signals(worker.delivery.stopping.set):
        try:
            worker.drain()
        finally:
            worker.delivery.hang_up()
    tally = dict(worker.delivery.tally)
    gate = plato.outbox.gate()
    if as_json:
        print_json({"outcomes": tally, "failing": gate is not None})
    else:
        click.echo(counted(tally))
    if gate is not None:
        raise click.ClickException(f"No mail can be sent ({gate.stage}): {gate.reply}")


@command("run")
def run() -> None:
    """Be a sender process until SIGTERM or Ctrl-C: the message in hand is finished first.

    Web processes then set PLATO_EMAIL_POLLER = False. Run as many as wanted.
    """
    plato = site()
    click.echo(f"Sending mail as process {os.getpid()}. Ctrl-C ends it.")
    with _stopping_on_signals(plato.poller.ask_to_stop):
        plato.poller.start()
        while plato.poller.alive:
            plato.poller.join(1.0)
    plato.database.dispose()


@command("retry")
@click.argument("ids", nargs=-1, type=click.IntRange(1, 2**63 - 1))
@click.option("--all", "everything", is_flag=True, help="Every failed message.")
@as_json
def retry(ids: tuple[int, ...], everything: bool, as_json: bool) -> None:
    """Queue failed messages again, their attempts from zero.

    One that was sent, but not to all its recipients, goes to the others; by its id alone.
    """
    if bool(ids) == everything:
        raise click.UsageError("Name the ids of messages, or --all.")
    plato = site()
    outbox = plato.outbox
    if everything:
        total = outbox.failed_count()
        done = sum(_with_bar(outbox.retry_failed(), total, "Retrying", quiet=as_json))
    else:
        total, done = len(ids), sum(outbox.retry(number) for number in ids)
    if done:
        what = "all failed" if everything else ", ".join(map(str, ids))
        noted(plato, "message.retried", what, count=done)
    if as_json:
        print_json({"requeued": done, "asked": total})
    else:
        click.echo(f"{done:,} of {plural(total, 'message')} queued again.")
    if done < total:
        raise click.ClickException(
            f"{plural(total - done, 'message')} left as is: "
            "not there, not failed, or without stored content."
        )


@command("purge")
@click.option(
    "--state",
    type=click.Choice(PURGEABLE),
    help="Only messages that are so; by default all of them, each by its own retention.",
)
@click.option("--days", type=click.IntRange(0, 3650), help="Older than this, not the retention.")
@click.option("--dry-run", is_flag=True, help="Only say how many would be deleted.")
@as_json
def purge(state: str | None, days: int | None, dry_run: bool, as_json: bool) -> None:
    """Delete finished messages that are older than their retention, in small steps.

    Delivery goes on meanwhile. What was deleted on the pages goes an hour later; at once with
    --state deleted --days 0.
    """
    plato = site()
    rules = retention(plato.config)
    asked = None if days is None else timedelta(days=days)
    ages = [(s, age if asked is None else asked) for s, age in rules if state in (None, s)]
    counts = {s: plato.outbox.purgeable_count(s, age) for s, age in ages}
    total = sum(counts.values())
    if dry_run:
        _print_plan(ages, counts, as_json=as_json)
        return
    steps = (count for s, age in ages for count in plato.outbox.purge(s, age))
    gone = sum(_with_bar(steps, total, "Purging", quiet=as_json))
    if as_json:
        print_json({"deleted": gone})
    else:
        click.echo(f"{plural(gone, 'message')} deleted.")
    if gone:
        states = [str(s) for s, _ in ages]
        noted(plato, "queue.purged", str(gone), states=states, days=days)


def _print_plan(
    ages: Sequence[tuple[str, timedelta]], counts: Mapping[str, int], *, as_json: bool
) -> None:
    """Say what a purge would delete."""
    if as_json:
        print_json({"would_delete": {str(s): count for s, count in counts.items()}})
        return
    for status, age in ages:
        long = (
            span(age.total_seconds())
            if age < timedelta(days=1) and age
            else plural(age.days, "day")
        )
        words = f"{plural(counts[status], 'message')} older than {long}"
        click.echo(f"{status:<10} {words}")


def _refuse_when_off(plato: Site) -> None:
    stored = plato.load_settings()
    if not stored.settings.configured:
        raise ConfigurationError("Mail is not configured: nothing can be sent.")
    if stored.settings.held:
        raise ConfigurationError("Mail is held by the mode in Email Settings.")
    if not stored.settings.polling_enabled:
        raise ConfigurationError("Outbound polling is switched off in Email Settings.")
    if stored.unreadable:
        raise ConfigurationError(unreadable(stored.unreadable))


def _with_bar(steps: Iterator[int], total: int, label: str, *, quiet: bool) -> Iterator[int]:
    """Yield the steps under a progress bar; a pipe and ``--json`` get none."""
    if quiet or not total:
        yield from steps
        return
    with click.progressbar(length=total, label=label) as bar:
        for count in steps:
            bar.update(count)
            yield count


@contextlib.contextmanager
def _stopping_on_signals(stop: Any) -> Iterator[None]:
    """Ask to stop on the first SIGTERM or Ctrl-C; a second one ends at once."""
    before: dict[int, Any] = {}

    def asked(number: int, _: object) -> None:
        stop()
        signal.signal(number, before[number])

    for each in (signal.SIGTERM, signal.SIGINT):
        before[each] = signal.signal(each, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
