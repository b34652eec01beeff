"""Mail servers for tests: one that works, and one that does what a script says.

``Catcher`` is a real server that keeps what it is sent. ``ScriptedServer`` gives any reply at any
stage, drops, hangs, drips, or talks rubbish, and keeps every byte it receives. Both listen on
127.0.0.1, on a free port, for as long as their ``with`` block runs. ``Authority`` makes good and
bad certificates for them.
"""

from __future__ import annotations

from .catcher import Catcher, Caught
from .certificates import Authority
from .scripted_server import (
    Conversation,
    Reply,
    Script,
    ScriptedServer,
    drip,
    drop,
    hang,
    last,
    reset,
    start_tls,
    take_data_until,
)

__all__ = [
    "Authority",
    "Catcher",
    "Caught",
    "Conversation",
    "Reply",
    "Script",
    "ScriptedServer",
    "drip",
    "drop",
    "hang",
    "last",
    "reset",
    "start_tls",
    "take_data_until",
]
