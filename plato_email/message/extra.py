"""Headers that the caller names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..errors import MessageError
from .checks import header_text, shortened
from .headers import LONGEST_RUN, text_field

_NAME = re.compile(r"[!-9;-~]{1,60}")
_RUN_TOO_LONG = re.compile(rf"[^ ]{{{LONGEST_RUN + 1}}}")

_BY_ARGUMENT = {
    "from": "sender",
    "to": "recipients",
    "cc": "cc",
    "bcc": "bcc",
    "reply-to": "reply_to",
    "subject": "subject",
    "date": "date",
}
_BY_US = frozenset(
    {
        "sender",
        "message-id",
        "mime-version",
        "x-plato-message",
        "return-path",
        "received",
        "dkim-signature",
    }
)


def reserved(name: str) -> str | None:
    """Say what to do instead of passing the header ``name`` (lower case), or ``None``."""
    if name in _BY_ARGUMENT:
        return f"use {_BY_ARGUMENT[name]}= instead"
    if name in _BY_US or name.startswith(("content-", "resent-")):
        return "it is written by plato_email or by a server; leave it out"
    return None


def header_fields(
    field: str, headers: object, instead_of: Callable[[str], str | None] = reserved
) -> list[str]:
    """Return header fields for a mapping of names to a value or a list of values.

    Raises:
        MessageError: a name or a value cannot stand in a header, or ``instead_of`` objects.
    """
    if headers is None:
        return []
    if not isinstance(headers, Mapping):
        raise MessageError(field, f"Expected a mapping of headers, got {shortened(headers)}.")
    fields = []
    for name, values in headers.items():
        checked = header_name(field, name, instead_of)
        if not isinstance(values, list | tuple):
            values = [values]
        fields += [header_field(field, checked, value) for value in values]
    return fields


def header_name(
    field: str, name: object, instead_of: Callable[[str], str | None] = reserved
) -> str:
    """Return a header name that RFC 5322 section 3.6.8 allows and nobody else sets."""
    text = header_text(field, name)
    if not _NAME.fullmatch(text):
        raise MessageError(
            field,
            f"{shortened(text)} is not a header name. "
            "Use up to 60 printable ASCII characters without blanks and colons, like X-Campaign.",
        )
    cure = instead_of(text.lower())
    if cure:
        raise MessageError(field, f"The header {text} cannot be set here: {cure}.")
    return text


def header_field(field: str, name: str, value: object) -> str:
    """Return one field for a value that is taken literally."""
    if not isinstance(value, str):
        raise MessageError(field, f"The header {name} must be text, got {shortened(value)}.")
    text = header_text(field, value)
    # Text could be encoded, but most long runs are URLs, which nobody would decode.
    if text.isascii() and len(text) > LONGEST_RUN and _RUN_TOO_LONG.search(text):
        raise MessageError(
            field,
            f"The header {name} has more than {LONGEST_RUN} characters without a blank, too many "
            "for one line (RFC 5322). Shorten it.",
        )
    return text_field(name, text)
