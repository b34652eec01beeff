"""The overview: rate, backlog, the last day as a chart, and who sends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from plato_email.alerts import Alert
from plato_email.config import Config
from plato_email.outbox import Hour
from plato_email.overview import read_overview
from plato_email.tables import State
from plato_email.views.chart import HEIGHT, WIDTH, draw
from plato_email.views.words import hour, precisely, speed
from tests.support.rows import put
from tests.web.conftest import HTMX
from tests.web.html import Document

if TYPE_CHECKING:
    from plato_email.overview import Drain
    from tests.support.sites import Host
    from tests.web.conftest import Admin

OVERVIEW = "/queue"


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def drain(host: Host) -> Drain | None:
    """The backlog as it is seen now."""
    return read_overview(host.site.outbox, host.site.status()).drain


def sender_at_work(host: Host) -> None:
    """Somebody sends, so that an estimate makes sense."""
    host.site.outbox.report("a" * 32, host.site.clock.now())


def claim(host: Host, count: int) -> None:
    host.site.outbox.claim(limit=count, batch=100, interval=30, send_attempts=5)


def test_htmx_gets_what_changes(admin: Admin) -> None:
    """The part without the frame; what the settings page asks for is another, smaller one."""
    part = Document(admin.get("/queue?part=overview", headers=HTMX).text)
    assert not part.all("html")
    assert [each.text for each in part.all("h2")][:2] == ["Rate", "Sent and failed, hour by hour"]
    assert not Document(admin.get("/queue", headers=HTMX).text).all("svg")


def test_rate_is_told_against_its_limit(admin: Admin, host: Host) -> None:
    """And when it is used up, the seconds until there is room."""
    host.configure(25, batch_size=2, poll_interval=30)
    for _ in range(3):
        host.send()
    claim(host, 1)
    assert "1 of 2 mails taken in this interval of 30 seconds." in admin.open(OVERVIEW).text
    claim(host, 1)
    text = admin.open(OVERVIEW).text
    assert "2 of 2 mails taken in this interval of 30 seconds, resumes in" in text
    resumes = int(text.split("resumes in ")[1].split(" s")[0])
    assert 1 <= resumes <= 30


def test_backlog_has_a_bar_and_an_estimate(admin: Admin, host: Host) -> None:
    """What went since the oldest could have gone, what is left, and how long that takes."""
    host.configure(25, batch_size=1000, poll_interval=30)
    sender_at_work(host)
    now = host.site.clock.now()
    put(host, State.QUEUED, now - seconds(60), 300)
    put(host, State.SENT, now - seconds(30), 90)
    put(host, State.FAILED, now - seconds(30), 10)
    put(host, State.SENT, now - seconds(90), 1000)
    bar = admin.open(OVERVIEW).one("progress")
    assert (bar["value"], bar["max"]) == ("100", "400")
    found = drain(host)
    assert found is not None
    assert (found.done, found.left, found.limited) == (100, 300, False)
    assert found.seconds == pytest.approx(180, rel=0.2)
    text = admin.open(OVERVIEW).text
    assert "300 to go, 100 done" in text
    assert "About 3 minutes more at 2 a second." in text


def test_estimate_is_never_better_than_the_rate_allows(host: Host) -> None:
    """Batch Size in each Interval, whatever was measured before it was made smaller."""
    host.configure(25, batch_size=10, poll_interval=60)
    sender_at_work(host)
    now = host.site.clock.now()
    put(host, State.QUEUED, now - seconds(60), 110)
    put(host, State.SENT, now - seconds(30), 600)
    found = drain(host)
    assert found is not None
    assert found.limited
    assert found.seconds == pytest.approx(600, rel=0.05)


def test_estimate_is_not_given_while_nothing_leaves(admin: Admin, host: Host) -> None:
    """Nothing went in the last minute, or nothing may go."""
    host.configure(25)
    sender_at_work(host)
    now = host.site.clock.now()
    put(host, State.QUEUED, now - seconds(600), 30)
    assert "no telling when" in admin.open(OVERVIEW).text
    put(host, State.SENT, now - seconds(5), 30)
    assert "no telling when" not in admin.open(OVERVIEW).text
    host.configure(25, polling_enabled=False)
    assert "no telling when" in admin.open(OVERVIEW).text


@pytest.mark.parametrize("count", [0, 19])
def test_few_messages_are_no_backlog(host: Host, count: int) -> None:
    """A handful is gone before anybody has read an estimate."""
    host.configure(25)
    put(host, State.QUEUED, host.site.clock.now() - seconds(60), count)
    assert drain(host) is None


def test_chart_says_in_words_and_numbers_what_it_shows(admin: Admin, host: Host) -> None:
    """A sentence for who does not see it, and a table with every hour."""
    now = host.site.clock.now().replace(minute=0, second=0, microsecond=0)
    put(host, State.SENT, now - timedelta(hours=3), 12)
    put(host, State.FAILED, now - timedelta(hours=3), 2)
    put(host, State.SENT, now - timedelta(hours=5), 5)
    page = admin.open(OVERVIEW)
    said = page.one(id=page.one("svg")["aria-labelledby"]).text
    busiest = now - timedelta(hours=3)
    assert "17 sent and 2 failed in these 24 hours" in said
    assert f"in the hour from {busiest:%H:%M}" in said
    assert len(page.all("rect", class_="pe-bar-sent")) == 2
    assert len(page.all("rect", class_="pe-bar-failed")) == 1
    assert f"{hour(busiest)}122" in page.text.replace(" ", "").replace("to", " to ")
    assert not page.has("style")


def test_empty_day_is_a_sentence(admin: Admin) -> None:
    """No bars, and no division by nothing."""
    page = admin.open(OVERVIEW)
    assert "Nothing was sent and nothing failed" in page.text
    assert not page.all("rect", class_="pe-bar-sent")


def test_bars_stay_inside_and_show_what_is_small(host: Host) -> None:
    """One failure among ten thousand mails is seen, and no bar leaves the drawing."""
    start = host.site.clock.now()
    chart = draw([Hour(start, 10_000, 1), Hour(start, 9_999, 1), Hour(start, 0, 20_000)])
    assert chart.top == 50_000 // 50 * 20
    for bar in draw([Hour(start, 20_000, 1), *[Hour(start, 1, 1)] * 23]).bars:
        assert 0 <= bar.x <= WIDTH
        assert bar.failed_height >= 2
        assert 0 <= bar.failed_y <= bar.sent_y <= HEIGHT
        assert bar.sent_y + bar.sent_height == pytest.approx(HEIGHT)


def test_senders_are_listed_the_silent_ones_as_such(admin: Admin, host: Host) -> None:
    """Who, when it last looked, and its last error."""
    now = host.site.clock.now()
    host.site.outbox.report("a" * 32, now, "OperationalError: <gone>")
    host.site.outbox.report("b" * 32, now)
    table = host.site.tables.process
    quiet = table.update().where(table.c.id == "b" * 32).values(seen_at=now - seconds(600))
    host.site.database.write(lambda c: c.execute(quiet))
    page = admin.open(OVERVIEW)
    assert "OperationalError: <gone>" in page.text
    assert "silent for 10 minutes" in page.text
    assert "just now" in page.text


def test_words_for_speeds_and_waits() -> None:
    """In the unit that gives a number people can picture."""
    assert [speed(each) for each in (3.2, 1234.5, 0.5, 0.01)] == [
        *("3 a second", "1,234 a second", "30 a minute", "36 an hour")
    ]
    assert [precisely(each) for each in (0.2, 11, 250)] == ["1 s", "11 s", "4 min 10 s"]


def test_alert_and_its_delivery_are_told(admin: Admin, host: Host) -> None:
    """From nobody to tell, over not told yet, to told; the address is shown by its host alone."""
    assert "Mail has never failed for long enough" in admin.open(OVERVIEW).text
    assert "No webhook is set" in admin.open(OVERVIEW).text
    url = "https://hooks.example.com/T0KEN"
    host.site.config = Config(dict(host.site.config.values) | {"ALERT_URL": url}, {}, {})
    assert "hooks.example.com is told when it has." in admin.open(OVERVIEW).text
    now = host.site.clock.now()
    said: dict[str, Any] = {"reason": "outage", "summary": "Mail is not going out.", "waiting": 7}
    alert = Alert("failing", "1" * 32, now, now, failed_24h=0, sent_24h=0, **said)
    assert host.site.alerts.turn(alert, "{}")
    assert "hooks.example.com is not told yet." in admin.open(OVERVIEW).text
    assert host.site.alerts.take() == ("1" * 32, "{}")
    host.site.alerts.refused("1" * 32, "hooks.example.com answered <503>.")
    page = admin.open(OVERVIEW)
    assert "not told yet: hooks.example.com answered <503>. Next attempt at" in page.text
    host.site.alerts.delivered("1" * 32)
    assert "hooks.example.com was told at" in admin.open(OVERVIEW).text
    assert "T0KEN" not in admin.get(OVERVIEW).text


def test_what_is_kept_is_told_with_its_keys(admin: Admin, host: Host) -> None:
    """And what is not kept at all."""
    text = admin.open(OVERVIEW).text
    assert "What was written in sent messages" in text
    for key in ("KEEP_SENT_DAYS", "KEEP_SENT_BODIES_DAYS", "KEEP_FAILED_DAYS", "KEEP_AUDIT_DAYS"):
        assert f"PLATO_EMAIL_{key}" in text
    assert "365 days" in text
    assert "not at all" in text
