"""The animals that live in a network of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.support.documents import ROOT

from .apart import ANIMALS
from .keeper import Animal

ENTER = ["unshare", "--net", "--mount", "--"]


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What each was taken for."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("no unshare or no ip; on Debian: apt-get install util-linux iproute2")
    if subprocess.run([*ENTER, "true"], capture_output=True).returncode:
        pytest.skip("this user may not have a network namespace")
    ran = subprocess.run(
        [*ENTER, sys.executable, "-m", "tests.zoo.apart"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return {each["name"]: each["code"] for each in map(json.loads, ran.stdout.splitlines())}


@pytest.mark.parametrize("animal", ANIMALS, ids=lambda animal: animal.name)
def test_each_is_told_for_what_it_is(animal: Animal, told: dict[str, str]) -> None:
    """Names without an answer, ways that lead nowhere, and passwords on an open line."""
    assert told[animal.name] == animal.code
