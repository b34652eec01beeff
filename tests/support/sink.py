"""A mail server that counts the copies of every mail, and mail to send to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from email import message_from_bytes
from email.policy import compat32
from typing import Any

from tests.support.catcher import Catcher
from tests.support.sites import Host


class Sink(Catcher):
    """A working mail server that tells copies by their Message-ID."""

    def copies(self) -> dict[str, list[bytes]]:
        """Return the bytes of every copy, by Message-ID."""
        return by_message_id(mail.data for mail in list(self.mails))

    def wait_for_all(self, ids: Collection[str], timeout: float = 60.0) -> None:
        """Wait until at least one copy of each has come."""
        wanted, seen = set(ids), 0

        def complete() -> bool:
            nonlocal seen
            for mail in self.mails[seen:]:
                wanted.discard(message_id(mail.data))
            seen = len(self.mails)
            return not wanted

        with self._changed:
            if not self._changed.wait_for(complete, timeout):
                raise TimeoutError(f"{len(wanted)} of {len(ids)} mails never came")


def by_message_id(mails: Iterable[bytes]) -> dict[str, list[bytes]]:
    """Return the bytes of every copy of each mail."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for data in mails:
        found[message_id(data)].append(data)
    return found


def message_id(data: bytes) -> str:
    """Return the Message-ID of a mail."""
    head = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    return str(message_from_bytes(head, policy=compat32)["Message-ID"])


def queue(host: Host, count: int, **fields: Any) -> list[str]:
    """Queue mails in one transaction; return their Message-IDs, the oldest first."""
    given: dict[str, Any] = {"sender": "site@example.com", "body": "Hello.\n"} | fields
    with host.app.app_context():
        queued = [
            host.plato.send(subject=f"Number {n}", recipients=f"r{n}@example.com", **given)
            for n in range(count)
        ]
        host.db.session.commit()
    return [each.message_id for each in queued]
