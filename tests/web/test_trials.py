"""A test that is watched: told by any process, to whom it belongs, within the site's rate."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from tests.support.databases import fresh_database
from tests.support.sites import hosted
from tests.support.smtp_servers import Authority, Catcher, Conversation, ScriptedServer
from tests.web.conftest import HTMX, Admin
from tests.web.html import Document, Element
from tests.web.test_test_mail import at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sites import Host


@pytest.fixture(autouse=True)
def _developers_catcher_is_not_asked(host: Host) -> None:
    """What else listens on the machine that the tests run on is none of theirs."""
    host.site.trials.catcher_ports = ()


class Slow:
    """A server that greets when it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.release = threading.Event()

    def greeting(self, conversation: Conversation) -> None:
        self.asked.set()
        self.release.wait(10)
        conversation.send("220 slow.test ESMTP")


@contextmanager
def slow_server(**script: str) -> Iterator[tuple[ScriptedServer, Slow]]:
    slow = Slow()
    with ScriptedServer({"greeting": slow.greeting, **script}) as server:
        yield server, slow
        slow.release.set()


def to(server: ScriptedServer, **more: str | None) -> dict[str, str | None]:
    """What one types to reach ``server``."""
    return {
        "default_sender": "site@example.com",
        "host": server.host,
        "port": str(server.port),
        "recipient": "ada@example.com",
        **more,
    }


def trial_of(text: str) -> Element:
    return Document(text).one(id="pe-trial")


def verdicts(text: str) -> dict[str, str]:
    return {line["data-stage"]: line["data-verdict"] for line in Document(text).has("data-stage")}


def test_stages_are_told_while_the_test_runs(admin: Admin) -> None:
    """The first answer comes before the server's greeting; the page then asks until the end."""
    with slow_server() as (server, slow):
        begun = admin.begin_by_htmx(**to(server))
        assert slow.asked.wait(5)
        address = trial_of(begun.text)["hx-get"]
        told = admin.client.get(address, headers=HTMX).text
        while verdicts(told)["connect"] != "ok":
            told = admin.client.get(address, headers=HTMX).text
        assert verdicts(told)["greeting"] == "running"
        assert verdicts(told)["accepted"] == "pending"
        assert "data-outcome" not in trial_of(told)
        slow.release.set()
        last = admin.watch(begun).text
    assert trial_of(last)["data-outcome"] == "sent"
    assert "hx-get" not in trial_of(last)
    assert "Test mail sent to ada@example.com" in Document(last).one(hx_target="#pe-aloud").text


def test_any_process_tells_how_far_it_is(tmp_path: Path, catcher: Catcher) -> None:
    """The one that is asked need not be the one that runs it."""
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path) as one:
        begun = Admin(one).begin_by_htmx(**at(catcher))
        with hosted(url, tmp_path / "other") as other:
            assert trial_of(Admin(other).watch(begun).text)["data-outcome"] == "sent"


def test_trial_is_for_those_who_may_test_and_know_it(
    admin: Admin, host: Host, catcher: Catcher
) -> None:
    """Without the right it is refused, without the token there is nothing."""
    address = trial_of(admin.begin_by_htmx(**at(catcher)).text)["hx-get"]
    unknown = admin.get("/test-messages/" + "0" * 32, headers=HTMX)
    assert unknown.status_code == 404
    assert "not known any more" in unknown.text
    assert "hx-get" not in trial_of(unknown.text)
    host.site.authorize = lambda action: action != "send_test"
    assert admin.client.get(address, headers=HTMX).status_code == 403


def test_trial_whose_process_died_ends_with_a_sentence(admin: Admin, host: Host) -> None:
    """The page stops asking, and is told what to do."""
    with slow_server() as (server, slow):
        address = trial_of(admin.begin_by_htmx(**to(server)).text)["hx-get"]
        assert slow.asked.wait(5)
        table = host.site.tables.trial
        past = host.site.clock.now() - timedelta(seconds=60)
        host.site.database.write(lambda c: c.execute(update(table).values(started_at=past)))
        told = admin.client.get(address, headers=HTMX).text
    assert "broken off" in trial_of(told).text
    assert "hx-get" not in trial_of(told)


