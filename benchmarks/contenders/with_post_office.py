"""django-post_office in its best setting for one process: one thread, batches of 1,000, no log."""

from __future__ import annotations

import time

from contender import Job, Work, play
from django_site import configure, migrate
from sample import HTML, RECIPIENT, SENDER, TEXT, subject

NO_LOG = 0


def _set_up(job: Job, batch: int = 1000) -> None:
    office = {"BATCH_SIZE": batch, "THREADS_PER_PROCESS": 1, "LOG_LEVEL": NO_LOG}
    configure(job, "post_office", POST_OFFICE=office, DEFAULT_FROM_EMAIL=SENDER)


def _fields(number: int) -> dict[str, object]:
    return {
        "recipients": [RECIPIENT],
        "sender": SENDER,
        "subject": subject(number),
        "message": TEXT,
        "html_message": HTML,
    }


def fill(job: Job) -> Work:
    """Make the tables and queue mails."""
    yield
    _set_up(job)
    migrate()
    from post_office import mail

    for start in range(0, job.count, 500):
        mail.send_many([_fields(n) for n in range(start, min(start + 500, job.count))])
    return None


def drain(job: Job) -> Work:
    """Send batch after batch until the queue is empty."""
    _set_up(job)
    from post_office import mail

    yield
    while mail.send_queued(processes=1, log_level=NO_LOG)[0]:
        pass
    return {"left": mail.get_queued().count()}


def enqueue(job: Job) -> Work:
    """Queue mails one by one; Django commits each."""
    _set_up(job)
    migrate()
    from post_office import mail

    for number in range(50):
        mail.send(**_fields(number))
    yield
    for number in range(job.count):
        mail.send(**_fields(number))
    return None


def claim(job: Job) -> Work:
    """Ask for the next 50 mails of a queue of ``count``."""
    _set_up(job, batch=50)
    migrate()
    from post_office import mail
    from post_office.models import PRIORITY, STATUS, Email

    for start in range(0, job.count, 1000):
        Email.objects.bulk_create(
            Email(
                from_email=SENDER,
                to=[RECIPIENT],
                subject=subject(start + n),
                message=TEXT,
                html_message=HTML,
                priority=PRIORITY.medium,
                status=STATUS.queued,
            )
            for n in range(1000)
        )
    times = []
    yield
    for _ in range(job.options["turns"]):
        begin = time.perf_counter()
        assert len(list(mail.get_queued())) == 50
        times.append(time.perf_counter() - begin)
    return {"times": times}


if __name__ == "__main__":
    play({"fill": fill, "drain": drain, "enqueue": enqueue, "claim": claim})
