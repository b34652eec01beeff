"""The demo site, for any WSGI server: ``flask --app wsgi run``, ``gunicorn wsgi:app``.

``python wsgi.py`` (what ``make run`` does) starts it together with a mail catcher.
"""

from __future__ import annotations

import sys

from demo import create_app
from demo.serve import main

app = create_app()

if __name__ == "__main__":
    # The tables are there by now: this one sends from its start what waits from last time.
    sys.exit(main(create_app({"PLATO_EMAIL_POLLER": True})))
