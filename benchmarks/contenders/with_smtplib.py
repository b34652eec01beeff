"""Bare smtplib with ready-made bytes over one connection: what a client can reach at most."""

from __future__ import annotations

import smtplib

from contender import Job, Work, play
from sample import RECIPIENT, ready


def drain(job: Job) -> Work:
    """Send over one connection."""
    mails = [ready(number) for number in range(job.count)]
    yield
    with smtplib.SMTP("127.0.0.1", job.port) as server:
        for mail in mails:
            server.sendmail("shop@example.org", [RECIPIENT], mail)
    return None


if __name__ == "__main__":
    play({"drain": drain})