def test_password_is_nowhere_in_the_row(admin: Admin, host: Host) -> None:
    """What is stored of a test could be read by who has the database: no secret is in it."""
    with Catcher(users={"ada": "battery staple"}) as catcher:
        typed = at(catcher, requires_login="1", username="ada", password="battery staple")
        assert trial_of(admin.test_by_htmx(**typed).text)["data-outcome"] == "sent"
    rows = host.site.database.read(lambda c: c.execute(select(host.site.tables.trial)).all())
    assert len(rows) == 1
    assert "battery" not in str(rows)
    assert "AUTH" in rows[0].report


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Host]:
    """A site that may test twice a minute."""
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_TESTS_PER_MINUTE=2) as site,
    ):
        yield site


def test_tests_of_a_minute_are_counted(strict: Host, catcher: Catcher) -> None:
    """The third is refused with the time when it goes on; what was typed stays."""
    admin = Admin(strict)
    for _ in range(2):
        admin.test(**at(catcher))
    refused = admin.test(**at(catcher, batch_size="77"))
    page = Document(refused.text)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "2 tests a minute is the limit" in page.text
    assert page.field("batch_size")["value"] == "77"
    assert admin.begin_by_htmx(**at(catcher)).status_code == 429
    assert len(catcher.wait_for(2)) == 2
    table = strict.site.tables.trial
    past = strict.site.clock.now() - timedelta(seconds=61)
    strict.site.database.write(lambda c: c.execute(update(table).values(started_at=past)))
    assert admin.test(**at(catcher)).status_code == 200


def test_tester_who_may_not_edit_tests_what_is_saved(
    admin: Admin, host: Host, sending: Host, catcher: Catcher
) -> None:
    """Fields and offered changes are ignored: the page cannot be turned on other servers."""
    host.site.authorize = lambda action: action != "edit_settings"
    with Catcher() as other:
        typed = admin.form(**at(other), use=f"port={other.port}")
        answer = admin.post("/test-messages", typed)
        assert other.connections == 0
    assert Document(answer.text).one(id="pe-trial")["data-outcome"] == "sent"
    assert catcher.wait_for(1)[0].recipients == ("ada@example.com",)


def test_test_before_saving_counts_after_it(admin: Admin, host: Host, catcher: Catcher) -> None:
    """The settings are verified as soon as they are saved, without another test."""
    admin.test(**at(catcher))
    assert host.site.load_settings().tested is None
    admin.save(**at(catcher))
    tested = host.site.load_settings().tested
    assert tested is not None
    assert (tested.outcome, tested.current) == ("sent", True)
    admin.open().one(data_plato_email_state="poller-silent")


def test_test_of_other_values_leaves_the_verified_state_alone(
    admin: Admin, host: Host, catcher: Catcher, closed_port: int
) -> None:
    """What is typed and fails says nothing about what is saved and works."""
    admin.save(**at(catcher))
    admin.test(**at(catcher))
    before = host.site.load_settings().tested
    page = Document(admin.test(**at(catcher, port=str(closed_port))).text)
    assert page.one(id="pe-trial")["data-outcome"] == "failed"
    assert host.site.load_settings().tested == before


def test_unsaved_values_that_work_can_be_saved_at_once(admin: Admin, catcher: Catcher) -> None:
    """The button stands in the result; it is not there for saved ones."""
    page = Document(admin.test_by_htmx(**at(catcher)).text)
    assert page.one("button", id="pe-save-tested").text == "Save these settings"
    admin.save(**at(catcher))
    page = Document(admin.test_by_htmx(**at(catcher)).text)
    assert not page.all("button", id="pe-save-tested")


def test_wrong_field_is_marked_next_to_it(admin: Admin, catcher: Catcher, closed_port: int) -> None:
    """The fault stands next to the field that it is put down to, in a fragment and on a page."""
    typed = at(catcher, port=str(closed_port))
    fragment = Document(admin.test_by_htmx(**typed).text)
    title = fragment.one("h2").text.partition(" ")[2]
    assert fragment.one("hx-partial", hx_target="#pe-port-problem").text == title
    page = Document(admin.test(**typed).text)
    assert page.one(id="pe-port-problem").text == title
    assert page.field("port")["aria-invalid"] == "true"
    assert page.field("port")["value"] == str(closed_port)


