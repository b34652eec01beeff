"""The key ring in a file of its own, for sites that configure no keys."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import KeyRingError
from .keys import Key
from .ring import KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

if sys.platform != "win32":
    import fcntl

_HEAD = """\
# Encryption keys of plato_email. The first encrypts, all decrypt.
# Without this file the stored mail password and the queued mail cannot be read: back it up,
# apart from the database, and let nobody else read it.
"""
_POSIX = sys.platform != "win32"


class KeyFile:
    """A file of keys that only its owner may read.

    The ring is read anew when the file has been replaced, so a running site follows
    ``flask email keys new`` without a restart.

    Args:
        path: the file; its folder is made when the first key is.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._read: tuple[tuple[int, ...], KeyRing] | None = None

    def load_or_create(self) -> KeyRing:
        """Return the keys of the file, made with one new key if there is none.

        Of several processes that start at once, one makes the file and all read the same.

        Raises:
            KeyRingError: the file cannot be read, made or parsed, or others may read it.
        """
        with _told(self.path):
            try:
                return self._load()
            except FileNotFoundError:
                self._create(KeyRing([Key.generate()]))
                return self._load()

    def add_new(self) -> str:
        """Put a new key first and return its id; what the others encrypted stays readable.

        Raises:
            KeyRingError: as `load_or_create`.
        """
        key = Key.generate()
        self._change(lambda ring: ring.with_new(key))
        return key.id

    def remove(self, key_id: str) -> None:
        """Forget a key. Whatever it encrypted is lost: see that nothing uses it any more.

        Raises:
            KeyRingError: there is no such key, it is the one that encrypts, or as
                `load_or_create`.
        """
        self._change(lambda ring: ring.without(key_id))

    def _change(self, change: Callable[[KeyRing], KeyRing]) -> None:
        self.load_or_create()
        with _told(self.path), _locked(self.path.parent):
            ring = change(self._load())
            with _written(self.path, ring) as temporary:
                temporary.replace(self.path)

    def _load(self) -> KeyRing:
        about = self.path.stat()
        seen = (about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size, about.st_mode)
        if self._read is None or self._read[0] != seen:
            self._read = (seen, self._parsed())
        return self._read[1]

    def _parsed(self) -> KeyRing:
        with self.path.open("rb") as file:
            # Asked of the open file: the name may lead elsewhere a moment later.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if _POSIX and mode & 0o077:
                raise KeyRingError(
                    f"The key file {self.path} may be read by others (mode {mode:04o}). "
                    f"Run: chmod 600 {self.path}"
                )
            # What is not ASCII is no key; an error would carry the file's content.
            text = file.read().decode("ascii", "replace")
        try:
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            return KeyRing.parse("\n".join(lines))
        except KeyRingError as error:
            raise KeyRingError(
                f"The key file {self.path} cannot be used: {error} "
                "Or put back a copy of the file: a new key does not read what the old one wrote."
            ) from None

    def _create(self, ring: KeyRing) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A link is made in one step and fails if the name is taken: never half a key.
        with _written(self.path, ring) as temporary, suppress(FileExistsError):
            os.link(temporary, self.path)

    def __repr__(self) -> str:
        return f"KeyFile({str(self.path)!r})"


@contextmanager
def _written(path: Path, ring: KeyRing) -> Iterator[Path]:
    """A finished file of ``ring`` beside ``path``, and the folder safely on disk afterwards."""
    # mkstemp opens with mode 0600, whatever the umask.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(_HEAD + ring.to_text())
            file.flush()
            os.fsync(file.fileno())
        yield temporary
        if _POSIX:
            _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time rewrite the keys: of two new keys, neither may be lost."""
    if sys.platform == "win32":
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what the system said as an error of ours, with the way out."""
    try:
        yield
    except OSError as error:
        raise KeyRingError(
            f"The key file {path} cannot be read or made: {error.strerror or error}. "
            "Let this process's user read and write it, or set PLATO_EMAIL_KEYS."
        ) from error
