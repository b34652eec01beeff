"""The benchmarks run and count right; their figures are not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_measurement_runs() -> None:
    """A trial run without the peers ends well: sinks have counted each mail, queues are empty."""
    command = [sys.executable, "benchmarks/report.py", "--quick", "--alone"]
    run = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=230)
    assert run.returncode == 0, run.stderr
    titles = [line for line in run.stdout.splitlines() if line.startswith("### ")]
    assert titles[0] == "### Building the bytes"
    assert "### Drain into smtp-sink, queue on SQLite" in titles
