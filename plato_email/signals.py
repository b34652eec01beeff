"""Signals: what becomes of mail, for the host to listen to. The sender is always the app.

A receiver of an outcome runs in the sending thread inside an app context, after the outcome was
recorded and outside any transaction. What it raises is logged and harms no mail.
"""

from __future__ import annotations

from blinker import Namespace

_namespace = Namespace()

message_queued = _namespace.signal("message-queued")
"""A message was committed. ``message``: a `QueuedMessage`. Never sent for what is rolled back."""

message_sending = _namespace.signal("message-sending")
"""A message is about to go. ``message``: a `Claimed`. A receiver that returns ``False``
cancels it; one that raises does not."""

message_sent = _namespace.signal("message-sent")
"""A server has accepted the message. ``message`` and ``result``; ``result.outcome`` is *partly*
when it was refused for some recipients."""

message_deferred = _namespace.signal("message-deferred")
"""The message was put off and will be tried again. ``message`` and ``result``."""

mail_failing = _namespace.signal("mail-failing")
"""Mail has been failing or stuck for longer than ``PLATO_EMAIL_ALERT_AFTER``. ``alert``: an
`Alert`. Sent once, in the one process that noticed first."""

mail_flowing = _namespace.signal("mail-flowing")
"""Mail flows again after `mail_failing`. ``alert``."""

message_failed = _namespace.signal("message-failed")
"""The message is given up: refused for good, or its attempts are spent. ``message``, ``result``."""
