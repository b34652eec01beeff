"""Modes over real SMTP: who gets mail, what is recorded, and what a change of mode does."""

from __future__ import annotations

import email
import email.policy
from typing import TYPE_CHECKING, Any

import pytest

from plato_email.errors import DeliveryError, Stage
from plato_email.modes import NOT_ALLOWED
from tests.support.smtp_servers import Catcher

if TYPE_CHECKING:
    from tests.support.sites import Host

TO = {"recipients": ["ada@example.com"], "cc": ["bob@example.org"], "bcc": ["eve@example.net"]}
REDIRECT: dict[str, Any] = {"mode": "redirect", "redirect_to": "qa@staging.example"}
ALLOW: dict[str, Any] = {"mode": "allow", "allowed_recipients": "example.org"}


def outcomes(host: Host, number: int) -> dict[str, str]:
    return {each.address: each.outcome for each in host.site.outbox.outcomes(number)}


def test_redirected_mail_reaches_one_mailbox(host: Host, catcher: Catcher) -> None:
    """To, Cc and Bcc alike; the message is sent, and its try tells where it went."""
    host.configure(catcher.port, **REDIRECT)
    number = host.send(**TO)
    host.rounds()
    (caught,) = catcher.wait_for(1)
    assert list(caught.recipients) == ["qa@staging.example"]
    header = email.message_from_bytes(caught.data, policy=email.policy.default)
    assert header["X-Original-Recipients"] == "ada@example.com, bob@example.org, eve@example.net"
    assert host.states() == {number: "sent"}
    (attempt,) = host.site.outbox.attempts(number)
    assert attempt.outcome == "redirected"
    assert attempt.reply.startswith("To qa@staging.example: ")
    assert outcomes(host, number) == {}


def test_address_that_is_refused_is_nobody_of_the_message(host: Host) -> None:
    """A wrong redirection fails the message, and leaves its recipients as they were."""
    with Catcher(refusals={"qa@staging.example": "550 5.1.1 no such user"}) as server:
        host.configure(server.port, **REDIRECT)
        number = host.send(**TO)
        host.rounds()
    assert host.states() == {number: "failed"}
    assert outcomes(host, number) == {}
    with Catcher() as catcher:
        host.configure(catcher.port, mode="live")
        host.site.outbox.retry(number)
        host.rounds()
        assert len(catcher.wait_for(1)[0].recipients) == 3
    assert host.site.outbox.attempts(number)[-1].outcome == "sent"


def test_allow_list_sends_to_those_it_names(host: Host, catcher: Catcher) -> None:
    """The others are refused, with the reason for each; nobody hears of it twice."""
    host.configure(catcher.port, **ALLOW)
    number = host.send(**TO)
    host.rounds()
    (caught,) = catcher.wait_for(1)
    assert list(caught.recipients) == ["bob@example.org"]
    assert host.states() == {number: "sent"}
    assert outcomes(host, number) == {
        "ada@example.com": "refused",
        "bob@example.org": "accepted",
        "eve@example.net": "refused",
    }
    said = {each.reply for each in host.site.outbox.outcomes(number) if each.outcome == "refused"}
    assert said == {NOT_ALLOWED}


def test_message_for_nobody_on_the_list_fails_and_is_kept(host: Host, catcher: Catcher) -> None:
    """Nothing leaves, the reason is told, and once the mode is Live it can be sent after all."""
    host.configure(catcher.port, **ALLOW)
    number = host.send(recipients=["ada@example.com", "eve@example.net"])
    other = host.send(recipients=["bob@example.org"])
    host.rounds()
    assert [list(each.recipients) for each in catcher.wait_for(1)] == [["bob@example.org"]]
    assert host.states() == {number: "failed", other: "sent"}
    message = host.site.outbox.message(number)
    assert message is not None
    assert (message.code, message.enhanced, message.reply) == (550, "5.7.1", NOT_ALLOWED)
    host.configure(catcher.port, mode="live")
    assert host.site.outbox.retry(number)
    host.rounds()
    assert len(catcher.wait_for(2)[1].recipients) == 2
    assert host.states()[number] == "sent"


def test_who_is_barred_is_decided_anew_at_each_try(host: Host) -> None:
    """Put off under the list, sent under Live: nobody was written off meanwhile."""
    with Catcher(refusals={"bob@example.org": "450 4.2.1 later"}) as busy:
        host.configure(busy.port, **ALLOW)
        number = host.send(**TO)
        host.rounds()
    assert host.states() == {number: "queued"}
    table = host.site.tables.message
    now = table.update().values(available_at=host.site.clock.now())
    host.site.database.write(lambda c: c.execute(now))
    with Catcher() as catcher:
        host.configure(catcher.port, mode="live")
        host.rounds()
        assert set(catcher.wait_for(1)[0].recipients) == {
            *("ada@example.com", "bob@example.org", "eve@example.net")
        }


@pytest.mark.parametrize(
    "mode", [{"mode": "hold"}, {"mode": "redirect", "redirect_to": ""}], ids=["hold", "nowhere"]
)
def test_held_mail_waits_and_goes_when_the_mode_is_live(
    host: Host, catcher: Catcher, mode: dict[str, Any]
) -> None:
    """No connection is made, no attempt is charged, nothing is lost."""
    host.configure(catcher.port, **mode)
    number = host.send(**TO)
    assert host.rounds() > 0
    assert catcher.connections == 0
    assert host.states() == {number: "queued"}
    assert host.site.status().state == "held"
    host.configure(catcher.port, mode="live")
    host.rounds()
    assert len(catcher.wait_for(1)[0].recipients) == 3
    message = host.site.outbox.message(number)
    assert message is not None
    assert message.attempts == 1


def test_mode_holds_for_send_now(host: Host, catcher: Catcher) -> None:
    """Past the queue is not past the mode."""
    mail: dict[str, Any] = {"subject": "x", "body": "x", **TO}
    with host.app.app_context():
        host.configure(catcher.port, **REDIRECT)
        assert host.plato.send_now(**mail).accepted == ("qa@staging.example",)
        host.configure(catcher.port, **ALLOW)
        assert host.plato.send_now(**mail).accepted == ("bob@example.org",)
        host.configure(catcher.port, mode="hold")
        with pytest.raises(DeliveryError) as refused:
            host.plato.send_now(**mail)
    assert refused.value.stage is Stage.SENDER
    assert len(catcher.wait_for(2)) == 2
