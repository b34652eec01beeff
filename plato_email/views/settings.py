"""The settings page: shown, saved, and given back where it could not be saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import redirect, request, url_for

from ..errors import SettingsConflict, SettingsError
from ..forms import SettingsForm
from ..settings import clean_settings
from .actor import actor
from .pages import is_fragment, notify, render, take_notice
from .sites import current_site

if TYPE_CHECKING:
    from flask import Response
    from flask.typing import ResponseReturnValue

    from ..settings import Cleaned, StoredSettings


def index() -> ResponseReturnValue:
    """Go to the first page."""
    return redirect(url_for("plato_email.settings"), 303)


def show() -> ResponseReturnValue:
    """The settings in force, and once, that they were saved."""
    form = SettingsForm.of(current_site().load_settings())
    notice, notes = take_notice()
    return page(form.saying(notes=notes), notice=notice)


def save() -> ResponseReturnValue:
    """Store what was typed, or give it back with what is wrong."""
    stored = current_site().load_settings()
    form = SettingsForm.typed(request.form, stored)
    cleaned = judge(form, stored)
    form = form.saying(cleaned.problems, cleaned.notes)
    if cleaned.problems:
        return page(form, 422)
    try:
        store(form, cleaned)
    except SettingsConflict as conflict:
        return page(form.against(current_site().load_settings()), 409, conflict=conflict)
    except SettingsError as error:
        return page(form.saying(error.problems), 422)
    notify("Settings saved.", cleaned.notes)
    return redirect(url_for("plato_email.settings"), 303)


def judge(form: SettingsForm, stored: StoredSettings) -> Cleaned:
    """Apply the rules to what was typed, over what is stored."""
    return clean_settings(
        form.raw(), stored.settings, unreadable=stored.unreadable, pinned=stored.pinned
    )


def store(form: SettingsForm, cleaned: Cleaned) -> None:
    """Save, in the name of whoever is signed in.

    Raises:
        SettingsConflict: somebody else has saved since the page was opened.
        SettingsError: a field cannot be stored.
    """
    current_site().save_settings(
        cleaned.settings,
        version=form.version,
        by=actor(),
        keep_password=cleaned.keep_password,
    )


def expired() -> Response:
    """Give back what was typed where the form's token is too old: nothing was done with it."""
    if is_fragment():
        return render("_expired.html", 400)
    if request.endpoint not in ("plato_email.save_settings", "plato_email.test_messages"):
        return render("expired.html", 400)
    form = SettingsForm.typed(request.form, current_site().load_settings())
    return page(form, 400, is_expired=True)


def page(form: SettingsForm, code: int = 200, **context: object) -> Response:
    """The whole page around a form."""
    return render("settings.html", code, form=form, status=current_site().status(), **context)
