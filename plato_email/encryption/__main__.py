"""``python -m plato_email.encryption``: make a key for ``PLATO_EMAIL_KEYS``, without an app."""

from __future__ import annotations

import sys

from .keys import Key

if __name__ == "__main__":
    sys.stdout.write(f"{Key.generate().to_text()}\n")
