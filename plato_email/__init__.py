"""Outbound mail for Flask sites: an outbox in the site's own database, and pages to run it by.

::

    plato = PlatoEmail()
    plato.init_app(app, db, authorize=may_manage_email)

    plato.send(subject="Hello", recipients=["you@example.com"], body="Hello.")
    db.session.commit()
"""

from __future__ import annotations

from .errors import (
    Cause,
    ConfigurationError,
    DeliveryError,
    KeyRingError,
    MessageError,
    PlatoEmailError,
    SecretUnreadable,
    SettingsConflict,
    SettingsError,
    Stage,
    Verdict,
)
from .extension import PlatoEmail
from .message import Attachment, Message
from .outbox import QueuedMessage
from .signals import (
    mail_failing,
    mail_flowing,
    message_deferred,
    message_failed,
    message_queued,
    message_sending,
    message_sent,
)

__all__ = [
    "Attachment",
    "Cause",
    "ConfigurationError",
    "DeliveryError",
    "KeyRingError",
    "Message",
    "MessageError",
    "PlatoEmail",
    "PlatoEmailError",
    "QueuedMessage",
    "SecretUnreadable",
    "SettingsConflict",
    "SettingsError",
    "Stage",
    "Verdict",
    "mail_failing",
    "mail_flowing",
    "message_deferred",
    "message_failed",
    "message_queued",
    "message_sending",
    "message_sent",
]
