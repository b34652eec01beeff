"""Secrets that are made once and kept in the instance folder."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path


def keep_secret(path: Path, *, nbytes: int) -> str:
    """Return the secret in ``path``, made there the first time, readable by its owner only.

    Several workers may start at once: each writes a file of its own and then tries to give it
    the name, so whoever reads the name finds a whole secret, and the same one as the others.
    """
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(nbytes))
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
    return path.read_text().strip()
