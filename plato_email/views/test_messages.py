"""The test mail: sent with what is typed, saved or not, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request

from ..errors import MessageError, SettingsError, Stage
from ..forms import SettingsForm
from ..message import parse_address
from .pages import is_fragment, render
from .settings import judge, page
from .sites import current_site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Response
    from flask.typing import ResponseReturnValue

    from ..settings import Settings
    from ..smtp import Step

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
    """One stage of a test as the page shows it."""

    stage: str
    label: str
    verdict: str
    """ok, failed or skipped."""
    detail: str
    milliseconds: float | None = None


def create() -> ResponseReturnValue:
    """Send a test mail with the values of the form; nothing is stored but the outcome."""
    stored = current_site().load_settings()
    form = SettingsForm.typed(request.form, stored)
    cleaned = judge(form, stored)
    recipient, missing = _recipient(str(form.values["recipient"]))
    problems = {**_untestable(cleaned.settings), **missing, **cleaned.problems}
    form = form.saying(problems, cleaned.notes)
    if problems:
        return _answer(form, 422, is_test=True)
    try:
        report = current_site().test(cleaned.settings, recipient, origin=request.host)
    except SettingsError as error:
        return _answer(form.saying(error.problems), 422, is_test=True)
    except MessageError as error:
        field = "default_sender" if error.field == "sender" else "recipient"
        return _answer(form.saying({field: error.problem}), 422, is_test=True)
    return _answer(
        form,
        report=report,
        recipient=recipient,
        stages=stage_lines(report.steps),
        is_unsaved=cleaned.settings != stored.settings,
    )


def stage_lines(steps: Sequence[Step]) -> list[StageLine]:
    """Return one line a stage in the order of a session; what was not taken is skipped."""
    taken: dict[str, StageLine] = {}
    for step in steps:
        verdict = "ok" if step.ok else "failed"
        before = taken.get(step.stage)
        spent = step.milliseconds + ((before and before.milliseconds) or 0)
        taken[step.stage] = StageLine(step.stage, LABELS[step.stage], verdict, step.detail, spent)
    failed = [line.stage for line in taken.values() if line.verdict == "failed"]
    lines = []
    for each in Stage:
        reached = not failed or list(Stage).index(each) < list(Stage).index(Stage(failed[0]))
        skipped = StageLine(each, LABELS[each], "skipped", "not used" if reached else "not reached")
        lines.append(taken.get(each, skipped))
    return lines


def _answer(form: SettingsForm, code: int = 200, **context: object) -> Response:
    if not is_fragment():
        return page(form, code, **context)
    status = current_site().status()
    return render("_test_answer.html", code, form=form, status=status, **context)


def _recipient(typed: str) -> tuple[str, dict[str, str]]:
    if not typed:
        return "", {"recipient": "Type the address that the test goes to."}
    try:
        return parse_address(typed).addr_spec, {}
    except ValueError as error:
        return "", {"recipient": str(error)}


def _untestable(settings: Settings) -> dict[str, str]:
    """What a test needs and a save does not."""
    needed = {
        "host": (settings.host, "Type the address of the mail server."),
        "default_sender": (settings.default_sender, "Type the address that mail is from."),
    }
    if settings.requires_login:
        needed["password"] = (settings.password, "Type the password: none is stored to log in by.")
    return {name: problem for name, (value, problem) in needed.items() if not value}
