"""The settings: their values, the rules of each field, and where they are stored.

A field has the value of its pin (``app.config`` or the environment), else the stored one, else,
while nothing was ever saved, the one that Flask-Mail's keys give, else the default of `Settings`.
"""

from __future__ import annotations

from .address import read_address
from .allowed import is_allowed
from .cleaning import Cleaned, clean_settings
from .rules import LOGIN_INSIDE, RULES
from .server import PastedServer, clean_host, read_server
from .store import Reencrypted, SettingsStore
from .values import (
    TLS_MODES,
    TLS_PORT,
    LastTest,
    Mode,
    Pin,
    Settings,
    StoredSettings,
    unreadable,
)

__all__ = [
    "LOGIN_INSIDE",
    "RULES",
    "TLS_MODES",
    "TLS_PORT",
    "Cleaned",
    "LastTest",
    "Mode",
    "PastedServer",
    "Pin",
    "Reencrypted",
    "Settings",
    "SettingsStore",
    "StoredSettings",
    "clean_host",
    "clean_settings",
    "is_allowed",
    "read_address",
    "read_server",
    "unreadable",
]