def test_old_trials_are_deleted(admin: Admin, host: Host, catcher: Catcher) -> None:
    """A row is of use for a day at most."""
    admin.test(**at(catcher))
    table = host.site.tables.trial
    past = host.site.clock.now() - timedelta(days=2)
    host.site.database.write(lambda c: c.execute(update(table).values(started_at=past)))
    host.site.make_worker().tidy()
    assert host.site.database.read(lambda c: c.execute(select(table)).all()) == []


def aged(host: Host, minutes: int) -> None:
    table = host.site.tables.settings
    at = host.site.clock.now() - timedelta(minutes=minutes)
    host.site.database.write(lambda c: c.execute(update(table).values(tested_at=at)))


def test_banner_says_when_the_settings_were_verified(
    admin: Admin, sending: Host, catcher: Catcher
) -> None:
    """Verified so long ago, or changed since then."""
    sending.site.make_worker().report()
    admin.test(recipient="ada@example.com")
    aged(sending, 3)
    banner = admin.open().one(data_plato_email_state="verified").text
    assert "Verified 3 minutes ago" in banner
    admin.save(default_sender="other@example.com")
    banner = admin.open().one(data_plato_email_state="unverified").text
    assert "changed since the last test, 3 minutes ago" in banner


def test_banner_repeats_what_the_last_test_found(
    admin: Admin, host: Host, closed_port: int
) -> None:
    """The saved settings fail: when, and why."""
    host.configure(closed_port)
    host.site.make_worker().report()
    admin.test(recipient="ada@example.com")
    banner = admin.open().one(data_plato_email_state="unverified").text
    assert f"failed: Nothing answers at 127.0.0.1 on port {closed_port}" in banner


def test_check_stops_before_the_message(admin: Admin, catcher: Catcher) -> None:
    """Everything up to the 354 is done, and no mail comes of it."""
    answer = admin.watch(
        admin.post("/test-messages?kind=check", admin.form(**at(catcher)), headers=HTMX)
    )
    trial = trial_of(answer.text)
    assert trial["data-outcome"] == "checked"
    assert "would take the mail" in trial.text
    assert verdicts(answer.text)["data"] == "ok"
    assert verdicts(answer.text)["accepted"] == "skipped"
    assert (catcher.connections, catcher.mails) == (1, [])


def test_port_that_answers_is_offered_and_used(
    admin: Admin, host: Host, catcher: Catcher, closed_port: int
) -> None:
    """The wrong port, then the button of the answer: the same form, tested with the right one."""
    host.site.trials.usual_ports = (catcher.port,)
    typed = at(catcher, port=str(closed_port), batch_size="77")
    page = Document(admin.test(**typed).text)
    offer = page.one("button", data_pe_offer="")
    assert offer.text == "Use this"
    why = page.one(id=offer["aria-describedby"]).text
    assert why.startswith(f"Port {catcher.port} answers without encryption")
    used = Document(admin.post("/test-messages", admin.form(**typed, use=offer["value"])).text)
    assert used.one(id="pe-trial")["data-outcome"] == "sent"
    assert used.field("port")["value"] == str(catcher.port)
    assert used.field("batch_size")["value"] == "77"


def test_offer_is_found_while_the_page_watches(
    admin: Admin, host: Host, catcher: Catcher, closed_port: int
) -> None:
    """The verdict comes first, what helps a moment later; one session, and no login is tried."""
    host.site.trials.usual_ports = (catcher.port,)
    last = Document(admin.test_by_htmx(**at(catcher, port=str(closed_port))).text)
    assert last.one("button", data_pe_offer="").text == "Use this"
    assert catcher.mails == []


