"""What the contenders need beside them: databases that can be copied, sinks, a Redis."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
SERVER = make_url(
    os.environ.get(
        "PLATO_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    )
)


class Databases:
    """Databases that are gone when the run ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[str] = []
        self._admin = create_engine(SERVER, isolation_level="AUTOCOMMIT")

    def kinds(self) -> list[str]:
        """The kinds of database there are on this machine."""
        try:
            self._admin.connect().close()
        except OperationalError:
            return [SQLITE]
        return [SQLITE, POSTGRESQL]

    def make(self, kind: str, copy_of: str = "") -> str:
        """Return the URL of a new database, empty or a copy of another."""
        name = f"plato_bench_{secrets.token_hex(5)}"
        if kind == SQLITE:
            path = self._folder / f"{name}.db"
            if copy_of:
                for end in ("", "-wal"):
                    source = Path(copy_of.removeprefix("sqlite:///") + end)
                    if source.exists():
                        shutil.copyfile(source, f"{path}{end}")
            return f"sqlite:///{path}"
        template = f" TEMPLATE {make_url(copy_of).database}" if copy_of else ""
        with self._admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}{template}"))
        self._made.append(name)
        return _text(SERVER.set(database=name))

    def drop(self, url: str) -> None:
        """Remove a database."""
        if url.startswith("sqlite"):
            for end in ("", "-wal", "-shm"):
                Path(url.removeprefix("sqlite:///") + end).unlink(missing_ok=True)
            return
        name = make_url(url).database
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        self._made = [each for each in self._made if each != name]

    def settle(self) -> None:
        """Have pages that are due written now, and not during a measurement."""
        if POSTGRESQL in self.kinds():
            with self._admin.connect() as connection:
                connection.execute(text("CHECKPOINT"))

    def close(self) -> None:
        """Remove all that is left."""
        for name in list(self._made):
            self.drop(_text(SERVER.set(database=name)))
        self._admin.dispose()


class PostfixSink:
    """Postfix's smtp-sink, which throws mail away as fast as it comes and counts it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._counted = folder / f"sink-{self.port}"
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [smtp_sink() or "smtp-sink", *user, "-c", f"127.0.0.1:{self.port}", "200"]
        with self._counted.open("wb") as counted:
            self._process = subprocess.Popen(command, stdout=counted)
        wait_for(self.port)

    def stop(self) -> int:
        """End it; return how many mails it took."""
        self._process.terminate()
        self._process.wait()
        counts = re.findall(rb"mesg=(\d+)", self._counted.read_bytes())
        self._counted.unlink()
        return int(counts[-1]) if counts else 0


class OwnSink:
    """`sink.py` as a process."""

    def __init__(self, seconds: float = 0.0) -> None:
        command = [sys.executable, str(Path(__file__).with_name("sink.py")), str(seconds)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, **pipes, text=True)  # type: ignore[call-overload]
        self.port = int(self._process.stdout.readline())
        self.accepted: dict[int, int] = {}

    def stop(self) -> int:
        """End it; return how many mails it took. ``accepted`` then has when each came."""
        output, _ = self._process.communicate()
        mails = json.loads(output)
        self.accepted = dict(mails)
        return len(mails)


@contextmanager
def redis() -> Iterator[str]:
    """A Redis of our own that writes nothing to disk."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


def smtp_sink() -> str | None:
    """Where Postfix's sink is, if it is installed."""
    return shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Wait until something listens."""
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
