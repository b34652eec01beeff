"""The numbers, the banner on our pages, and the banner on pages of the host."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from flask import render_template_string

from plato_email.durations import span
from plato_email.outbox import Gate, Process
from plato_email.status import Condition, Status
from plato_email.views.banner import tone
from plato_email.views.words import size, tries
from tests.web.conftest import HTMX, PREFIX
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.support.sites import Host
    from tests.support.smtp_servers import Catcher
    from tests.web.conftest import Admin

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC).replace(tzinfo=None)


def numbers(page: Document) -> dict[str, str]:
    return {each["data-stat"]: each.text for each in page.has("data-stat")}


def test_numbers_count_the_queue(admin: Admin, sending: Host, catcher: Catcher) -> None:
    """Queued before, sent after."""
    sending.send()
    before = numbers(admin.open("/queue"))
    sending.rounds()
    catcher.wait_for(1)
    after = numbers(admin.open("/queue"))
    none = {"queued": "0", "deferred": "0", "sending": "0", "sent": "0", "failed": "0"}
    assert none | {"queued": "1"} == before
    assert none | {"sent": "1"} == after


def test_htmx_gets_the_numbers_alone(admin: Admin) -> None:
    """The part that refreshes itself, with the banner that belongs to it."""
    page = Document(admin.get("/queue", headers=HTMX).text)
    assert len(numbers(page)) == 5
    assert not page.all("html")
    page.one("hx-partial", hx_target="#pe-banner")


def test_settings_page_refreshes_the_numbers_by_itself(admin: Admin) -> None:
    """Every few seconds, and when the tab is looked at again; errors are not put into the page."""
    part = admin.open().one("section", hx_get=f"{PREFIX}/queue")
    assert part["hx-trigger"].startswith("every ")
    assert "visibilitychange" in part["hx-trigger"]
    assert "swap:none" == part["hx-status:4xx"] == part["hx-status:5xx"]
    assert "aria-live" not in part


def test_trouble_is_told_with_its_times(admin: Admin, host: Host, closed_port: int) -> None:
    """While the server is away: since when, and when the next try is."""
    host.configure(closed_port)
    host.send()
    host.rounds()
    page = admin.open("/queue")
    banner = page.one(data_plato_email_state="failing").text
    assert f"Nothing answers at 127.0.0.1 on port {closed_port}" in banner
    assert "1 message is waiting" in banner
    assert "Failing since" in page.text
    assert "next try at" in page.text


def status_of(host: Host, condition: Condition) -> Status:
    """A status in that condition."""
    stored = host.site.load_settings()
    ready = replace(stored.settings, host="smtp.example.com", default_sender="a@example.com")
    settings = replace(stored, settings=ready)
    if condition is Condition.NOT_CONFIGURED:
        settings = stored
    elif condition is Condition.UNREADABLE_SECRET:
        settings = replace(settings, unreadable=frozenset({"password"}))
    elif condition is Condition.HELD:
        settings = replace(settings, settings=replace(ready, mode="hold"))
    elif condition is Condition.POLLING_OFF:
        settings = replace(settings, settings=replace(ready, polling_enabled=False))
    elif condition is Condition.VERIFIED:
        from plato_email.settings import LastTest

        settings = replace(settings, tested=LastTest(NOW, "sent", "", current=True))
    gate = Gate(
        3,
        NOW,
        NOW + timedelta(minutes=1),
        "server",
        "connect",
        None,
        "",
        "refused",
        "connection-refused",
        "mail.test:587",
    )
    sender = Process("web-1", NOW, NOW, "", None)
    return Status(
        now=NOW,
        settings=settings,
        statistics=host.site.outbox.statistics(30),
        gate=gate if condition is Condition.FAILING else None,
        processes=() if condition is Condition.POLLER_SILENT else (sender,),
    )


@pytest.mark.parametrize("condition", Condition)
def test_banner_shows_every_state(
    admin: Admin, host: Host, monkeypatch: pytest.MonkeyPatch, condition: Condition
) -> None:
    """The mark for themes, a headline, and never colour alone."""
    status = status_of(host, condition)
    monkeypatch.setattr(host.site, "status", lambda: status)
    page = admin.open()
    banner = page.one(data_plato_email_state=condition.value)
    assert f"pe-{tone(status)}" in banner["class"]
    assert status.headline in banner.text
    assert status.detail in banner.text


def test_host_shows_the_banner_on_its_own_pages(admin: Admin, host: Host) -> None:
    """As a global and as a macro; for nobody who may not see the pages."""
    by_macro = '{% from "plato_email/_banner.html" import banner with context %}{{ banner() }}'
    host.app.add_url_rule("/a", "a", lambda: render_template_string("{{ plato_email_banner() }}"))
    host.app.add_url_rule("/b", "b", lambda: render_template_string(by_macro))
    for path in ("/a", "/b"):
        page = Document(admin.client.get(path).text)
        page.one(data_plato_email_state="not-configured")
        assert f"{PREFIX}/settings" == page.one("a")["href"]
    host.site.authorize = lambda _: False
    assert "" == admin.client.get("/a").text == admin.client.get("/b").text


def test_banner_never_breaks_a_page_of_the_host(
    admin: Admin, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the database gone, the host's page is the host's page."""

    def gone() -> Status:
        raise RuntimeError("no database")

    monkeypatch.setattr(host.site, "status", gone)
    host.app.add_url_rule("/a", "a", lambda: render_template_string("x{{ plato_email_banner() }}"))
    assert admin.client.get("/a").text == "x"


def test_health_is_json_without_secrets(admin: Admin, sending: Host) -> None:
    """200 while nothing is wrong; no host, no address, no user name."""
    answer = admin.get("/health")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["queue"]["queued"] == 0
    assert "127.0.0.1" not in answer.text
    assert "@" not in answer.text


def test_health_is_503_while_mail_does_not_leave(
    admin: Admin, host: Host, closed_port: int
) -> None:
    """A monitor sees a failing server by the status code."""
    host.configure(closed_port)
    host.send()
    host.rounds()
    answer = admin.get("/health")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["healthy"] is False


def test_health_refuses_in_json(admin: Admin, host: Host) -> None:
    """A monitor that may not ask is told so in its own language."""
    host.site.authorize = None
    answer = admin.get("/health")
    assert (answer.status_code, answer.json) == (403, {"error": "forbidden"})


def test_words_for_times_sizes_and_tries() -> None:
    """As people say them."""
    assert [span(seconds) for seconds in (0, 1, 119, 3 * 3600 + 5, 200_000)] == [
        "0 seconds",
        "1 second",
        "1 minute",
        "3 hours",
        "2 days",
    ]
    assert [size(count) for count in (1, 999, 12_345)] == ["1 byte", "999 bytes", "12 kB"]
    assert [tries(1), tries(0)] == ["1 try", "0 tries"]
