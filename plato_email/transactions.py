"""Around the host's transaction: wake after commit, forget after rollback, warn when forgotten."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import event

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, SessionTransaction

    from .outbox import QueuedMessage

log = logging.getLogger("plato_email")

_KEY = "plato_email_pending"


class Pending:
    """The messages of one session that wait for its commit."""

    def __init__(self, session: Session, committed: Callable[[list[QueuedMessage]], None]) -> None:
        self._entries: list[tuple[SessionTransaction | None, QueuedMessage]] = []
        self._committed = committed
        event.listen(session, "after_commit", self._after_commit)
        event.listen(session, "after_soft_rollback", self._after_soft_rollback)

    @classmethod
    def of(cls, session: Session, committed: Callable[[list[QueuedMessage]], None]) -> Pending:
        """Return what is pending in ``session``."""
        pending = session.info.get(_KEY)
        if not isinstance(pending, Pending):
            pending = session.info[_KEY] = cls(session, committed)
        return pending

    def add(self, session: Session, message: QueuedMessage) -> None:
        """Remember a message under the innermost transaction, which may be a savepoint."""
        inner = session.get_nested_transaction() or session.get_transaction()
        self._entries.append((inner, message))

    def forgotten(self) -> int:
        """Forget and count what was never committed."""
        count, self._entries = len(self._entries), []
        return count

    def _after_commit(self, session: Session) -> None:
        # Releasing a savepoint commits nothing.
        if session.in_nested_transaction() or not self._entries:
            return
        # A session that was closed in between took what it had with it.
        now = session.get_transaction()
        messages = [each for began, each in self._entries if now and _within(began, now)]
        self._entries = []
        self._committed(messages)

    def _after_soft_rollback(self, _: Session, ended: SessionTransaction) -> None:
        self._entries = [entry for entry in self._entries if not _within(entry[0], ended)]


def _within(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while transaction is not None and transaction is not outer:
        transaction = transaction.parent
    return transaction is outer


def warn_of_forgotten(count: int) -> None:
    """Say in the log what a request that never committed has lost."""
    log.warning(
        "%d message%s queued by plato.send() but the transaction was never committed, so nothing "
        "will be sent. Call db.session.commit() after plato.send().",
        *(count, " was" if count == 1 else "s were"),
    )
