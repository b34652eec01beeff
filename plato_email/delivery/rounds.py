"""One sender's work: look, claim a slice, hand it to a courier, say when to look again."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from ..errors import SecretUnreadable
from ..outbox import CONTENT, Claimed, Nothing, Outbox, Result
from .courier import Courier

if TYPE_CHECKING:
    from ..database import Clock
    from ..encryption import KeyRing
    from ..settings import Settings, StoredSettings
    from ..smtp import Session

log = logging.getLogger("plato_email")

TICK = 30.0
"""Seconds after which an idle sender looks at the queue in any case, if Interval is not less."""
SLICE = 20
"""Messages claimed together: small, so that processes share a batch and a crash delays few."""
CONNECTION_MAILS = 100
CONNECTION_IDLE = 60.0


class Events(Protocol):
    """What a delivery tells the world. Called outside any transaction."""

    def sending(self, message: Claimed) -> bool:
        """Return false to cancel the message."""
        ...

    def concluded(self, result: Result) -> None:
        """Learn how a try ended, after it was recorded."""
        ...


class Delivery:
    """The work of one sender.

    Args:
        outbox: the queue.
        clock: the same clock that the outbox uses.
        load_settings: reads the settings anew; called once a round.
        key_ring: returns the keys that stored messages are encrypted with.
        connect: opens an SMTP session, ready to send.
        events: told of each outcome.
        timeout: seconds that one message may take in all.
        park_unknown: a message of unknown outcome is parked as failed, not sent again.
    """

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        *,
        load_settings: Callable[[], StoredSettings],
        key_ring: Callable[[], KeyRing],
        connect: Callable[[Settings], Session],
        events: Events,
        timeout: float = 300.0,
        park_unknown: bool = False,
    ) -> None:
        self.outbox = outbox
        self.clock = clock
        self.events = events
        self.timeout = timeout
        self.park_unknown = park_unknown
        self.stopping = threading.Event()
        """Set it, and the round ends after the message in hand and gives back the others."""
        self.tally: Counter[str] = Counter()
        """Outcomes so far, by name."""
        self._load_settings = load_settings
        self._key_ring = key_ring
        self._connect = connect
        self._session: Session | None = None
        self._session_server: object = None

    def round(self) -> float:
        """Deliver one slice of what is due; return the seconds until the next round."""
        stored = self._load_settings()
        settings = stored.settings
        tick = min(float(settings.poll_interval), TICK)
        if not settings.configured or not settings.polling_enabled or stored.unreadable:
            self.hang_up()
            return tick
        due = self.outbox.next_due()
        if due is None or due > 0:
            self._hang_up_if_idle()
            return tick if due is None else min(tick, due)
        claim = self.outbox.claim(
            limit=SLICE,
            batch=settings.batch_size,
            interval=settings.poll_interval,
            send_attempts=settings.send_attempts,
            park_unknown=self.park_unknown,
        )
        if isinstance(claim, Nothing):
            return tick if claim.wait is None else min(tick, claim.wait)
        Courier(self, claim, settings).run()
        return 0.0

    def session(self, settings: Settings) -> Session:
        """Return a connection that is ready, the present one if it still may be used.

        Raises:
            DeliveryError: no connection can be made.
        """
        server = settings.server()
        kept = self._session
        if kept is not None and server == self._session_server and _is_good(kept):
            return kept
        self.hang_up()
        self._session, self._session_server = self._connect(settings), server
        return self._session

    @property
    def connection_is_fresh(self) -> bool:
        """Whether no mail has gone over the present connection yet."""
        return self._session is None or self._session.sent == 0

    def hang_up(self) -> None:
        """Close the connection, if there is one."""
        if self._session is not None:
            self._session.close()
        self._session = None

    def contents(self, messages: Sequence[Claimed]) -> dict[int, bytes]:
        """Return the decrypted bytes of ``messages``; one that cannot be decrypted is left out."""
        ring, plain = self._key_ring(), {}
        names = {message.id: message.message_id for message in messages}
        for number, data in self.outbox.contents(messages).items():
            try:
                plain[number] = ring.unprotect_bytes(data, CONTENT, names[number])
            except SecretUnreadable as error:
                log.error("message %s: %s", names[number], error)
        return plain

    def _hang_up_if_idle(self) -> None:
        if self._session is not None and _idle(self._session) >= CONNECTION_IDLE:
            self.hang_up()


def _is_good(session: Session) -> bool:
    """Providers cut a connection after some hundred mails or a minute; ours ends before."""
    young = session.sent < CONNECTION_MAILS and _idle(session) < CONNECTION_IDLE
    return session.usable and young


def _idle(session: Session) -> float:
    return float(time.monotonic() - session.last_used)
