"""The stages of a test as a page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Stage
from ..trial import State

if TYPE_CHECKING:
    from ..trial import Trial

LABELS = {
    Stage.RESOLVE: "Name lookup",
    Stage.CONNECT: "Connection",
    Stage.GREETING: "Greeting",
    Stage.EHLO: "Introduction",
    Stage.TLS: "Encryption",
    Stage.LOGIN: "Login",
    Stage.SENDER: "Sender",
    Stage.RECIPIENT: "Recipient",
    Stage.DATA: "Message",
    Stage.ACCEPTED: "Acceptance",
}


@dataclass(frozen=True, slots=True)
class StageLine:
    """One stage."""

    stage: Stage
    label: str
    verdict: str
    """ok, failed, skipped, or while the test runs: running, pending."""
    detail: str = ""
    milliseconds: float | None = None


def stage_lines(trial: Trial) -> list[StageLine]:
    """Return one line a stage, in the order of this session."""
    lines = [_line(trial, stage) for stage in trial.stages()]
    if trial.over or any(line.verdict == "failed" for line in lines):
        return [_unreached(line) for line in lines]
    waiting = next((n for n, line in enumerate(lines) if line.verdict == "pending"), None)
    if waiting is not None:
        stage, label = lines[waiting].stage, lines[waiting].label
        lines[waiting] = StageLine(stage, label, "running")
    return lines


def headline(trial: Trial) -> str:
    """What the trial comes to, in one line."""
    if trial.state is State.LOST:
        return "The test was broken off"
    if trial.outcome == "sent":
        return f"Test mail sent to {trial.recipient}"
    if trial.outcome == "checked":
        return f"{trial.host} would take the mail"
    if trial.diagnosis is not None:
        return trial.diagnosis.title
    return "The test failed" if trial.outcome else f"Testing {trial.host}"


def waited_for(trial: Trial) -> str:
    """Return the label of the stage that is under way, or ""."""
    running = (line.label for line in stage_lines(trial) if line.verdict == "running")
    return next(running, "")


def _line(trial: Trial, stage: Stage) -> StageLine:
    taken = [step for step in trial.steps if step.stage is stage]
    if taken:
        spent = sum(step.milliseconds for step in taken)
        verdict = "ok" if taken[-1].ok else "failed"
        return StageLine(stage, LABELS[stage], verdict, taken[-1].detail, spent)
    if not trial.planned(stage):
        return StageLine(stage, LABELS[stage], "skipped", "not used")
    return StageLine(stage, LABELS[stage], "pending")


def _unreached(line: StageLine) -> StageLine:
    if line.verdict != "pending":
        return line
    return StageLine(line.stage, line.label, "skipped", "not reached")
