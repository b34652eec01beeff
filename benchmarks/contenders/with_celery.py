"""Celery on Redis: a task that sends ready bytes over a kept connection; one prefork child."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import Celery
from contender import Job, Work, cpu_of, play
from sample import RECIPIENT, ready

BROKER, PORT = "BENCH_BROKER", "BENCH_PORT"
app = Celery("with_celery", broker=os.environ.get(BROKER, ""))
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=1)
_kept: list[smtplib.SMTP] = []


@app.task(name="send_mail")
def send_mail(number: int) -> None:
    """Send one mail."""
    if not _kept:
        _kept.append(smtplib.SMTP("127.0.0.1", int(os.environ[PORT])))
    _kept[0].sendmail("shop@example.org", [RECIPIENT], ready(number))


@contextmanager
def _worker(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    os.environ[BROKER], os.environ[PORT] = job.options["broker"], str(job.port)
    app.conf.broker_url = job.options["broker"]
    command = [sys.executable, "-m", "celery", "-A", "with_celery", "worker", "-c", "1"]
    command += ["--loglevel", "ERROR"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    folder = Path(__file__).parent
    with subprocess.Popen(command, cwd=folder, **quiet) as worker:  # type: ignore[call-overload]
        try:
            while not app.control.ping(timeout=0.5):
                pass
            yield worker
        finally:
            worker.terminate()


def latency(job: Job) -> Work:
    """Put single tasks; a worker process sends them."""
    with _worker(job):
        send_mail.delay(-1)
        time.sleep(1)
        yield
        committed = []
        for number in range(job.count):
            send_mail.delay(number)
            committed.append(time.monotonic_ns())
            time.sleep(job.options["pause"])
        time.sleep(1.0)
    return {"committed": committed}


def idle(job: Job) -> Work:
    """Let the worker run with nothing to do."""
    with _worker(job) as worker:
        yield
        before = cpu_of(worker.pid)
        time.sleep(job.options["window"])
        used = cpu_of(worker.pid) - before
    return {"used": used}


if __name__ == "__main__":
    play({"latency": latency, "idle": idle})
