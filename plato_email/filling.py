"""What a button named ``use`` carries: fields of the settings form that its press fills in.

One way for every "Use this": the button stands in the settings form and is sent with it, to
whatever view its ``formaction`` names, and what it carries lies over what is typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from werkzeug.datastructures import MultiDict

if TYPE_CHECKING:
    from collections.abc import Mapping

BUTTON = "use"
FILLABLE = frozenset(
    {"default_sender", "host", "port", "use_tls", "tls_mode", "requires_login", "username"}
)
"""Never a password: what a button carries is seen by everybody who sees the page."""
_SWITCHES = frozenset({"use_tls"})
_OFF = frozenset({"", "0", "off", "false"})
_MOST = 2000


def carried(values: Mapping[str, str]) -> str:
    """Return the value of a button that fills in ``values``: field -> what is to stand in it."""
    return urlencode({name: value for name, value in values.items() if name in FILLABLE})


def read(text: str) -> dict[str, str]:
    """Return the fields that a button carries; what is no field of the form is left out."""
    pairs = parse_qsl(text[:_MOST], keep_blank_values=True, max_num_fields=None)
    return {name: value for name, value in pairs if name in FILLABLE}


def filled(data: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return a sent form with what its pressed button carries in place of what was typed."""
    given = read(data.get(BUTTON, ""))
    if not given:
        return data
    typed = MultiDict(data)
    for name, value in given.items():
        # A switch that is off sends nothing.
        if name in _SWITCHES and value.lower() in _OFF:
            typed.poplist(name)
        else:
            typed.setlist(name, [value])
    return typed
