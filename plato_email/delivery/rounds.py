"""One sender's work: look, claim a slice, hand it to a crew, say when to look again."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.exc import SQLAlchemyError

from ..errors import SecretUnreadable
from ..outbox import CONTENT, Claimed, Nothing, Outbox, Result
from .crew import Crew
from .heartbeat import Heartbeat

if TYPE_CHECKING:
    from ..database import Clock
    from ..encryption import KeyRing
    from ..errors import Cause, DeliveryError, Stage
    from ..settings import Settings, StoredSettings
    from ..smtp import Server, Session

log = logging.getLogger("plato_email")

TICK = 30.0
"""Seconds after which an idle sender looks at the queue in any case, if Interval is not less."""
SLICE = 50
"""Messages claimed together for each connection: few, so that processes share a batch."""
CONNECTION_MAILS = 100
CONNECTION_IDLE = 60.0
PROVEN = 300.0
"""Seconds for which an accepted message proves the settings: another's refusal is its own then."""


class Events(Protocol):
    """What a delivery tells the world. Called outside any transaction."""

    def sending(self, message: Claimed) -> bool:
        """Return false to cancel the message."""
        ...

    def concluded(self, result: Result) -> None:
        """Learn how a try ended, after it was recorded."""
        ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """That the server took a message: which, when, and with which login."""

    message: int
    at: datetime
    login: tuple[str, ...]


