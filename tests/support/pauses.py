"""A reply that waits for the test."""

from __future__ import annotations

from threading import Event

from tests.support.scripted_server import Conversation, Over, Reply


class Pause:
    """Holds ``reply`` back until the test says so; for the script of a ``ScriptedServer``.

    Args:
        reply: what to say then.
        times: how many conversations are held; later ones are answered at once.
    """

    def __init__(self, reply: Reply, times: int = 1) -> None:
        self._reply = reply
        self._left = times
        self._reached = Event()
        self._over = Event()

    def __call__(self, conversation: Conversation) -> None:
        """Be a reply."""
        if self._left > 0:
            self._left -= 1
            self._reached.set()
            while not self._over.wait(0.1):
                if conversation.stopping.is_set():
                    raise Over
        conversation.act(self._reply)

    def wait_until_reached(self, timeout: float = 30.0) -> None:
        """Wait until a client waits here."""
        assert self._reached.wait(timeout), "nobody came this far"

    def end(self) -> None:
        """Let the reply go."""
        self._over.set()
