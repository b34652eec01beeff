"""django-mailer as it comes: one process, one commit a mail."""

from __future__ import annotations

import time
from pathlib import Path

from contender import Job, Work, play
from django_site import configure, migrate
from sample import HTML, RECIPIENT, SENDER, TEXT, subject


def _set_up(job: Job) -> None:
    configure(job, "mailer", MAILER_LOCK_PATH=str(Path(job.folder) / "mailer"))


def _queue(number: int) -> None:
    import mailer

    mailer.send_html_mail(subject(number), TEXT, HTML, SENDER, [RECIPIENT])


def fill(job: Job) -> Work:
    """Make the tables and queue mails."""
    yield
    _set_up(job)
    migrate()
    from django.db import transaction

    with transaction.atomic():
        for number in range(job.count):
            _queue(number)
    return None


def drain(job: Job) -> Work:
    """Send all that is queued."""
    _set_up(job)
    from mailer.engine import send_all
    from mailer.models import Message

    yield
    send_all()
    return {"left": Message.objects.count()}


def enqueue(job: Job) -> Work:
    """Queue mails one by one; Django commits each."""
    _set_up(job)
    migrate()
    for number in range(50):
        _queue(number)
    yield
    for number in range(job.count):
        _queue(number)
    return None


def claim(job: Job) -> Work:
    """Ask for the next 50 mails of a queue of ``count``."""
    _set_up(job)
    migrate()
    _queue(0)
    from mailer.engine import prioritize
    from mailer.models import Message

    data = Message.objects.get().message_data
    for _ in range(0, job.count, 1000):
        Message.objects.bulk_create(Message(message_data=data) for _ in range(1000))
    times = []
    yield
    for _ in range(job.options["turns"]):
        begin = time.perf_counter()
        assert len(list(prioritize()[:50])) == 50
        times.append(time.perf_counter() - begin)
    return {"times": times}


if __name__ == "__main__":
    play({"fill": fill, "drain": drain, "enqueue": enqueue, "claim": claim})
