"""A network of a test's own, in a namespace of the kernel, that can swallow what flows already.

Nothing is closed and nothing is refused: packets of the old flows vanish, while new connections
work. So it is after a fail-over, or where a router forgets what it has translated.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import socket
import subprocess
from threading import Thread
from typing import Self

from .databases import missing

CLONE_NEWNET = 0x40000000


class Network:
    """A link to a namespace; this side of it has two addresses and uses the first."""

    def __init__(self) -> None:
        self._name = f"plato-{secrets.token_hex(4)}"
        self._link, self._peer = (f"pl{secrets.token_hex(4)}{end}" for end in "ab")
        # Of the block that RFC 2544 keeps for tests of networks.
        block = f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(256)}"
        self._first, self._second, self.address = (f"{block}.{n}" for n in (1, 2, 10))

    def __enter__(self) -> Self:
        if shutil.which("ip") is None:
            missing("no ip; on Debian: apt-get install iproute2")
        made = _ip("netns", "add", self._name)
        if made.returncode:
            missing(f"no namespace of the network can be made: {made.stderr.strip()}")
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _ip("link", "del", self._link)
        _ip("netns", "del", self._name)

    def _connect(self) -> None:
        inside = ("-n", self._name)
        for words in (
            ("link", "add", self._link, "type", "veth", "peer", self._peer, "netns", self._name),
            ("addr", "add", f"{self._first}/32", "dev", self._link),
            ("addr", "add", f"{self._second}/32", "dev", self._link),
            ("link", "set", self._link, "up"),
            ("route", "add", self.address, "dev", self._link, "src", self._first),
            (*inside, "addr", "add", f"{self.address}/32", "dev", self._peer),
            (*inside, "link", "set", self._peer, "up"),
            (*inside, "route", "add", self._first, "dev", self._peer),
            (*inside, "route", "add", self._second, "dev", self._peer),
        ):
            _must(*words)

    def swallow_what_flows(self) -> None:
        """Let the packets of every connection there is vanish; new ones work."""
        # In the order that leaves no moment in which a new connection takes the old address.
        _must("route", "change", self.address, "dev", self._link, "src", self._second)
        _must("-n", self._name, "route", "change", "blackhole", self._first)

    def socket(self) -> socket.socket:
        """Return a new socket on the far side."""
        made: list[socket.socket] = []

        def make() -> None:
            # Of this thread alone, which ends with it.
            place = os.open(f"/run/netns/{self._name}", os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(place, CLONE_NEWNET) == 0:
                    made.append(socket.socket())
            finally:
                os.close(place)

        thread = Thread(target=make)
        thread.start()
        thread.join()
        return made[0]


def _ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], text=True, capture_output=True, timeout=10)


def _must(*words: str) -> None:
    done = _ip(*words)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
