"""Animals that need a network of their own: names, routes and addresses that no real one has.

Run in namespaces of its own, as root there: ``unshare --net --mount python -m tests.zoo.apart``.
Prints a line of JSON for each: its name, the diagnosis, and the seconds that it took.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.dns_server import DnsServer
from tests.support.scripted_server import ScriptedServer

from .animals import SILENT
from .keeper import PASSWORD, USERNAME, Animal, meet, nowhere

ABROAD = "192.0.2.1"
"""An address of this machine's that is not its loopback."""
ZONE = f"""
bare.test. MX 10 mail.bare.test.
six.test. AAAA 2001:db8::1
both.test. AAAA 2001:db8::1
both.test. A {ABROAD}
"""


class Abroad(ScriptedServer):
    """A server that is reached over the network, as it seems."""

    host = ABROAD


@contextmanager
def abroad(animal: Animal) -> Iterator[int]:
    """A server that does what the animal's script says, at `ABROAD`."""
    with Abroad(animal.script, offers=animal.offers) as server:
        yield server.port


ANIMALS = (
    Animal("name-lookup-slow", address="silent.test", waits=SILENT, cage=nowhere),
    Animal("name-lookup-failed", address="broken.test", cage=nowhere),
    Animal("host-not-found", address="absent.test", cage=nowhere),
    Animal("host-without-address", address="bare.test", cage=nowhere),
    Animal("ipv6-broken", address="six.test", cage=nowhere),
    Animal("connection-forbidden", address="198.51.100.1", cage=nowhere),
    Animal(
        "login-unencrypted",
        offers=("AUTH PLAIN",),
        username=USERNAME,
        password=PASSWORD,
        address=ABROAD,
        cage=abroad,
    ),
    Animal("queued", variant="by its IPv4 address", address="both.test", cage=abroad),
)


def main() -> None:
    """Set the network up, and meet every animal."""
    for command in (
        "ip link set lo up",
        f"ip address add {ABROAD}/32 dev lo",
        "ip route add prohibit 198.51.100.0/24",
    ):
        subprocess.run(command.split(), check=True)
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "resolv.conf"
        names.write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:1\n")
        subprocess.run(["mount", "--bind", names, "/etc/resolv.conf"], check=True)
        zone = DnsServer(ZONE, servfail=("broken.test.",), silent=("silent.test.",), port=53)
        with zone:
            for animal in ANIMALS:
                met = meet(animal)
                told = {"name": animal.name, "code": met.code, "seconds": met.seconds}
                print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
