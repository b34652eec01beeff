"""One rule a field: what is typed -> the value and a note, or a sentence on what is wrong.

A sentence says the fact, the value and the cure. None repeats a password.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from ..message import parse_address
from .allowed import clean_allowed
from .server import clean_host
from .values import TLS_MODES, Mode

Rule = Callable[[object], tuple[Any, str | None]]

_INVISIBLE = " \t\r\n\u00a0\u200b\u200e\u200f\u2060\ufeff"
_WORDS = {
    **dict.fromkeys(("1", "true", "on", "yes", "y"), True),
    **dict.fromkeys(("0", "false", "off", "no", "n", ""), False),
}
_NUMBER = re.compile(r"[+-]?[0-9]+")
_SENDER_LENGTH = 400
_USERNAME_LENGTH = 500
_PASSWORD_LENGTH = 1000


def clean_default_sender(raw: object) -> tuple[str, str | None]:
    """An address, with a display name or without; blank is none."""
    text = str(raw).strip(_INVISIBLE)
    if not text:
        return "", None
    if len(text) > _SENDER_LENGTH:
        raise ValueError(
            f"The sender has {len(text)} characters. Shorten it to {_SENDER_LENGTH} at most."
        )
    parse_address(text)
    return text, None


def clean_username(raw: object) -> tuple[str, str | None]:
    """A user name, without the blanks that copying brings along; blank is none."""
    text = str(raw)
    name = text.strip(_INVISIBLE)
    _refuse_control("user name", name, _USERNAME_LENGTH)
    return name, None if name == text else "Removed the blanks around the user name."


def clean_password(raw: object) -> tuple[str, str | None]:
    """A password, exactly as typed."""
    password = str(raw)
    _refuse_control("password", password, _PASSWORD_LENGTH)
    if password != password.strip(_INVISIBLE):
        return password, "The password begins or ends with a blank; it is kept as typed."
    return password, None


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


def clean_redirect_to(raw: object) -> tuple[str, str | None]:
    """One address, without a name; blank is none."""
    text = str(raw).strip(_INVISIBLE)
    if len(text) > _SENDER_LENGTH:
        raise ValueError(
            f"The address has {len(text)} characters. Shorten it to {_SENDER_LENGTH} at most."
        )
    address = parse_address(text).addr_spec if text else ""
    if not address.isascii():
        raise ValueError(f"{_shown(address)} is not ASCII, which not every server can deliver to.")
    return address, None


def clean_flag(raw: object) -> tuple[bool, str | None]:
    """A tick box; "false" and "off" are not ticked."""
    flag = _WORDS.get(str(raw).strip().lower())
    if flag is None:
        raise ValueError(f"{_shown(raw)} is neither on nor off. Tick the box or clear it.")
    return flag, None


def whole_number(name: str, low: int, high: int) -> Rule:
    """Return the rule of a number from ``low`` to ``high``, both included."""

    def clean(raw: object) -> tuple[int, str | None]:
        text = str(raw).strip(_INVISIBLE)
        cure = f"Type a number from {low} to {high}."
        if not text:
            raise ValueError(f"{name} is missing. {cure}")
        # A bool is an int to Python; int() reads neither 4000 digits nor only ours.
        if isinstance(raw, bool) or not _NUMBER.fullmatch(text):
            raise ValueError(f"{name} {_shown(text)} is not a whole number. {cure}")
        if len(text) > 12 or not low <= int(text) <= high:
            raise ValueError(f"{name} {_shown(text, quote=False)} is out of range. {cure}")
        return int(text), None

    return clean


clean_port = whole_number("Port", 1, 65_535)
clean_poll_interval = whole_number("Interval", 1, 86_400)
clean_batch_size = whole_number("Batch size", 1, 10_000)
clean_send_attempts = whole_number("Send attempts", 1, 100)

RULES: Mapping[str, Rule] = {
    "default_sender": clean_default_sender,
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
"""Field -> its rule, in the order of the page. A rule raises ValueError with a sentence."""


def _refuse_control(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise ValueError(f"The {name} has {len(text)} characters. Shorten it to {longest} at most.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError(
            f"The {name} contains a line break or another control character. Type it again."
        )


def _shown(raw: object, *, quote: bool = True) -> str:
    text = str(raw)
    text = text if len(text) <= 40 else f"{text[:39]}…"
    return repr(text) if quote else text
