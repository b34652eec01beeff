"""Send again: a finished message once more, as a new one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .message import Composed, Envelope
from .message.renewed import renewed
from .outbox import SteeringRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from .outbox import MessageRow, QueuedMessage
    from .site import Site


class AddressesRefused(SteeringRefused):
    """Some addresses cannot be sent to; ``problems`` says why of each."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


def resend(
    site: Site,
    message: MessageRow,
    changed: Mapping[str, str] | None = None,
    *,
    once: str = "",
    first: Callable[[], None] = lambda: None,
) -> QueuedMessage:
    """Queue a finished message once more: the same words under a new Message-ID and Date.

    It goes to its recipients; of one that only some of them have, to the others.

    Args:
        site: whose queue it is in.
        message: it.
        changed: for each recipient to send to, the address that is mailed in its place.
        once: a word for this act; a second time with the same word queues nothing more, and returns
            the message that is there.
        first: called when nothing speaks against it, before anything is queued.

    Raises:
        AddressesRefused: an address has it already, or is no recipient that lacks it.
        SteeringRefused: it is not finished, its content is gone, or it is sensitive and was to go
            to another address.
        SecretUnreadable: the key that it was encrypted with is gone.
    """
    if message.finished_at is None:
        raise SteeringRefused("It is still to be sent; wait for what becomes of it.")
    without = site.outbox.without(message)
    people = without or message.recipients
    if changed is not None:
        people = _chosen(message, changed, without)
    data = site.content(message)
    if data is None:
        raise SteeringRefused("Its content is gone, so it cannot be sent again.")
    now = datetime.now(UTC)
    message_id, data = renewed(data, message.sender, now)
    composed = Composed(
        envelope=Envelope(message.sender, people),
        message_id=message_id,
        date=now,
        subject=message.subject,
        sender=message.sender,
        data=data,
        attachments=message.attachments,
        priority=message.priority,
        sensitive=message.sensitive,
        idempotency_key=f"resend:{message.id}:{once}" if once else None,
    )
    ring = site.key_ring()

    def work(connection: Connection) -> QueuedMessage:
        if not site.outbox.hold_finished(connection, message.id):
            raise SteeringRefused("It is being sent again just now; wait for what becomes of it.")
        return site.outbox.enqueue(connection, composed, ring)

    first()
    queued = site.database.write(work)
    site.committed([queued])
    return queued


def _chosen(
    message: MessageRow, changed: Mapping[str, str], without: tuple[str, ...]
) -> tuple[str, ...]:
    """The addresses that ``changed`` names, each once."""
    if message.sensitive and any(old != new for old, new in changed.items()):
        raise SteeringRefused(
            "The message is sensitive: it goes to nobody but those it was written for."
        )
    problems = {old: f"{old} has it already." for old in changed if old not in without}
    for old, new in changed.items():
        if new in message.recipients and new not in without:
            problems[old] = f"{new} has it already: the server has accepted it."
    if problems:
        raise AddressesRefused(problems)
    if not changed:
        raise SteeringRefused("No address was left to send it to.")
    return tuple(dict.fromkeys(changed.values()))
