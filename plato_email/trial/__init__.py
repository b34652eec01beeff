"""The trial: one test over the real path, by the page, the command and the test suite alike.

`run_trial` is the engine. `Trials` puts it to work for a page: within the site's rate, with every
stage stored as it happens, so that any process can tell how far it is.
"""

from __future__ import annotations

from .conduct import Asked, Trials
from .engine import DEADLINE, Kind, TestReport, run_trial
from .log import TrialLog
from .noted import entry
from .values import State, Trial

__all__ = [
    "DEADLINE",
    "Asked",
    "Kind",
    "State",
    "TestReport",
    "Trial",
    "TrialLog",
    "Trials",
    "entry",
    "run_trial",
]
