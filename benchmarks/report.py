"""Run every measurement, one after the other, and print one report.

    python benchmarks/report.py [--quick] [--write] [NAME ...]

With ``--write`` the report takes the place of the last one in benchmarks/README.md.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from statistics import median

import bench_browse
import bench_claim
import bench_compose
import bench_drain
import bench_enqueue
import bench_far_server
import bench_idle
import bench_latency
import bench_overview
import bench_processes
from harness import PEERS, Bench, arguments, benching
from servers import SERVER, smtp_sink
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- report: begin -->", "<!-- report: end -->"
MEASUREMENTS = {
    "compose": bench_compose.measure,
    "enqueue": bench_enqueue.measure,
    "latency": bench_latency.measure,
    "idle": bench_idle.measure,
    "far_server": bench_far_server.measure,
    "claim": bench_claim.measure,
    "browse": bench_browse.measure,
    "drain": bench_drain.measure,
    "processes": bench_processes.measure,
    "overview": bench_overview.measure,
}
PACKAGES = (
    "django-post_office",
    "django-mailer",
    "Django",
    "procrastinate",
    "celery",
    "Flask-Mail",
)


def main() -> None:
    """Run what the command line names, or all."""
    options = arguments(__doc__, MEASUREMENTS)
    with benching(options) as bench:
        report = "\n".join(_sections(bench, options.names or list(MEASUREMENTS)))
    print(report)
    if options.write:
        before, _, rest = README.read_text().partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n\n{report}\n{END}{rest.partition(END)[2]}")


def _sections(bench: Bench, names: list[str]) -> Iterator[str]:
    start, stolen = time.monotonic(), _stolen()
    tables = []
    for name in names:
        print(f"{name}:", file=sys.stderr)
        tables += [table.markdown(judged=not bench.quick) for table in MEASUREMENTS[name](bench)]
    took = time.monotonic() - start
    yield "\n".join(_facts(bench, took, (_stolen() - stolen) / took))
    yield from tables


def _facts(bench: Bench, took: float, stolen: float) -> Iterator[str]:
    """What the figures were taken with."""
    yield f"- Machine: {os.cpu_count()} x {_processor()}, {platform.system()} {platform.release()}"
    yield f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {_postgresql()}"
    yield f"- Ours: {_versions('plato-email', 'SQLAlchemy', 'psycopg')}"
    yield f"- Peers: {_peers() if bench.peers else 'not installed'}"
    yield f"- Sink: {'smtp-sink of Postfix' if smtp_sink() else 'benchmarks/sink.py'}"
    if bench.quick:
        yield "- A trial: cases ran side by side, so that no figure says much"
    rounds = f"at most {bench.rounds} round{'s' * (bench.rounds > 1)}"
    yield f"- Run: {time.strftime('%Y-%m-%d')}, {rounds}, {took / 60:.0f} minutes"
    loads = bench.foreign or [0.0]
    yield (
        f"- Others on the machine as each measurement began: median {median(loads):.2f}, at worst "
        f"{max(loads):.2f} of one core; {stolen:.2f} of one core stolen by other guests\n"
    )


def _versions(*names: str) -> str:
    return ", ".join(f"{name} {version(name)}" for name in names)


def _peers() -> str:
    code = "import sys; from importlib.metadata import version as v; "
    code += "print(', '.join(f'{n} {v(n)}' for n in sys.argv[1:]))"
    command = [str(PEERS), "-c", code, *PACKAGES]
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()


def _postgresql() -> str:
    engine = create_engine(SERVER)
    try:
        with engine.connect() as connection:
            said = str(connection.scalar(text("SHOW server_version")))
            return f"PostgreSQL {said.split()[0]} with its default settings"
    except OperationalError:
        return "no PostgreSQL"
    finally:
        engine.dispose()


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _stolen() -> float:
    """Seconds of CPU that the hypervisor has given to others."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(words[8]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
