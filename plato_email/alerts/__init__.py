"""Alerts: somebody is told when mail has been failing or stuck for too long, and when it flows.

Never by mail: by a signal in one process of the site, and by a webhook. See
docs/how-to/be-told-when-mail-fails.md.
"""

from __future__ import annotations

from .log import AlertLog
from .values import Alert, LastAlert
from .watch import Watch
from .webhook import Webhook, WebhookError, signature

__all__ = ["Alert", "AlertLog", "LastAlert", "Watch", "Webhook", "WebhookError", "signature"]
