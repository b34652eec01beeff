"""The settings: their values, the rules of each field, and where they are stored.

A field has the value of its pin (``app.config`` or the environment), else the stored one, else,
while nothing was ever saved, the one that Flask-Mail's keys give, else the default of `Settings`.
"""

from __future__ import annotations

from .cleaning import Cleaned, clean_settings
from .rules import RULES
from .server import PastedServer, clean_host, read_server
from .store import Reencrypted, SettingsStore
from .values import TLS_MODES, LastTest, Pin, Settings, StoredSettings

__all__ = [
    "RULES",
    "TLS_MODES",
    "Cleaned",
    "LastTest",
    "PastedServer",
    "Pin",
    "Reencrypted",
    "Settings",
    "SettingsStore",
    "StoredSettings",
    "clean_host",
    "clean_settings",
    "read_server",
]
