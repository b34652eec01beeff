"""Flask-Mail: no queue; builds each message and sends it over one connection."""

from __future__ import annotations

from contender import Job, Work, play
from flask import Flask
from flask_mail import Mail, Message
from sample import HTML, RECIPIENT, SENDER, TEXT, subject


def drain(job: Job) -> Work:
    """Send in bulk."""
    app = Flask("bench")
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_PORT=job.port, MAIL_DEFAULT_SENDER=SENDER)
    mail = Mail(app)
    yield
    with app.app_context(), mail.connect() as connection:
        for number in range(job.count):
            message = Message(subject(number), [RECIPIENT], TEXT, HTML, sender=SENDER)
            connection.send(message)
    return None


if __name__ == "__main__":
    play({"drain": drain})
