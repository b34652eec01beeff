"""A Django site in one process, for the contenders that need one."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import django
from contender import Job
from django.conf import settings


def configure(job: Job, app: str, **more: Any) -> None:
    """Set Django up with one app on the job's database, in its best usual setting."""
    settings.configure(
        SECRET_KEY="benchmark",
        USE_TZ=True,
        DATABASES={"default": _database(job.database)},
        INSTALLED_APPS=["django.contrib.contenttypes", app],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=job.port,
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGGING_CONFIG=None,
        **more,
    )
    django.setup()
    logging.disable(logging.WARNING)


def migrate() -> None:
    """Make the tables."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        options = {"init_command": pragmas, "transaction_mode": "IMMEDIATE", "timeout": 30}
        name = url.removeprefix("sqlite:///")
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": options}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "HOST": parts.hostname,
        "PORT": parts.port or 5432,
        "USER": parts.username,
        "PASSWORD": parts.password or "",
        "CONN_MAX_AGE": None,
    }
