"""Names and ports that lead to servers of a test, as an entry in the DNS and a NAT would."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_real = socket.getaddrinfo
_known: dict[tuple[str, int], tuple[str, int]] = {}
_lock = threading.Lock()


def _look_up(host: Any, port: Any, *args: Any, **options: Any) -> Any:
    return _real(*_known.get((host, port), (host, port)), *args, **options)


@contextmanager
def leads_to(host: str, port: int, real_port: int, real_host: str = "127.0.0.1") -> Iterator[None]:
    """Let ``host`` and ``port`` lead to a server on this machine while the block runs."""
    with _lock:
        _known[host, port] = (real_host, real_port)
        socket.getaddrinfo = _look_up
    try:
        yield
    finally:
        with _lock:
            _known.pop((host, port), None)
            if not _known:
                socket.getaddrinfo = _real
