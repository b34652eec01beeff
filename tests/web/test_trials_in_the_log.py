"""Tests in the log: who made them, and what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import pytest

from plato_email.trial import conduct
from tests.support.smtp_servers import Catcher
from tests.web.test_test_mail import at

if TYPE_CHECKING:
    from tests.support.sites import Host
    from tests.web.conftest import Admin

SENDER = "site@example.com"


@pytest.fixture(autouse=True)
def _developers_catcher_is_not_asked(host: Host) -> None:
    """What else listens on the machine that the tests run on is none of theirs."""
    host.site.trials.catcher_ports = ()


def test_each_test_is_in_the_log(admin: Admin, host: Host, catcher: Catcher) -> None:
    """Who tested what, and where the mail went."""
    admin.test(**at(catcher))
    entry = host.site.audit.page(limit=1)[0]
    assert entry.action == "test.sent"
    assert entry.detail["recipient"] == "ada@example.com"
    assert entry.detail["server"] == f"{catcher.host}:{catcher.port}"
    assert entry.detail["outcome"] == "sent"
    assert "Sent a test email" in admin.open("/audit").text


@pytest.mark.parametrize("watched", [True, False], ids=["script", "no-script"])
def test_log_knows_what_came_of_a_test(
    admin: Admin, host: Host, closed_port: int, watched: bool
) -> None:
    """A test that failed is told as that, with its cause, by the time the page shows it."""
    press = admin.test_by_htmx if watched else admin.test
    typed = {"default_sender": SENDER, "recipient": SENDER}
    answer = press(**typed, host="127.0.0.1", port=str(closed_port))
    (entry,) = host.site.audit.page()
    assert (entry.action, entry.detail["outcome"]) == ("test.sent", "failed")
    assert str(entry.detail["why"]) in answer.text


def test_log_knows_of_a_test_that_an_error_of_ours_broke_off(
    admin: Admin, host: Host, catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing came of it, and the log does not say that a mail was sent."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(conduct, "run_trial", fail)
    admin.test_by_htmx(**at(catcher))
    (entry,) = host.site.audit.page()
    assert entry.detail["outcome"] == "broken off"