class Delivery:
    """The work of one sender.

    Args:
        outbox: the queue.
        clock: the same clock that the outbox uses.
        load_settings: returns the settings; called once a round.
        key_ring: returns the keys that stored messages are encrypted with.
        connect: opens an SMTP session, ready to send.
        events: told of each outcome.
        connections: SMTP connections at a time.
        timeout: seconds that one message may take in all.
        park_unknown: a message of unknown outcome is parked as failed, not sent again.
        in_context: what each additional thread runs in.
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
        connections: int = 1,
        timeout: float = 300.0,
        park_unknown: bool = False,
        in_context: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.outbox = outbox
        self.clock = clock
        self.events = events
        self.connections = connections
        self.timeout = timeout
        self.park_unknown = park_unknown
        self.in_context = in_context
        self.stopping = threading.Event()
        """Set it, and the round ends after the messages in hand and gives back the others."""
        self.urgent = threading.Event()
        """Mail of high priority waits."""
        self.on_beat: Callable[[], None] = lambda: None
        """Called now and then during a slice that takes long."""
        self.heartbeat = Heartbeat(outbox, lambda: self.on_beat())
        self.accepted: Accepted | None = None
        """The last message that the server took."""
        self._met: tuple[Stage, Cause] | None = None
        self._alike: dict[int, datetime] = {}
        self.tally: Counter[str] = Counter()
        """Outcomes so far, by name."""
        self._expecting = False
        self._counting = threading.Lock()
        self._load_settings = load_settings
        self._key_ring = key_ring
        self._connect = connect
        self._sessions: dict[int, tuple[Server, Session]] = {}

    def expect(self, *, urgent: bool = False) -> None:
        """Say that there is something to claim, so that the next round need not look first.

        Args:
            urgent: mail of high priority has come; what is less urgent is given back for it.
        """
        self._expecting = True
        if urgent:
            self.urgent.set()

    def round(self) -> float:
        """Deliver one slice of what is due; return the seconds until the next round."""
        stored = self._load_settings()
        settings = stored.settings
        tick = min(float(settings.poll_interval), TICK)
        if not settings.configured or not settings.lets_mail_out or stored.unreadable:
            self.hang_up()
            return tick
        expecting, self._expecting = self._expecting, False
        due = 0.0 if expecting else self.outbox.next_due()
        if due is None or due > 0:
            return min(tick, self._idle(), tick if due is None else due)
        self.urgent.clear()
        since = time.monotonic()
        claim = self.outbox.claim(
            limit=SLICE * self.connections,
            batch=settings.batch_size,
            interval=settings.poll_interval,
            send_attempts=settings.send_attempts,
            park_unknown=self.park_unknown,
            begin=self.is_connected(0, settings),
        )
        if isinstance(claim, Nothing):
            wait = tick if claim.wait is None else claim.wait
            if expecting and claim.reason == "empty":
                return 0.0
            return min(tick, wait, self._idle())
        Crew(self, claim, stored, since).run()
        if claim.more:
            self._expecting = True
        return 0.0

    def session(self, number: int, settings: Settings) -> Session:
        """Return a connection that is ready, the present one if it still may be used.

        Args:
            number: which of the sender's connections; each belongs to one thread at a time.
            settings: where to.

        Raises:
            DeliveryError: no connection can be made.
        """
        if self.is_connected(number, settings):
            return self._sessions[number][1]
        if (kept := self._sessions.pop(number, None)) is not None:
            kept[1].close()
        session = self._connect(settings)
        self._sessions[number] = (settings.server(), session)
        return session

    def is_connected(self, number: int, settings: Settings) -> bool:
        """Whether that connection is ready for another mail."""
        kept = self._sessions.get(number)
        return kept is not None and kept[0] == settings.server() and _is_good(kept[1])

    def is_fresh(self, number: int) -> bool:
        """Whether the mail in hand is the first that was tried over that connection."""
        kept = self._sessions.get(number)
        return kept is None or kept[1].tried <= 1

    def succeed(self, settings: Settings, message: Claimed) -> None:
        """Note that the server took a message."""
        self.accepted = Accepted(message.id, self.clock.now(), settings.login_context)

    def count_alike(self, error: DeliveryError, message: Claimed) -> int:
        """Count the different messages refused alike, this one too, since one was accepted.

        Those of other processes are in the database. Those of this one may not be: a failed
        message leaves nothing behind where none is kept.
        """
        met = (error.stage, error.cause)
        with self._counting:
            if met != self._met:
                self._met, self._alike = met, {}
            self._alike[message.id] = self.clock.now()
            # Of two that are refused at the same moment, only the later one counts the other.
            alike = dict(self._alike)
        known = None if self.accepted is None else self.accepted.at
        try:
            sent = self.outbox.last_sent(known=known)
            recorded = self.outbox.refused_alike(*met, since=sent)
        except SQLAlchemyError:
            log.exception("the tries of other processes could not be read")
            sent, recorded = known, set()
        here = {each for each, at in alike.items() if sent is None or at > sent}
        return len(here | recorded)

    def accepted_besides(self, message: Claimed) -> Accepted | None:
        """The last message that the server took, if it is another."""
        last = self.accepted
        return None if last is None or last.message == message.id else last

    def carries(self, settings: Settings, message: Claimed) -> bool:
        """Whether another message went with these settings lately."""
        last = self.accepted_besides(message)
        if last is None or last.login != settings.login_context:
            return False
        return (self.clock.now() - last.at).total_seconds() < PROVEN

    def count(self, outcome: str) -> None:
        """Add to the tally."""
        with self._counting:
            self.tally[outcome] += 1

    def cut(self, number: int) -> None:
        """Close one connection without a word."""
        kept = self._sessions.pop(number, None)
        if kept is not None:
            kept[1].abort()
            kept[1].close()

    def abort(self) -> None:
        """Cut all connections from another thread; mail under way ends at once."""
        self.stopping.set()
        for _, session in list(self._sessions.values()):
            session.abort()

    def hang_up(self) -> None:
        """Close all connections."""
        while self._sessions:
            self._sessions.popitem()[1][1].close()

    def finish(self) -> None:
        """Hang up and leave no thread behind."""
        self.hang_up()
        self.heartbeat.stop()

    def contents(self, messages: Sequence[Claimed]) -> dict[int, bytes | SecretUnreadable]:
        """Return the decrypted bytes of ``messages``, or why one cannot be decrypted."""
        by_id = {message.id: message for message in messages}
        return {
            number: self.opened(by_id[number], stored)
            for number, stored in self.outbox.contents(messages).items()
        }

    def opened(self, message: Claimed, stored: bytes) -> bytes | SecretUnreadable:
        """Return the decrypted bytes of ``message``, or why they cannot be decrypted."""
        try:
            return self._key_ring().unprotect_bytes(stored, CONTENT, message.message_id)
        except SecretUnreadable as error:
            return error

    def _idle(self) -> float:
        """Close connections that were idle for long; return when the next one will have been."""
        left = [CONNECTION_IDLE]
        for number, (_, session) in list(self._sessions.items()):
            remaining = CONNECTION_IDLE - _idle_for(session)
            if remaining <= 0:
                self._sessions.pop(number)
                session.close()
            else:
                left.append(remaining)
        return min(left)


def _is_good(session: Session) -> bool:
    """Providers cut a connection after some hundred mails or a minute; ours ends before."""
    young = session.sent < CONNECTION_MAILS and _idle_for(session) < CONNECTION_IDLE
    return session.usable and young


def _idle_for(session: Session) -> float:
    return time.monotonic() - session.last_used
