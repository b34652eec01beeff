"""What is kept of a failure, on every database: of whom it is told, and of a version before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import URL, update

from tests.support.hours import Hours
from tests.support.queue_facts import count_states
from tests.support.sites import Host, hosted
from tests.web.conftest import Admin

from .conftest import EVERYWHERE
from .servers import RECIPIENT, Case, entry, of_corpus, served, set_up, standing

pytestmark = pytest.mark.parametrize("url", EVERYWHERE, indirect=True)

OLD, NEW = "mail.old.example", "mail.new.example"
REPLIES: dict[str, Case] = {
    name: of_corpus(entry(name), username="", host=OLD, port=587)
    for name in ("cpanel-hour", "pf-config-error", "quota-552-at-rcpt", "smtp-auth-required")
}
"""A limit and a setup, for which all mail waits; a mail put off, and one refused."""


@pytest.mark.parametrize("case", REPLIES.values(), ids=REPLIES)
def test_cause_and_server_are_kept(host: Host, case: Case) -> None:
    """With the message, with its try, with the recipient and with the outage."""
    with standing(case):
        host.configure(case.port, **case.stored)
        number = host.send(recipients=[RECIPIENT], sender=case.sender)
        host.rounds()
    row = host.site.outbox.message(number)
    assert row is not None
    (attempt,) = host.site.outbox.attempts(number)
    gate = host.site.outbox.gate()
    kept = [row, attempt, *([gate] if case.fate == "all mail waits" else [])]
    assert {(each.cause, each.server) for each in kept if each} == {
        (case.cause.value, case.address)
    }
    assert (gate is not None) == (case.fate == "all mail waits")


@pytest.mark.parametrize("case", REPLIES.values(), ids=REPLIES)
def test_past_failure_is_told_of_its_server(host: Host, case: Case) -> None:
    """After the settings lead elsewhere the page of the message still names who refused it."""
    with standing(case):
        host.configure(case.port, **case.stored)
        number = host.send(recipients=[RECIPIENT], sender=case.sender)
        host.rounds()
    host.configure(25, host=NEW, use_tls=False)
    page = Admin(host).open(f"/messages/{number}")
    (tried,) = page.all("li", data_cause=case.cause.value)
    assert f"{OLD}:587" in tried.text
    (why,) = page.all("section", data_cause=case.cause.value)
    assert NEW not in why.text


def test_past_refusal_is_read_as_its_provider_speaks(host: Host) -> None:
    """What Google said is not read anew as a word of the server that is set today."""
    case = of_corpus(entry("gm-nbsp-password"), password="abcd\u00a0efgh\u00a0ijkl\u00a0mnop")
    with standing(case):
        host.configure(case.port, **case.stored)
        number = host.send(recipients=[RECIPIENT])
        host.rounds()
    host.configure(25, host="smtp.office365.com", use_tls=False)
    page = Admin(host).open(f"/messages/{number}")
    (why,) = page.all("section", data_cause=case.cause.value)
    assert "office365" not in why.text
    (tried,) = page.all("li", data_cause=case.cause.value)
    assert "smtp.gmail.com:587" in tried.text


@pytest.mark.parametrize("name", ["cpanel-hour", "smtp-auth-required"])
def test_outage_is_told_of_its_server(host: Host, url: URL, tmp_path: Path, name: str) -> None:
    """The site is pinned to another server meanwhile: page, health and shell name the old one."""
    case = REPLIES[name]
    with standing(case):
        host.configure(case.port, **case.stored)
        host.send(recipients=[RECIPIENT], sender=case.sender)
        host.rounds()
    with hosted(url, tmp_path, PLATO_EMAIL_HOST=NEW, PLATO_EMAIL_PORT=2525) as other:
        assert other.site.load_settings().settings.address == f"{NEW}:2525"
        admin = Admin(other)
        failing = admin.get("/health").get_json()["failing"]
        assert (failing["cause"], failing["server"]) == (case.cause.value, case.address)
        assert failing["diagnosis"]["code"] == case.cause.value
        assert failing["diagnosis"]["fate"] == failing["verdict"] == case.verdict.value
        assert NEW not in failing["diagnosis"]["title"] + failing["diagnosis"]["why"]
        banner = admin.open().one(data_plato_email_state="failing")
        assert NEW not in banner.text
        assert OLD in banner.text
        result = other.app.test_cli_runner().invoke(args=["email", "status", "--json"])
        assert json.loads(result.stdout)["failing"]["server"] == case.address
        assert result.exit_code == 1


def in_trouble(host: Host, hours: Hours) -> dict[str, int]:
    """Leave a failed, a deferred and a waiting message behind, and an outage."""
    found: dict[str, int] = {}
    for name in ("quota-552-at-rcpt", "pf-config-error", "cpanel-hour"):
        case = REPLIES[name]
        with standing(case):
            host.configure(case.port, **case.stored)
            found[case.fate] = host.send(recipients=[RECIPIENT], sender=case.sender)
            host.rounds()
    return found


def forget(host: Host) -> None:
    """Let all rows be those of a version that kept neither cause nor server."""
    tables = host.site.tables

    def work(connection: Any) -> None:
        for table in tables.all():
            names = {"cause", "server"} & set(table.c.keys())
            if names:
                connection.execute(update(table).values(dict.fromkeys(names)))

    host.site.database.write(work)


PAGES = ("/messages", "/queue", "/settings", "/messages?q=status:failed", "/health")


def check_pages(host: Host, ids: dict[str, int]) -> None:
    """Every page is there, and each message has a diagnosis by what its reply means."""
    admin = Admin(host)
    for path in PAGES:
        assert admin.get(path).status_code in (200, 503 if path == "/health" else 200), path
    for number in ids.values():
        page = admin.open(f"/messages/{number}")
        assert page.has("data-cause"), number


def test_rows_of_a_version_before(host: Host, hours: Hours) -> None:
    """Without cause and server the pages work, the claims too, and all that waits is sent."""
    ids = in_trouble(host, hours)
    forget(host)
    gate = host.site.outbox.gate()
    assert gate is not None
    assert (gate.cause, gate.server) == ("", "")
    check_pages(host, ids)
    with served({}, OLD) as server:
        hours.passed += 2 * 24 * 3600.0
        host.rounds()
        assert len(server.mails) == 2
    assert count_states(host) == {"sent": 2, "failed": 1}
    assert host.site.outbox.gate() is None


def test_message_that_waits_since_a_version_before(host: Host, hours: Hours) -> None:
    """Its next refusal is kept with cause and server, and counted once."""
    with served({"RCPT": "450 4.2.1 later"}, OLD):
        set_up(host, OLD)
        number = host.send()
        host.rounds()
        forget(host)
        hours.passed += 3600.0
        host.rounds()
    row = host.site.outbox.message(number)
    assert row is not None
    assert row.attempts == 2
    assert row.server == f"{OLD}:587"
    assert row.cause
    assert [bool(each.cause) for each in host.site.outbox.attempts(number)].count(True) == 1


def test_upgrade_adds_the_columns(host: Host, hours: Hours) -> None:
    """``flask email upgrade`` brings them to the tables of before; rows and mail stay."""
    ids = in_trouble(host, hours)
    tables = [table for table in host.site.tables.all() if "cause" in table.c]
    names = {table.name: [n for n in ("cause", "server") if n in table.c] for table in tables}
    assert {"plato_email_message", "plato_email_attempt", "plato_email_gate"} <= names.keys()
    with host.app.app_context(), host.db.engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        for table, columns in names.items():
            with op.batch_alter_table(table) as batch:
                for column in columns:
                    batch.drop_column(column)
    host.site.database.dispose()
    runner = host.app.test_cli_runner()
    checked = runner.invoke(args=["email", "upgrade", "--check", "--json"])
    lacking = {(each["table"], each["name"]) for each in json.loads(checked.stdout)["changes"]}
    assert checked.exit_code == 1
    assert lacking == {(table, column) for table in names for column in names[table]}
    done = runner.invoke(args=["email", "upgrade", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["current"]) == (0, True)
    check_pages(host, ids)
    with served({}, OLD) as server:
        hours.passed += 2 * 24 * 3600.0
        host.rounds()
        assert len(server.mails) == 2
    assert count_states(host) == {"sent": 2, "failed": 1}
