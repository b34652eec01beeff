"""For the tests of sites that use plato_email.

Under ``TESTING`` no poller starts, so mail stays in the queue until a test asks for more::

    with capture_messages(app) as queued:
        client.post("/sign-up", data=...)
    assert [message.recipients for message in queued] == [("new@example.com",)]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .signals import message_queued

if TYPE_CHECKING:
    from flask import Flask

    from .outbox import QueuedMessage
    from .worker import Worker


@contextmanager
def capture_messages(app: Flask) -> Iterator[list[QueuedMessage]]:
    """Collect the messages that are committed to the queue of ``app`` in the block."""
    queued: list[QueuedMessage] = []

    def note(_: object, message: QueuedMessage, **__: Any) -> None:
        queued.append(message)

    with message_queued.connected_to(note, app):
        yield queued


def deliver_due(app: Flask) -> Counter[str]:
    """Deliver what is due, in this thread; return the outcomes, counted by name.

    Needs settings that name a server: in tests most often a catcher on this machine.
    """
    with app.app_context():
        worker: Worker = app.extensions["plato_email"].make_worker()
        try:
            worker.drain()
        finally:
            worker.finish()
        return worker.delivery.tally
