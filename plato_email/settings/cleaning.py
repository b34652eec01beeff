"""A whole form of settings: each field by its rule, then what the fields say about each other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..smtp import Security
from ..smtp.policy import is_loopback
from .address import remark_on_sender
from .pasted import plain
from .rules import RULES, clean_flag
from .server import STARTTLS_PORTS, PastedServer, read_server
from .values import TLS_PORT, Mode, Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TYPE_AGAIN = "The server changed, so the password must be typed again."
_NOT_TYPED = "The user name has no password. Type it, or switch Requires authentication off."
_NOT_TYPED_FOR_PIN = "The user name that the site's configuration sets has no password. Type it."
_NEW_AND_REMOVED = "A new password is typed and the stored one is to be removed. Do one of the two."
_NOBODY = "A password needs a user name. Type it, or switch Requires authentication off."
_NO_USERNAME = "The user name is empty. Type it, or switch Requires authentication off."
_MISSING = "The password is empty. Type it, or switch Requires authentication off."
_IN_THE_CLEAR = (
    "A password would cross the network unencrypted. Tick TLS, or switch Requires authentication "
    "off."
)
_NOBODY_TO_REDIRECT_TO = "Type the address that all mail is to go to, or choose another mode."
_NOBODY_ALLOWED = "Name one address or domain at least, or choose another mode."
_ELSE_AUTOMATIC = "If the test fails, choose Automatic."
_RELATED = ("host", "port", "password")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What came of a form."""

    settings: Settings
    """Every valid field; one with a problem has the value from before."""
    problems: Mapping[str, str]
    """Field -> why it cannot be used. Nothing is to be saved or tested while there is one."""
    notes: Mapping[str, str]
    """Field -> what was changed or is worth knowing."""
    keep_password: bool
    """Whether the stored password stays as it is: for `SettingsStore.save`."""


def clean_settings(
    raw: Mapping[str, object],
    base: Settings,
    *,
    unreadable: Collection[str] = (),
    pinned: Collection[str] = (),
) -> Cleaned:
    """Check a form.

    A stored password is never handed on to another server: where host, port, TLS or user name
    differ from those of ``base`` and no password is typed, the outcome has none, and a problem.

    Args:
        raw: field -> what was typed. A field that is missing keeps its value, so an unticked
            box is given as ``False``. A blank ``password`` keeps the one there is; a true
            ``clear_password`` removes it. A true ``requires_login`` asks for a login: a blank
            user name is a problem then, and not the way to do without one.
        base: the settings in force.
        unreadable: `StoredSettings.unreadable`. Such a password is kept like any other, or
            nothing else could be saved before it is typed again.
        pinned: the fields of `StoredSettings.pinned`. What is typed there is ignored, and a
            pinned password goes to whatever server the settings name.
    """
    form = {name: value for name, value in raw.items() if name not in pinned}
    draft = _Draft(form, base, frozenset(unreadable), frozenset(pinned))
    for name in RULES:
        if name not in _RELATED:
            draft.apply(name)
    server = _clean_host(draft)
    _follow_address(draft, server)
    _clean_port(draft, server)
    _clean_password(draft)
    _require_login(draft)
    _compare(draft)
    return Cleaned(draft.settings, draft.problems, draft.notes, draft.keep_password)


@dataclass
class _Draft:
    """A form on its way to becoming settings."""

    form: Mapping[str, object]
    base: Settings
    unreadable: frozenset[str]
    pinned: frozenset[str]
    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    keep_password: bool = False

    @property
    def settings(self) -> Settings:
        return replace(self.base, **self.values)

    @property
    def typed_port(self) -> str:
        """The port as it was typed; the one from before where none was sent."""
        return plain(str(self.form.get("port", self.base.port))).strip()

    def apply(self, name: str) -> None:
        if name not in self.form:
            return
        try:
            self.values[name], note = RULES[name](self.form[name])
        except ValueError as error:
            self.problems[name] = str(error)
        else:
            self.remark(name, note)

    def remark(self, name: str, note: str | None) -> None:
        """Add to what is said of a field."""
        if note:
            self.notes[name] = f"{self.notes[name]} {note}" if name in self.notes else note

    def ticked(self, name: str) -> bool:
        try:
            return clean_flag(self.form.get(name, False))[0]
        except ValueError as error:
            self.problems[name] = str(error)
            return False


def _clean_host(draft: _Draft) -> PastedServer:
    if "host" not in draft.form:
        return PastedServer(draft.base.host)
    try:
        server = read_server(draft.form["host"])
    except ValueError as error:
        draft.problems["host"] = str(error)
        return PastedServer(draft.base.host)
    draft.values["host"] = server.host
    draft.remark("host", server.note)
    return server


