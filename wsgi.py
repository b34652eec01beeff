"""The demo site, for any WSGI server: ``flask --app wsgi run``, ``gunicorn wsgi:app``.

``python wsgi.py`` (what ``make run`` does) starts it together with a mail catcher.
"""

from __future__ import annotations

import sys

from demo import create_app
from demo.serve import main

# Run as a program, mail that waits from last time leaves at once, not at the first request.
app = create_app({"PLATO_EMAIL_POLLER": True} if __name__ == "__main__" else None)

if __name__ == "__main__":
    sys.exit(main(app))
