"""The settings page: shown, saved, and given back where it could not be saved."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from flask import redirect, request, url_for

from ..errors import SettingsConflict, SettingsError
from ..filling import BUTTON, read
from ..forms import BY_NAME, SettingsForm
from ..settings import Mode, clean_settings
from .actor import actor
from .audit import note
from .pages import (
    is_fragment,
    notify,
    remember_recipient,
    remembered_recipient,
    render,
    take_notice,
)
from .security import ask
from .sender_domain import make_offer, presets
from .sites import current_site

if TYPE_CHECKING:
    from flask import Response
    from flask.typing import ResponseReturnValue

    from ..settings import Cleaned, StoredSettings
    from .sender_domain import Offer

_SENDS_THE_FORM = frozenset(
    f"plato_email.{name}" for name in ("save_settings", "fill_settings", "test_messages")
)


def index() -> ResponseReturnValue:
    """Go to the first page."""
    return redirect(url_for("plato_email.settings"), 303)


def show() -> ResponseReturnValue:
    """The settings in force, and once, that they were saved."""
    form = SettingsForm.of(current_site().load_settings()).to(remembered_recipient())
    # A HEAD, which has no page, must not use the notice up.
    notice, notes = take_notice() if request.method == "GET" else ("", {})
    return page(form.saying(notes=notes), notice=notice)


def save() -> ResponseReturnValue:
    """Store what was typed, or give it back with what is wrong."""
    stored = current_site().load_settings()
    form = typed_form(stored)
    cleaned = judge(form, stored)
    form = form.saying(cleaned.problems, cleaned.notes)
    if cleaned.problems:
        return page(form, 422)
    try:
        store(form, stored, cleaned)
    except SettingsConflict as conflict:
        return page(form.against(current_site().load_settings()), 409, conflict=conflict)
    except SettingsError as error:
        return page(form.saying(error.problems), 422)
    notify("Settings saved.", cleaned.notes)
    return redirect(url_for("plato_email.settings"), 303)


def fill() -> ResponseReturnValue:
    """Give the form back with what a button fills in. Nothing is stored, nothing is judged.

    Without such a button it is asked whose mail the sender is, where no script does.
    """
    form = typed_form(current_site().load_settings())
    names = [name for name in read(request.form.get(BUTTON, "")) if name not in form.pinned]
    filled = [BY_NAME[name].label for name in names if name in BY_NAME]
    return page(form, filled=filled, offer=None if filled else _offer(form, ask=True))


def typed_form(stored: StoredSettings) -> SettingsForm:
    """The form as it was sent; whom the test mails go to is remembered for this session."""
    form = SettingsForm.typed(request.form, stored, comes_back=not is_fragment())
    if "recipient" in request.form:
        remember_recipient(str(form.values["recipient"]), stored.settings.sender_address)
    return form


def judge(form: SettingsForm, stored: StoredSettings) -> Cleaned:
    """Apply the rules to what was typed, over what is stored."""
    return clean_settings(
        form.raw(), stored.settings, unreadable=stored.unreadable, pinned=stored.pinned
    )


def store(form: SettingsForm, before: StoredSettings, cleaned: Cleaned) -> None:
    """Save, in the name of whoever is signed in, and note which fields changed.

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
    names = _changed(before, cleaned)
    note("settings.saved", fields=names)
    if {"mode", "redirect_to", "allowed_recipients"} & set(names):
        was, now = before.settings, cleaned.settings
        to = {"to": now.redirect_to} if now.mode == Mode.REDIRECT else {}
        note("mode.changed", now.mode, before=was.mode, **to)


def _changed(before: StoredSettings, cleaned: Cleaned) -> list[str]:
    """The names of the fields that differ now, never their values."""
    was, now = before.settings, cleaned.settings
    names = [each.name for each in fields(now) if each.name != "password"]
    found = [name for name in names if getattr(was, name) != getattr(now, name)]
    return found if cleaned.keep_password or was.password == now.password else [*found, "password"]


def expired() -> Response:
    """Give back what was typed where the form's token is too old: nothing was done with it."""
    if is_fragment():
        return render("_expired.html", 400)
    if request.endpoint not in _SENDS_THE_FORM:
        return render("expired.html", 400)
    form = SettingsForm.typed(request.form, current_site().load_settings())
    return page(form, 400, is_expired=True)


def page(form: SettingsForm, code: int = 200, **context: object) -> Response:
    """The whole page around a form; the user name only for those who may change it."""
    if ask(current_site(), "edit_settings") is not True:
        form = form.concealing("username")
    context.setdefault("offer", _offer(form))
    context["presets"] = presets(str(form.values["default_sender"]))
    return render("settings.html", code, form=form, status=current_site().status(), **context)


def _offer(form: SettingsForm, *, ask: bool = False) -> Offer | None:
    sender, host = (str(form.values[name]) for name in ("default_sender", "host"))
    return make_offer(sender, host, form.pinned, ask=ask)
