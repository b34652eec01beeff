"""procrastinate: a task on PostgreSQL that sends ready bytes over a kept connection."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import procrastinate
from contender import Job, Work, cpu_of, play
from sample import RECIPIENT, ready

DATABASE, PORT = "BENCH_DATABASE", "BENCH_PORT"
connector = procrastinate.PsycopgConnector(conninfo=os.environ.get(DATABASE, ""))
app = procrastinate.App(connector=connector)
_kept: list[smtplib.SMTP] = []


@app.task(name="send_mail")
def send_mail(number: int) -> None:
    """Send one mail."""
    if not _kept:
        _kept.append(smtplib.SMTP("127.0.0.1", int(os.environ[PORT])))
    _kept[0].sendmail("shop@example.org", [RECIPIENT], ready(number))


@contextmanager
def _worker(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    conninfo = job.database.replace("+psycopg", "")
    os.environ[DATABASE], os.environ[PORT] = conninfo, str(job.port)
    command = [sys.executable, __file__, "worker"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        time.sleep(3)
        try:
            yield worker
        finally:
            worker.terminate()


def _deferring(job: Job) -> procrastinate.App:
    conninfo = job.database.replace("+psycopg", "")
    sync = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=conninfo))
    sync.open()
    sync.schema_manager.apply_schema()
    return sync


def latency(job: Job) -> Work:
    """Defer single tasks; a worker process sends them."""
    sync = _deferring(job)
    with _worker(job):
        task = sync.configure_task("send_mail", allow_unknown=True)
        task.defer(number=-1)
        time.sleep(1)
        yield
        committed = []
        for number in range(job.count):
            task.defer(number=number)
            committed.append(time.monotonic_ns())
            time.sleep(job.options["pause"])
        time.sleep(1.0)
    sync.close()
    return {"committed": committed}


def idle(job: Job) -> Work:
    """Let the worker run with nothing to do."""
    sync = _deferring(job)
    with _worker(job) as worker:
        yield
        before = cpu_of(worker.pid)
        time.sleep(job.options["window"])
        used = cpu_of(worker.pid) - before
    sync.close()
    return {"used": used}


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        with app.open():
            app.run_worker(concurrency=1)
    else:
        play({"latency": latency, "idle": idle})
