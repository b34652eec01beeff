"""plato_email's pages as an administrator's browser asks for them, without the network."""

from __future__ import annotations

import re
import time
from typing import Any

from contender import Job, Work, play
from many import fill, settle
from sqlalchemy import create_engine
from with_plato_email import hosted

MESSAGES = "/admin/email/messages"
SEARCHES = (
    *("", "status:queued", "status:deferred", "status:sending", "status:sent", "status:failed"),
    *("status:cancelled", "status:partial", "order", "to:nobody@", "status:failed to:nobody@"),
    "code:5.7",
    *("reply:spam", "older:1d", "newer:1h", "newer:2d to:nobody@", "priority:high", "attempts:>2"),
    *("has:attachment", "-status:sent", "id:777", "fault:0000000000000002"),
)


def browse(job: Job) -> Work:
    """Ask for every page and search, then steer, several times each; return the times by name."""
    with hosted(job) as host:
        host.site.authorize = lambda _: True
        host.db.create_all()
        with host.site.database.engine.begin() as connection:
            fill(connection, job.count)
        with create_engine(job.database, isolation_level="AUTOCOMMIT").connect() as connection:
            settle(connection)
        yield
        visitor = Visitor(host.app.test_client(), job.options["turns"], job.count)
        visitor.look()
        visitor.steer()
        return {"times": visitor.times}


class Visitor:
    """Somebody at the pages; ``times`` has the seconds of each answer, by what was done."""

    def __init__(self, client: Any, turns: int, count: int) -> None:
        self.times: dict[str, list[float]] = {}
        self._client, self._turns, self._count = client, range(turns), count
        self._first = client.get(MESSAGES).text

    def look(self) -> None:
        """Every tab and search, the next page, one message."""
        for typed in SEARCHES:
            for _ in self._turns:
                self._timed(typed or "all", self._client.get, MESSAGES, query_string={"q": typed})
        older = re.search(r'href="([^"]+)" rel="next"', self._first)
        assert older is not None
        for turn in self._turns:
            self._timed("the next page", self._client.get, older[1])
            self._timed("one message", self._client.get, f"{MESSAGES}/{self._count - turn}")

    def steer(self) -> None:
        """Fifty that are ticked, and one step of all that match."""
        for turn in self._turns:
            some = [hundred + turn * 5000 for hundred in range(0, 5000, 100)]
            for act, state in {"retry": 75, "cancel": 85}.items():
                ids = [1 + (each + state - 1) % self._count for each in some]
                self._press(f"{act} 50 ticked", act=act, ids=ids)
            every = {"scope": "all", "sure": "1", "through": self._count}
            self._press("retry all failed: a step", act="retry", q="status:failed", **every)
            self._press("cancel all queued: a step", act="cancel", q="status:queued", **every)

    def _press(self, name: str, **form: Any) -> None:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self._first)
        assert token is not None
        self._timed(name, self._client.post, MESSAGES, data={"csrf_token": token[1], **form})

    def _timed(self, name: str, ask: Any, address: str, **options: Any) -> None:
        start = time.perf_counter()
        answer = ask(address, **options)
        self.times.setdefault(name, []).append(time.perf_counter() - start)
        if answer.status_code >= 400:
            raise SystemExit(f"{name} was answered by {answer.status}")


if __name__ == "__main__":
    play({"browse": browse})
