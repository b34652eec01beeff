"""The test: made with what is typed, saved or not, and told stage by stage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flask import request

from ..errors import MessageError, SettingsError, TooManyTests
from ..forms import SettingsForm
from ..message import parse_address
from ..settings import LOGIN_INSIDE, Cleaned, read_address
from ..smtp import Security
from ..trial import Asked, Kind, entry
from . import user_name
from .actor import actor
from .audit import note_later
from .pages import is_fragment, render
from .security import ask
from .settings import judge, page, typed_form
from .sites import current_site
from .stages import headline, stage_lines, waited_for

if TYPE_CHECKING:
    from flask import Response
    from flask.typing import ResponseReturnValue

    from ..settings import Settings, StoredSettings
    from ..trial import Trial

SLOW = 3.0
"""Seconds after which a screen reader is told what is being waited for."""


def create() -> ResponseReturnValue:
    """Begin a test with the values of the form; nothing is stored but what comes of it.

    A script is answered at once and asks `show` how it goes; a plain form waits for the end.
    """
    stored = current_site().load_settings()
    form, cleaned = _asked_form(stored)
    recipient, missing = _recipient(form)
    problems = {**_untestable(cleaned.settings), **missing, **cleaned.problems}
    form = form.saying(problems, cleaned.notes)
    if problems:
        return _refused(form)
    kind = Kind.CHECK if request.args.get("kind") == Kind.CHECK else Kind.SEND
    asked = Asked(cleaned.settings, recipient, kind, request.host, actor())
    try:
        return _begun(form, asked)
    except TooManyTests as error:
        return _too_many(form, error)
    except SettingsError as error:
        return _refused(form.saying(error.problems))
    except MessageError as error:
        field = "default_sender" if error.field == "sender" else "recipient"
        return _refused(form.saying({field: error.problem}))


def show(token: str) -> ResponseReturnValue:
    """How far a test is; only the page that asked for it knows its token."""
    trial = current_site().trials.find(token)
    form = SettingsForm.of(current_site().load_settings())
    if trial is None:
        return _answer(form, 404, is_forgotten=True, aloud="This test is not known any more")
    # What was typed is not stored; of it, only what opens and closes parts of the page is known.
    values = {**form.values, "use_tls": trial.security is not Security.NONE}
    return _told(replace(form, values=values, requires_login=trial.login), trial)


def _asked_form(stored: StoredSettings) -> tuple[SettingsForm, Cleaned]:
    """The form that is to be tested: the saved settings for who may not change them."""
    typed = typed_form(stored)
    if ask(current_site(), "edit_settings") is True:
        return typed, judge(typed, stored)
    opened = SettingsForm.of(stored)
    values = {**opened.values, "recipient": typed.values["recipient"]}
    lost = {name: f"The stored {name} cannot be read." for name in stored.unreadable}
    return replace(opened, values=values), Cleaned(stored.settings, lost, {}, keep_password=True)


def _begun(form: SettingsForm, asked: Asked) -> Response:
    trials = current_site().trials
    note = note_later()

    def ended(trial: Trial) -> None:
        action, detail = entry(asked, trial)
        note(action, **detail)

    if is_fragment() and not current_site().in_memory:
        return _told(form, trials.start(asked, ended), is_begun=True)
    return _told(form, trials.run(asked, ended))


def _told(form: SettingsForm, trial: Trial, **context: object) -> Response:
    """The trial, with its fault next to the field that it is put down to."""
    name = user_name.of_trial(trial)
    trial = user_name.named(trial, name)
    found = trial.diagnosis
    if trial.over and not trial.good and found is not None and found.field in form.values:
        form = form.saying({found.field: found.title})
    said = {"trial": trial, "stages": stage_lines(trial), "headline": headline(trial)}
    return _answer(form, 200, aloud=_aloud(trial), user_name=name, **said, **context)


def _aloud(trial: Trial) -> str:
    """What a screen reader says: little while it runs, and the outcome."""
    if trial.over:
        return headline(trial)
    waited = (current_site().clock.now() - trial.started_at).total_seconds()
    stage = waited_for(trial)
    return f"Waiting: {stage}" if waited > SLOW and stage else "Testing"


def _refused(form: SettingsForm) -> Response:
    return _answer(form, 422, is_test=True, aloud="Nothing was tested: a field needs a change")


def _too_many(form: SettingsForm, error: TooManyTests) -> Response:
    answer = _answer(form, 429, too_many=error, aloud="Nothing was tested: too many tests")
    answer.headers["Retry-After"] = str(max(1, round(error.seconds)))
    return answer


def _answer(form: SettingsForm, code: int, **context: object) -> Response:
    if not is_fragment():
        return page(form, code, **{"is_test": True, "is_page": True, **context})
    status = current_site().status()
    return render("_test_answer.html", code, form=form, status=status, **context)


def _recipient(form: SettingsForm) -> tuple[str, dict[str, str]]:
    typed = str(form.values["recipient"])
    if "recipient" in form.unshown:
        return "", {"recipient": LOGIN_INSIDE}
    if not typed:
        return "", {"recipient": "Type the address that the test goes to."}
    try:
        return parse_address(read_address(typed)[0]).addr_spec, {}
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
