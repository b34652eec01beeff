"""Ports: the first free one from a given one on."""

from __future__ import annotations

import errno
import socket

PORTS_TRIED = 50


def listen(host: str, first_port: int) -> socket.socket:
    """Return a socket that listens on ``first_port``, or on the next that is free.

    Raises:
        OSError: none of fifty is free, or ``host`` is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first_port, min(first_port + PORTS_TRIED, 65536)):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise OSError(f"{host} port {port}: {error.strerror}.") from error
        else:
            return listener
    raise OSError(f"no port from {first_port} to {port} is free on {host}.")