def test_rule_that_is_sure_offers_its_cure(tmp_path: Path) -> None:
    """TLS from the first byte on a port that greets in plain: one press makes it STARTTLS."""
    authority = Authority(tmp_path)
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_CA_FILE=authority.ca_file) as host,
        Catcher(tls=authority.good) as server,
    ):
        host.site.trials.usual_ports = host.site.trials.catcher_ports = ()
        page = Document(Admin(host).test(**at(server, use_tls="1", tls_mode="tls")).text)
    (offer,) = page.all("button", data_pe_offer="")
    assert offer.text == f"Use STARTTLS on port {server.port}"
    # What speaks for it is what has just been found there.
    assert (
        f"Port {server.port} answers with STARTTLS" in page.one(id=offer["aria-describedby"]).text
    )


def test_cure_that_was_just_found_not_to_work_is_not_offered(admin: Admin, host: Host) -> None:
    """STARTTLS on a port that does not have it."""
    host.site.trials.usual_ports = ()
    with ScriptedServer() as server:
        page = Document(admin.test(**to(server, use_tls="1", tls_mode="tls")).text)
    assert page.one(id="pe-trial")["data-cause"] == "starttls-expected"
    offers = [button.text for button in page.all("button", data_pe_offer="")]
    assert f"Use STARTTLS on port {server.port}" not in offers


def test_pinned_port_is_not_offered_another(
    tmp_path: Path, catcher: Catcher, closed_port: int
) -> None:
    """What the configuration sets, no button of the page can change."""
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_PORT=closed_port) as host,
    ):
        host.site.trials.usual_ports = (catcher.port,)
        page = Document(Admin(host).test(**at(catcher)).text)
    assert page.one(id="pe-trial")["data-outcome"] == "failed"
    assert not page.all("button", data_pe_offer="")


def test_open_connection_is_not_offered_for_an_encrypted_one(
    admin: Admin, host: Host, catcher: Catcher, closed_port: int
) -> None:
    """TLS or no mail: a server without it is no way out, however well it answers."""
    host.site.trials.usual_ports = (catcher.port,)
    typed = at(catcher, port=str(closed_port), use_tls="1")
    page = Document(admin.test(**typed).text)
    assert not page.all("button", data_pe_offer="")


def test_words_of_a_server_are_words(admin: Admin) -> None:
    """Markup in a reply is shown as it is, in the stages and in the transcript."""
    words = "</textarea><script>alert(1)</script>"
    with ScriptedServer({"MAIL": f"550 5.7.1 {words}"}) as server:
        text = admin.test_by_htmx(**to(server)).text
    assert "<script>" not in text
    assert words in Document(text).one(data_stage="sender").text
    assert words in Document(text).one("textarea").text


def test_screen_reader_is_told_of_a_long_wait(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of every stage, but of one that takes long."""
    monkeypatch.setattr("plato_email.views.test_messages.SLOW", 0.0)
    with slow_server() as (server, slow):
        address = trial_of(admin.begin_by_htmx(**to(server)).text)["hx-get"]
        assert slow.asked.wait(5)
        told = admin.client.get(address, headers=HTMX).text
        while verdicts(told)["greeting"] != "running":
            told = admin.client.get(address, headers=HTMX).text
    assert Document(told).one("hx-partial", hx_target="#pe-aloud").text == "Waiting: Greeting"


def test_link_leads_to_the_field_that_was_typed(admin: Admin) -> None:
    """The password that was typed, not the switch that is off in what is saved."""
    with Catcher(users={"ada": "right"}) as catcher:
        typed = at(catcher, requires_login="1", username="ada", password="wrong")
        fragment = Document(admin.test_by_htmx(**typed).text)
    assert fragment.one("a", href="#pe-password").text == "Go to Password"


def test_catcher_of_a_developer_is_found(
    admin: Admin,
    host: Host,
    catcher: Catcher,
    closed_port: int,
) -> None:
    """On this machine the port where catchers listen is tried as well."""
    host.site.trials.catcher_ports = (catcher.port,)
    host.site.trials.usual_ports = ()
    page = Document(admin.test(**at(catcher, port=str(closed_port))).text)
    offer = page.one("button", data_pe_offer="")
    assert f"Port {catcher.port} " in page.one(id=offer["aria-describedby"]).text
