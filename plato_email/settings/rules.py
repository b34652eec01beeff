"""One rule a field: what is typed -> the value and a note, or a sentence on what is wrong.

A sentence says the fact, the value and the cure. None repeats a password, in whatever field one
was typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from ..text import is_invisible, unseen
from .address import clean_redirect_to, read_address
from .allowed import clean_allowed
from .numbers import shortened, whole_number
from .pasted import holds_login, named, plain, unescaped
from .server import clean_host
from .values import TLS_MODES, Mode

Rule = Callable[[object], tuple[Any, str | None]]

_INVISIBLE = " \t\r\n\u00a0\u200b\u200e\u200f\u2060\ufeff"
_WORDS = {
    **dict.fromkeys(("1", "true", "on", "yes", "y"), True),
    **dict.fromkeys(("0", "false", "off", "no", "n", ""), False),
}
_USERNAME_LENGTH = 500
_PASSWORD_LENGTH = 1000
LOGIN_INSIDE = (
    "This holds a password, as in user:password@server. The password was not kept. "
    "Type only what belongs into this field."
)
_QUOTES = ('""', "''", "\u201c\u201d", "\u2018\u2019", "\u201e\u201c", "\u00ab\u00bb", "``", "<>")
_USER_LABEL = re.compile(
    r"(?:mailto:(?://)?|(?:e-?mail|user(?: ?name)?|login|account)\s*:\s+)", re.IGNORECASE
)
_NAME_AND_ADDRESS = re.compile(r"[^<>]*<\s*(?P<address>[^<>\s]+@[^<>\s]+)\s*>")


def clean_username(raw: object) -> tuple[str, str | None]:
    """A user name, without what copying brings along; blank is none."""
    text = str(raw)
    _refuse_control("user name", text.strip(_INVISIBLE), _USERNAME_LENGTH)
    name = plain(text).strip()
    notes = []
    kept = text.strip(_INVISIBLE)
    if found := unseen(kept):
        notes.append(f"Removed or replaced hidden characters in the user name: {named(found)}.")
    elif name != kept:
        notes.append("Replaced full-width characters in the user name by plain ones.")
    elif name != text:
        notes.append("Removed the blanks around the user name.")
    bare = _bare_username(name)
    if bare != name:
        is_address = "@" in bare
        what = "address" if is_address else "name"
        notes.append(f"Kept only the {what}, without what stood around it.")
    return bare, " ".join(notes) or None


def _bare_username(name: str) -> str:
    name = re.sub(r"^[\u2022\u00b7*-]\s+", "", name)
    if label := _USER_LABEL.match(name):
        name = name[label.end() :]
        name = name.partition("?")[0] if "mailto" in label[0].lower() else name
    name = unescaped(name) if "%40" in name and "@" not in name else name
    if found := _NAME_AND_ADDRESS.fullmatch(name):
        return found["address"].removeprefix("mailto:")
    if "@" in name:
        name = re.sub(r"\s+\([^()]*\)$", "", name)
    for quotes in _QUOTES:
        if len(name) > 2 and name[0] == quotes[0] and name[-1] == quotes[1]:
            name = name[1:-1].strip()
    if name.count("@") != 1:
        return name
    return re.sub(r"\s*@\s*", "@", name).rstrip(",;")


def clean_password(raw: object) -> tuple[str, str | None]:
    """A password, exactly as typed, and what in it may have come by copying."""
    password = str(raw)
    _refuse_control("password", password, _PASSWORD_LENGTH)
    said = []
    if password != password.strip(" "):
        said.append("The password begins or ends with a blank; it is kept as typed.")
    if strange := _strange(password):
        said.append(
            f"The password contains {strange}. It is kept as typed; if the login fails, type it by "
            "hand instead of pasting it."
        )
    inner = password.strip()
    if len(inner) > 2 and inner[0] + inner[-1] in _QUOTES and inner.isascii():
        said.append("The password is in quotation marks; it is kept as typed, with them.")
    return password, " ".join(said) or None


def _strange(password: str) -> str:
    """Name what a keyboard seldom gives: blanks and signs by name, letters only as such."""
    found = unseen(password)
    found += [
        each
        for each in dict.fromkeys(password)
        if not each.isascii()
        and (unicodedata.category(each)[0] == "P" or is_invisible(each))
        and each not in found
    ]
    letters = any(not each.isascii() and each not in found for each in password)
    parts = [named(found)] if found else []
    return " and ".join([*parts, *(["letters or signs outside ASCII"] if letters else [])])


def clean_tls_mode(raw: object) -> tuple[str, str | None]:
    """One of `TLS_MODES`."""
    mode = str(raw).strip().lower()
    if mode not in TLS_MODES:
        raise ValueError(f"{_shown(raw)} is not a TLS mode. Choose Automatic, STARTTLS or TLS.")
    return mode, None


def clean_mode(raw: object) -> tuple[str, str | None]:
    """One of `Mode`."""
    mode = str(raw).strip().lower()
    if mode not in tuple(Mode):
        raise ValueError(f"{_shown(raw)} is not a mode. Choose Live, Redirect, Allow-list or Hold.")
    return mode, None


def clean_flag(raw: object) -> tuple[bool, str | None]:
    """A tick box; "false" and "off" are not ticked."""
    flag = _WORDS.get(str(raw).strip().lower())
    if flag is None:
        raise ValueError(f"{_shown(raw)} is neither on nor off. Tick the box or clear it.")
    return flag, None


def _without_login(rule: Rule) -> Rule:
    """Return ``rule`` behind a guard: no other sees a text that may hold a password."""

    def clean(raw: object) -> tuple[Any, str | None]:
        if holds_login(str(raw)):
            raise ValueError(LOGIN_INSIDE)
        return rule(raw)

    return clean


clean_port = whole_number("Port", 1, 65_535)
clean_poll_interval = whole_number("Interval", 1, 86_400)
clean_batch_size = whole_number("Batch size", 1, 10_000)
clean_send_attempts = whole_number("Send attempts", 1, 100)

_PLAIN_RULES: Mapping[str, Rule] = {
    "default_sender": read_address,
    "host": clean_host,
    "port": clean_port,
    "username": clean_username,
    "password": clean_password,
    "use_tls": clean_flag,
    "tls_mode": clean_tls_mode,
    "poll_interval": clean_poll_interval,
    "batch_size": clean_batch_size,
    "send_attempts": clean_send_attempts,
    "polling_enabled": clean_flag,
    "mode": clean_mode,
    "redirect_to": clean_redirect_to,
    "allowed_recipients": clean_allowed,
}
RULES: Mapping[str, Rule] = {
    # The password is shown nowhere, and the server's own rule says more about a login.
    name: rule if name in ("host", "password") else _without_login(rule)
    for name, rule in _PLAIN_RULES.items()
}
"""Field -> its rule, in the order of the page. A rule raises ValueError with a sentence."""


def _refuse_control(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise ValueError(f"The {name} has {len(text)} characters. Shorten it to {longest} at most.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError(
            f"The {name} contains a line break or another control character. Type it again."
        )


def _shown(raw: object) -> str:
    return repr(shortened(str(raw)))
