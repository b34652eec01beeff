"""The same site as a test's, for a process of its own: ``flask --app ...:create_app``."""

from __future__ import annotations

import os

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from plato_email import PlatoEmail
from tests.support.faulty import obey_environment


def create_app() -> Flask:
    """Build the site that the environment names, with the faults that it names."""
    app = Flask("host", instance_path=os.environ["PLATO_TEST_INSTANCE"])
    app.config.update(
        SECRET_KEY="a secret for tests",
        SQLALCHEMY_DATABASE_URI=os.environ["PLATO_TEST_DATABASE"],
    )
    obey_environment()
    PlatoEmail(app, SQLAlchemy(app), authorize=lambda _: True)
    return app
