"""What deferred mail waits for, put together, on every database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from plato_email.outbox import Act, read_search
from tests.support.catcher import Catcher
from tests.support.sites import Host

FULL, GREY = "452 4.2.2 <{}>: mailbox full, {} bytes over", "451 4.7.1 Greylisted, try in {1} s"


def put_off(host: Host, server: Catcher) -> dict[str, list[int]]:
    """Let a server put off three mails for one reason and two for another, one of them in part."""
    host.configure(server.port)
    ids: dict[str, list[int]] = {"full": [], "grey": []}
    for name, reply, count in (("full", FULL, 3), ("grey", GREY, 2)):
        for number in range(count):
            address = f"{name}{number}@example.com"
            server.refusals[address] = reply.format(address, number + 5)
            others = ["has@example.com"] if (name, number) == ("grey", 1) else []
            priority = ("high", "normal", "low")[number % 3]
            ids[name].append(host.send(recipients=[*others, address], priority=priority))
    later = host.site.clock.now() + timedelta(hours=1)
    ids["later"] = [host.send(send_at=later)]
    host.rounds()
    return ids


def listed(host: Host, typed: str) -> set[int]:
    return {each.id for each in host.site.outbox.page(read_search(typed)).messages}


def test_deferred_mail_stands_together_by_what_the_server_said(host: Host) -> None:
    """Over all priorities, also what only some did not get; mail for later waits for nothing."""
    with Catcher() as server:
        ids = put_off(host, server)
    outbox = host.site.outbox
    assert listed(host, "status:deferred") == {*ids["full"], *ids["grey"], *ids["later"]}
    full, grey = outbox.deferrals()
    assert [str(full.count), str(grey.count)] == ["3", "2"]
    assert listed(host, f"status:deferred fault:{full.mark}") == {*ids["full"]}
    assert listed(host, f"status:deferred fault:{grey.mark}") == {*ids["grey"]}
    assert [each.example.code for each in (full, grey)] == [452, 451]
    assert outbox.faults() == ()


def test_all_of_one_reason_go_at_once(host: Host) -> None:
    """The next try is now, whatever the wait was; those of the other reason wait on."""
    with Catcher() as server:
        ids = put_off(host, server)
        full, _ = host.site.outbox.deferrals()
        found = listed(host, f"status:deferred fault:{full.mark}")
        server.refusals.clear()
        assert host.site.outbox.steer(Act.RETRY, sorted(found)).done == tuple(ids["full"])
        host.rounds()
    states = host.states()
    assert {states[id] for id in ids["full"]} == {"sent"}
    assert [each.count.number for each in host.site.outbox.deferrals()] == [2]


def test_what_was_put_off_and_is_given_up_is_a_failure_of_its_own(host: Host) -> None:
    """What ended is counted with what ended; what was cancelled meanwhile is in neither."""
    outbox = host.site.outbox
    with Catcher() as server:
        ids = put_off(host, server)
        outbox.steer(Act.CANCEL, ids["full"][:1])
        host.configure(server.port, send_attempts=2)
        due = update(host.site.tables.message).values(available_at=host.site.clock.now())
        host.site.database.write(lambda c: c.execute(due))
        host.rounds()
    assert outbox.deferrals() == ()
    assert {each.example.code: each.count.number for each in outbox.faults()} == {452: 2, 451: 1}
    outbox.steer(Act.RESTORE, ids["full"][:1])
    assert listed(host, "status:partial") == {ids["grey"][1]}


def test_more_than_are_looked_at_are_said_to_be_more(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that is not known is not told as if it were."""
    monkeypatch.setattr("plato_email.outbox.browsing.SAMPLED", 1)
    with Catcher() as server:
        put_off(host, server)
    found = host.site.outbox.deferrals()
    assert [each.count.more for each in found] == [True] * len(found)
    assert found