def _follow_address(draft: _Draft, server: PastedServer) -> None:
    """``smtps://`` asks for TLS, unless the site's configuration has decided about it."""
    if server.tls_mode is None or "use_tls" not in draft.form:
        return
    if not draft.settings.use_tls:
        draft.remark("use_tls", "Switched on: the server address asks for TLS.")
    draft.values["use_tls"] = True
    if "tls_mode" in draft.form:
        # Programs call either way SSL: where STARTTLS is spoken, the port decides.
        by_port = server.port is None and draft.typed_port in map(str, STARTTLS_PORTS)
        mode = "automatic" if by_port and server.tls_mode == "tls" else server.tls_mode
        draft.values["tls_mode"] = mode


def _clean_port(draft: _Draft, server: PastedServer) -> None:
    typed = draft.typed_port
    if "port" not in draft.form or typed not in ("", str(draft.base.port)):
        draft.apply("port")
        port = draft.settings.port
        if server.port not in (None, port):
            draft.problems["host"] = (
                f"The server address says port {server.port}, but the port is {port}. "
                "Leave it out of the address."
            )
    elif server.port is not None:
        draft.values["port"] = server.port
    elif typed:
        draft.apply("port")
    else:
        port = draft.values["port"] = _usual_port(draft.settings)
        draft.remark("port", f"Left empty, so {port}: the usual port for this choice of TLS.")


def _usual_port(settings: Settings) -> int:
    if not settings.use_tls:
        return 25
    return TLS_PORT if settings.tls_mode == "tls" else 587


def _clean_password(draft: _Draft) -> None:
    if "password" in draft.pinned:
        draft.keep_password = True
        return
    moved = draft.settings.login_context != draft.base.login_context
    if moved:
        # First of all, so that no way out of here takes the old password to the new server.
        draft.values["password"] = ""
    typed = str(draft.form.get("password", "")) != ""
    cleared = draft.ticked("clear_password")
    if typed and cleared:
        draft.problems["password"] = _NEW_AND_REMOVED
    elif typed:
        draft.apply("password")
        if not _logs_in(draft):
            draft.problems["username"] = _NOBODY
    elif cleared or not _logs_in(draft):
        draft.values["password"] = ""
        _require_password(draft, _not_typed(draft))
    elif not (draft.base.password or "password" in draft.unreadable):
        _require_password(draft, _not_typed(draft))
    elif moved:
        _require_password(draft, TYPE_AGAIN)
    else:
        draft.keep_password = True


def _logs_in(draft: _Draft) -> bool:
    return bool(draft.settings.username) or "username" in draft.unreadable


def _not_typed(draft: _Draft) -> str:
    return _NOT_TYPED_FOR_PIN if "username" in draft.pinned else _NOT_TYPED


def _require_password(draft: _Draft, problem: str) -> None:
    if draft.settings.username:
        draft.problems["password"] = problem


def _require_login(draft: _Draft) -> None:
    """Whoever switches the login on has a user name; who clears both has asked for none."""
    if "username" in draft.pinned or not draft.ticked("requires_login"):
        return
    if _logs_in(draft) or draft.ticked("clear_password"):
        return
    draft.problems.setdefault("username", _NO_USERNAME)
    there = draft.base.password or {"password"} & (draft.unreadable | draft.pinned)
    if not (draft.form.get("password") or there):
        draft.problems.setdefault("password", _MISSING)


def _compare(draft: _Draft) -> None:
    settings = draft.settings
    if settings.mode == Mode.REDIRECT and not settings.redirect_to:
        draft.problems.setdefault("redirect_to", _NOBODY_TO_REDIRECT_TO)
    if settings.mode == Mode.ALLOW and not settings.allowed_recipients:
        draft.problems.setdefault("allowed_recipients", _NOBODY_ALLOWED)
    if "default_sender" in draft.values and settings.default_sender:
        draft.remark("default_sender", remark_on_sender(settings.default_sender))
    port, security = settings.port, settings.security
    away = settings.host != "" and not is_loopback(settings.host)
    if settings.username and security is Security.NONE and away:
        draft.problems.setdefault("use_tls", _IN_THE_CLEAR)
    if port == TLS_PORT and security is Security.NONE:
        draft.remark("port", f"Port {port} usually expects TLS. If the test fails, tick TLS.")
    elif port == TLS_PORT and security is Security.STARTTLS:
        draft.remark("port", f"Port {port} usually expects TLS at once. {_ELSE_AUTOMATIC}")
    elif port in STARTTLS_PORTS and security is Security.TLS:
        draft.remark("port", f"Port {port} usually expects STARTTLS. {_ELSE_AUTOMATIC}")
