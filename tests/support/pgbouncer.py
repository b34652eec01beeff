"""A real PgBouncer in front of the PostgreSQL of the tests, lending its sessions by transaction."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL

from .databases import missing
from .waiting import until

HOST = "127.0.0.1"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
CONFIGURATION = """\
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {size}
"""


@contextmanager
def pooled(url: URL, *, size: int) -> Iterator[URL]:
    """The same database behind a pooler that has ``size`` sessions for all its clients."""
    program = shutil.which("pgbouncer", path=PATH)
    if program is None:
        missing("no pgbouncer; on Debian: apt-get install pgbouncer")
    port = _free_port()
    with TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        users, configuration = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{url.username}" "{url.password or ""}"\n')
        configuration.write_text(
            CONFIGURATION.format(
                host=url.host, port=url.port or 5432, own=port, folder=folder, size=size
            )
        )
        root = os.geteuid() == 0
        log = folder / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                [str(program), str(configuration)],
                stdout=errors,
                stderr=errors,
                # It refuses to run as root.
                user="nobody" if root else None,
                extra_groups=[] if root else None,
            ) as process,
        ):
            try:
                until(lambda: _answers(port), what=log.read_text)
                yield url.set(host=HOST, port=port)
            finally:
                process.kill()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True
