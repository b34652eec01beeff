"""The look-ups of one process: remembered for some minutes, and limited for the rest."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from .examine import examine, find_provider
from .lookup import SECONDS, Lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from ..providers import Provider
    from .findings import Report

    T = TypeVar("T")

REMEMBERED = 300.0
"""Seconds that an answer is given again without asking DNS."""
REMEMBERED_FAILING = 30.0
"""The same where something could not be looked up: a silent server must not hold up every page."""
MOST_A_MINUTE = 30
"""Domains that one process looks up in a minute."""
_MOST_REMEMBERED = 200


class TooManyLookups(Exception):
    """The look-ups of this minute are used up; nothing was asked."""


class Inspector:
    """Examine sender domains; safe to use from several threads.

    Args:
        resolver: ``(address, port)`` of a DNS server, or ``None`` for the system's.
        selectors: DKIM selectors that the site's mail is signed with.
        seconds: what one domain may take in all.
    """

    def __init__(
        self,
        resolver: tuple[str, int] | None = None,
        selectors: Sequence[str] = (),
        seconds: float = SECONDS,
    ) -> None:
        self._resolver = resolver
        self._selectors = tuple(selectors)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, ...], tuple[float, object]] = OrderedDict()
        self._asked: deque[float] = deque()

    def report(self, domain: str, host: str, *, fresh: bool = False) -> Report:
        """Return what receivers find out; ``fresh`` asks DNS again.

        Raises:
            TooManyLookups: others have asked too often in this minute.
        """

        def ask() -> tuple[Report, float]:
            lookup = self._lookup()
            found = examine(domain, host, lookup, self._selectors)
            return found, REMEMBERED_FAILING if lookup.failed else REMEMBERED

        return self._remembered(("report", domain, host), ask, fresh=fresh)

    def provider(self, domain: str) -> Provider | None:
        """Return whose mail ``domain`` is, or ``None`` where that is nobody's we know.

        Raises:
            LookupFailed: DNS could not be asked.
            TooManyLookups: others have asked too often in this minute.
        """
        return self._remembered(
            ("provider", domain), lambda: (find_provider(domain, self._lookup()), REMEMBERED)
        )

    def _lookup(self) -> Lookup:
        return Lookup(self._resolver, self._seconds)

    def _remembered(
        self, key: tuple[str, ...], ask: Callable[[], tuple[T, float]], *, fresh: bool = False
    ) -> T:
        """Answer from memory, or ask, and remember it as long as the answer says."""
        now = time.monotonic()
        with self._lock:
            known = self._known.get(key)
            if known is not None and not fresh and now < known[0]:
                return known[1]  # type: ignore[return-value]
            self._count(now)
        found, seconds = ask()
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = (now + seconds, found)
            while len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        return found

    def _count(self, now: float) -> None:
        while self._asked and now - self._asked[0] >= 60:
            self._asked.popleft()
        if len(self._asked) >= MOST_A_MINUTE:
            raise TooManyLookups
        self._asked.append(now)
