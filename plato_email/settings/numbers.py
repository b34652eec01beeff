"""The rule of a number: written in any script, with a unit or with what people put around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from .pasted import ascii_digits, plain

_WHOLE = re.compile(r"[+-]?[0-9]+")
_GROUPED = re.compile(r"[0-9]{1,3}(?:[ ,'\u2019][0-9]{3})+")
_WITH_WORDS = re.compile(
    r"(?P<before>[a-z :#=(\[\"']*)(?P<digits>[0-9](?:[0-9 ,'\u2019]*[0-9])?)"
    r"(?P<after>[a-z \t.,;:/()\[\]\"'-]*)",
    re.IGNORECASE,
)
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
}
UNITS: Mapping[str, Mapping[str, int]] = {
    "Port": dict.fromkeys(
        ("port", "tcp", "ssl", "tls", "starttls", "smtp", "smtps", "submission", "submissions"), 1
    ),
    "Interval": {"interval": 1, "every": 1, **_SECONDS},
    "Batch size": dict.fromkeys(("mail", "mails", "email", "emails", "message", "messages"), 1),
    "Send attempts": dict.fromkeys(("x", "try", "tries", "times", "attempts"), 1),
}
"""Name of a number -> the words allowed beside it, and what each multiplies it by."""


def whole_number(name: str, low: int, high: int) -> Callable[[object], tuple[int, str | None]]:
    """Return the rule of a number from ``low`` to ``high``, both included."""

    def clean(raw: object) -> tuple[int, str | None]:
        typed = plain(str(raw)).strip()
        cure = f"Type a number from {low} to {high}."
        if not typed:
            raise ValueError(f"{name} is missing. {cure}")
        text = ascii_digits(typed)
        # A bool is an int to Python; int() reads neither 4000 digits nor only ours.
        found = None if isinstance(raw, bool) else _read(text, UNITS[name], name != "Port")
        if found is None:
            raise ValueError(f"{name} {shortened(typed)!r} is not a whole number. {cure}")
        digits, factor = found
        if len(digits) > 12 or not low <= int(digits) * factor <= high:
            raise ValueError(f"{name} {shortened(typed)} is out of range. {cure}")
        number = int(digits) * factor
        unit = " seconds" if name == "Interval" else ""
        given = str(raw).strip()
        said = f"Read {shortened(given)!r} as {number}{unit}."
        return number, None if given == digits else said

    return clean


def _read(text: str, units: Mapping[str, int], may_group: bool) -> tuple[str, int] | None:
    """Return the digits that ``text`` means and what they are multiplied by."""
    if _WHOLE.fullmatch(text):
        return text, 1
    found = _WITH_WORDS.fullmatch(text)
    if found is None:
        return None
    digits = found["digits"]
    # 25,587 as a port is two of them; 1.000 is a thousand here and one there.
    if may_group and _GROUPED.fullmatch(digits):
        digits = re.sub("[^0-9]", "", digits)
    words = re.findall("[a-z]+", f"{found['before']} {found['after']}".lower())
    if not digits.isdigit() or not all(word in units for word in words):
        return None
    factors = {units[word] for word in words} - {1}
    return (digits, factors.pop() if factors else 1) if len(factors) < 2 else None


def shortened(text: str) -> str:
    """Return ``text`` as an error may show it."""
    return text if len(text) <= 40 else f"{text[:39]}…"
