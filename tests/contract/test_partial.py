"""Mail that some of its recipients did not get, on every database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL

from plato_email.outbox import PARTIAL, Act, read_search
from tests.support.catcher import Catcher
from tests.support.sites import Host, hosted

HAS, LACKS = "ann@example.com", "bob@example.com"
NO = "550 5.1.1 <bob@example.com>: User unknown"


@pytest.fixture
def server() -> Iterator[Catcher]:
    """A server that does not know bob."""
    with Catcher(refusals={LACKS: NO}) as server:
        yield server


def send(host: Host, server: Catcher, **fields: object) -> int:
    """Send a mail to one who gets it and one who does not."""
    host.configure(server.port)
    number = host.send(recipients=[HAS, LACKS], **fields)
    host.rounds()
    return number


def listed(host: Host, typed: str) -> list[int]:
    """The messages that a search finds."""
    return [each.id for each in host.site.outbox.page(read_search(typed)).messages]


def test_partial_mail_is_found_counted_and_keeps_its_bytes(host: Host, server: Catcher) -> None:
    """Among the sent and by itself, with who lacks it; the bytes of the others are dropped."""
    whole = send(host, server, subject="To ann alone")
    outbox = host.site.outbox
    other = host.send(recipients=[HAS])
    host.rounds()
    assert listed(host, "status:partial") == [whole]
    assert sorted(listed(host, "status:sent")) == [whole, other]
    counts = {name: count.number for name, count in outbox.counts().items() if count.number}
    assert counts == {"sent": 2, "partial": 1}
    rows = {each.id: each for each in outbox.messages()}
    assert [rows[whole].status, rows[other].status] == ["partial", "sent"]
    assert (rows[whole].code, rows[whole].reply) == (550, "5.1.1 <bob@example.com>: User unknown")
    ((missed),) = outbox.missed(rows.values())[whole]
    assert (missed.address, missed.outcome) == (LACKS, "refused")
    assert outbox.without(rows[whole]) == (LACKS,)
    assert outbox.without(rows[other]) == ()
    assert outbox.content(whole) is not None
    assert outbox.content(other) is None


def test_partial_mail_is_kept_as_a_failed_one_is(host: Host, server: Catcher) -> None:
    """Neither the row nor the bytes go with the retention of sent mail."""
    number, outbox = send(host, server), host.site.outbox
    past = timedelta(seconds=-1)
    assert outbox.drop_sent_contents(past) == 0
    assert outbox.purgeable_count("sent", past) == 0
    assert list(outbox.purge("sent", past)) == []
    assert host.states() == {number: "sent"}
    assert outbox.purgeable_count(PARTIAL, past) == 1
    assert sum(outbox.purge(PARTIAL, past)) == 1
    assert (host.states(), outbox.content_count(), outbox.outcomes(number)) == ({}, 0, ())


def test_retried_partial_mail_goes_to_the_others_alone(host: Host, server: Catcher) -> None:
    """Who has it does not get it again; when all have it, it is sent and its bytes go."""
    number, outbox = send(host, server), host.site.outbox
    assert outbox.steer(Act.CANCEL, [number]).left == {"sent": 1}
    del server.refusals[LACKS]
    assert outbox.steer(Act.RETRY, [number]).done == (number,)
    assert listed(host, "status:partial") == []
    host.rounds()
    assert [mail.recipients for mail in server.wait_for(2)] == [(HAS,), (LACKS,)]
    assert listed(host, "status:partial") == []
    assert host.states() == {number: "sent"}
    assert outbox.content(number) is None
    assert outbox.steer(Act.RETRY, [number]).left == {"sent": 1}


def test_rest_that_is_given_up_is_partial_too(host: Host, server: Catcher) -> None:
    """Put off until the attempts are spent: not failed, for somebody has it."""
    server.refusals[LACKS] = "452 4.2.2 Mailbox full"
    host.configure(server.port, send_attempts=2)
    number = host.send(recipients=[HAS, LACKS])
    host.rounds()
    assert host.states() == {number: "queued"}
    assert host.site.outbox.steer(Act.RETRY, [number]).done == (number,)
    server.refusals[LACKS] = NO
    host.rounds()
    assert listed(host, "status:partial") == [number]
    assert host.site.outbox.content(number) is not None


def test_without_retention_of_failed_mail_nothing_is_kept_but_the_row(
    url: URL, tmp_path: Path, server: Catcher
) -> None:
    """The bytes go at once, as those of a failed one do; that it was sent stays to be seen."""
    with hosted(url, tmp_path, PLATO_EMAIL_KEEP_FAILED_DAYS=0) as host:
        number = send(host, server)
        assert listed(host, "status:partial") == [number]
        assert host.site.outbox.content(number) is None
        assert host.site.make_worker().tidy() == 0
        assert host.site.outbox.steer(Act.RETRY, [number]).left == {"no content": 1}
