"""``flask email``: every command, in its plain form and for scripts, and its refusals."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result

from plato_email.errors import Cause, DeliveryError, Stage
from plato_email.tables import State
from tests.support.databases import fresh_database
from tests.support.sites import Host, hosted
from tests.support.smtp_servers import Catcher


def email(host: Host, *words: str) -> Result:
    """Run ``flask email`` with ``words``."""
    return host.app.test_cli_runner().invoke(args=["email", *words])


def fail_some(host: Host, catcher_port: int, count: int) -> list[int]:
    """Leave ``count`` failed messages behind."""
    with Catcher(final="554 5.7.1 no") as server:
        host.configure(server.port)
        ids = [host.send() for _ in range(count)]
        host.rounds()
    host.configure(catcher_port)
    return ids


class TestStatus:
    def test_unconfigured_site(self, host: Host) -> None:
        """A new site is not configured; nothing is wrong yet."""
        result = email(host, "status")
        assert result.exit_code == 0
        assert "not-configured" in result.output
        assert "none is running" in result.output

    def test_failing_site_exits_with_1(self, sending: Host) -> None:
        """While the gate is closed a monitor sees exit code 1 and the reason."""
        sending.site.outbox.claim(limit=1, batch=1, interval=1, send_attempts=1)
        fault = DeliveryError(Stage.LOGIN, Cause.PASSWORD_REFUSED, "no", code=535)
        sending.site.outbox.close_gate(fault, 60, 3600)
        plain, found = email(sending, "status"), email(sending, "status", "--json")
        assert (plain.exit_code, found.exit_code) == (1, 1)
        assert "at login: 535 no" in plain.output
        assert "(password-refused)" in plain.output
        failing = json.loads(found.output)["failing"]
        assert (failing["code"], failing["diagnosis"]["code"]) == (535, "password-refused")


class TestList:
    def test_search_is_that_of_the_page(self, host: Host) -> None:
        """Words and keys as on the page, quotes kept, in lines or as JSON; sensitive stays so."""
        first = host.send(subject="Your order", recipients=["ann@acme.com", "b@acme.com"])
        host.send(subject="Code 77", sensitive=True)
        plain = email(host, "list", "status:queued", "to:@acme.com")
        assert plain.output == f"{first:>8}  queued     ann@acme.com +1  Your order\n"
        assert email(host, "list", "subject:your order").output == plain.output
        found = json.loads(email(host, "list", "--json", "--", "-to:@acme.com").output)
        assert [(each["status"], each["subject"]) for each in found] == [("queued", None)]
        assert "77" not in email(host, "list").output

    def test_no_match_is_said(self, host: Host) -> None:
        """In a sentence beside the list, which is empty; for a script it is an empty list."""
        empty = email(host, "list")
        assert (empty.exit_code, empty.stdout) == (0, "")
        assert empty.stderr == "No message has been queued yet.\n"
        host.send()
        none = email(host, "list", "status:failed", "to:@acme.com")
        assert (none.exit_code, none.stdout) == (0, "")
        assert none.stderr == "No message matches status:failed to:@acme.com.\n"
        assert json.loads(email(host, "list", "--json", "status:failed").stdout) == []

    def test_reply_of_an_earlier_try_is_told_as_that(self, host: Host, catcher: Catcher) -> None:
        """What waits again still tells what the last try met, and not as its state."""
        (number,) = fail_some(host, catcher.port, 1)
        assert "[554 5.7.1 no]" in email(host, "list").output
        email(host, "retry", str(number))
        assert "[last time: 554 5.7.1 no]" in email(host, "list").output

    def test_search_that_cannot_be_read_is_one_line(self, host: Host) -> None:
        """The page's own sentence, exit code 1."""
        result = email(host, "list", "statsu:failed")
        assert result.exit_code == 1
        assert "Did you mean status:?" in result.output
        assert len(result.output.splitlines()) == 1


class TestTest:
    def test_accepted(self, sending: Host, catcher: Catcher) -> None:
        """The test goes to the default sender and says what the server said."""
        result = email(sending, "test")
        assert (result.exit_code, len(catcher.mails)) == (0, 1)
        assert catcher.mails[0].recipients == ("site@example.com",)
        assert "Accepted for site@example.com: 250" in result.output

    def test_json(self, sending: Host, catcher: Catcher) -> None:
        """A script gets every stage with its verdict."""
        result = email(sending, "test", "you@example.com", "--json")
        found = json.loads(result.output)
        assert (found["outcome"], found["recipient"]) == ("sent", "you@example.com")
        assert found["steps"][-1]["stage"] == "accepted"
        assert all(step["ok"] for step in found["steps"])

    def test_failure_names_stage_and_advice(self, host: Host) -> None:
        """A closed port: exit code 1, the stage, the reason and what to do."""
        host.configure(1)
        result = email(host, "test", "--json")
        found = json.loads(result.output)
        assert (result.exit_code, found["outcome"]) == (1, "failed")
        assert found["error"]["stage"] == "connect"
        assert found["diagnosis"]["title"]

    def test_check_sends_nothing(self, sending: Host, catcher: Catcher) -> None:
        """With --check it stops where the server would take the mail."""
        result = email(sending, "test", "--check")
        assert (result.exit_code, catcher.connections, len(catcher.mails)) == (0, 1, 0)
        assert "Would be accepted for site@example.com: 354" in result.output
        (entry,) = sending.site.audit.page()
        assert (entry.action, entry.detail["outcome"]) == ("test.checked", "checked")
        assert entry.actor.startswith("command line")

    def test_other_values_for_one_test(self, host: Host, catcher: Catcher) -> None:
        """Options stand in for what is stored, and nothing is stored."""
        place = ("--host", catcher.host, "--port", str(catcher.port))
        result = email(host, "test", "--sender", "a@example.com", *place)
        assert (result.exit_code, len(catcher.mails)) == (0, 1)
        assert host.site.load_settings().version == 0
        wrong = email(host, "test", "--sender", "a@example.com", *place[:3], "99999")
        assert (wrong.exit_code, "99999 is out of range" in wrong.output) == (1, True)

    def test_stored_password_stays_where_it_belongs(self, host: Host) -> None:
        """For another server the password is asked for, and the stored one is not sent."""
        with Catcher(users={"ada": "theirs"}) as other:
            host.configure(25, username="ada", password="ours")
            runner = host.app.test_cli_runner()
            words = ["email", "test", "--port", str(other.port), "--check", "--json"]
            result = runner.invoke(args=words, input="theirs\n")
        assert result.exit_code == 0
        assert other.connections == 1
        assert "theirs" not in result.stdout

    def test_unconfigured(self, host: Host) -> None:
        """Without a server there is nothing to test."""
        result = email(host, "test")
        assert (result.exit_code, "not configured" in result.output) == (1, True)

    def test_bad_recipient(self, sending: Host) -> None:
        """A recipient that is no address is told in one line."""
        result = email(sending, "test", "nobody")
        assert result.exit_code == 1
        assert "nobody" in result.output
        assert "Traceback" not in result.output


class TestSendDue:
    def test_sends_what_is_due(self, sending: Host, catcher: Catcher) -> None:
        """One call for cron: everything due goes, and the outcome is counted."""
        for _ in range(25):
            sending.send()
        result = email(sending, "send-due")
        assert (result.exit_code, len(catcher.mails)) == (0, 25)
        assert result.output == "25 messages sent\n"

    def test_nothing_due(self, sending: Host) -> None:
        """An empty queue is no error."""
        assert email(sending, "send-due").output == "Nothing due.\n"

    def test_outage_exits_with_1(self, host: Host) -> None:
        """When no mail can be sent the exit code says so."""
        host.configure(1)
        host.send()
        result = email(host, "send-due")
        assert (result.exit_code, "No mail can be sent (connect)" in result.output) == (1, True)

    def test_off_and_unconfigured(self, host: Host, catcher: Catcher) -> None:
        """Switched off, or without a server, it refuses with the reason."""
        assert "not configured" in email(host, "send-due").output
        host.configure(catcher.port, polling_enabled=False)
        assert "switched off" in email(host, "send-due").output


class TestRetry:
    def test_one_and_all(self, host: Host, catcher: Catcher) -> None:
        """Failed messages are queued again by id, or all of them."""
        ids = fail_some(host, catcher.port, 3)
        one = email(host, "retry", str(ids[0]))
        assert (one.exit_code, one.output) == (0, "1 of 1 message queued again.\n")
        rest = email(host, "retry", "--all", "--json")
        assert json.loads(rest.output) == {"requeued": 2, "asked": 2}
        host.rounds()
        assert len(catcher.mails) == 3

    def test_what_has_not_failed_is_left(self, sending: Host) -> None:
        """Retrying a message that waits is refused, not done twice."""
        number = sending.send()
        result = email(sending, "retry", str(number), "999")
        assert (result.exit_code, "0 of 2 messages" in result.output) == (1, True)

    @pytest.mark.parametrize("words", [[], ["1", "--all"]])
    def test_ids_or_all(self, host: Host, words: list[str]) -> None:
        """Neither or both is a usage error."""
        result = email(host, "retry", *words)
        assert (result.exit_code, "Name the ids" in result.output) == (2, True)

    def test_it_is_in_the_log(self, host: Host, catcher: Catcher) -> None:
        """Who ran the command, where, and what it queued again; nothing where it did nothing."""
        failed = fail_some(host, catcher.port, 2)
        email(host, "retry", str(failed[0]), "999")
        email(host, "retry", "999")
        email(host, "retry", "--all")
        every, one = host.site.audit.page(action="message.retried")
        assert (one.subject, one.detail) == (f"{failed[0]}, 999", {"count": 1})
        assert (every.subject, every.detail) == ("all failed", {"count": 1})


class TestPurge:
    def test_by_state_and_age(self, host: Host, catcher: Catcher) -> None:
        """Finished messages of that age go; waiting ones stay."""
        failed = fail_some(host, catcher.port, 2)
        waiting = host.send()
        assert email(host, "purge").output == "0 messages deleted.\n"
        planned = email(host, "purge", "--state", "failed", "--days", "0", "--dry-run")
        assert planned.output == "failed     2 messages older than 0 days\n"
        planned = email(host, "purge", "--days", "0", "--dry-run", "--json")
        counts = {"sent": 0, "partial": 0, "failed": 2, "cancelled": 0, "expired": 0, "deleted": 0}
        assert json.loads(planned.output) == {"would_delete": counts}
        assert len(host.states()) == 3
        result = email(host, "purge", "--state", "failed", "--days", "0")
        assert "2 messages deleted." in result.output
        assert host.states() == {waiting: "queued"}
        (entry,) = host.site.audit.page()
        assert (entry.action, entry.subject) == ("queue.purged", "2")
        assert entry.actor.startswith("command line (")
        assert host.site.outbox.message(failed[0]) is None
        assert host.site.outbox.content_count() == 1

    def test_waiting_messages_are_never_purged(self, host: Host) -> None:
        """The outbox itself refuses to purge what may still be sent."""
        with pytest.raises(ValueError, match="not finished"):
            list(host.site.outbox.purge(State.QUEUED, timedelta()))


class TestKeys:
    def test_rotation_round_trip(self, host: Host, catcher: Catcher) -> None:
        """New key, re-encrypt, retire the old: password and waiting mail survive."""
        host.configure(catcher.port, username="me", password="secret")
        host.send()
        (old,) = host.site.key_ring().ids
        assert email(host, "keys", "new").exit_code == 0
        refused = email(host, "keys", "retire", old)
        assert (refused.exit_code, "still needed by" in refused.output) == (1, True)
        moved = json.loads(email(host, "keys", "reencrypt", "--json").output)
        assert moved == {"secrets": 2, "messages": 1, "unreadable": 0, "lost": []}
        assert email(host, "keys", "retire", old).exit_code == 0
        listed = json.loads(email(host, "keys", "list", "--json").output)
        assert [key["encrypts"] for key in listed["keys"]] == [True]
        assert host.site.load_settings().settings.password == "secret"
        host.rounds()

    def test_retire_refuses_the_encrypting_and_the_unknown(self, host: Host) -> None:
        """The key in use and a key that is not there are refused with what there is."""
        (only,) = host.site.key_ring().ids
        assert "is the one in use" in email(host, "keys", "retire", only).output
        unknown = email(host, "keys", "retire", "nope")
        assert (unknown.exit_code, only in unknown.output) == (1, True)

    def test_no_key_is_ever_printed(self, host: Host) -> None:
        """List, new and the key file's repr show ids only."""
        email(host, "keys", "new")
        secrets = [line.split(":")[1] for line in host.site.key_ring().to_text().splitlines()]
        shown = email(host, "keys", "list").output + email(host, "keys", "new").output
        assert not [each for each in secrets if each in shown]

    def test_configured_keys_are_not_changed(self, tmp_path: Path) -> None:
        """Keys set in the configuration are changed there."""
        key = "one:" + "A" * 43 + "="
        with (
            fresh_database("sqlite", tmp_path) as url,
            hosted(url, tmp_path, PLATO_EMAIL_KEYS=key) as host,
        ):
            result = email(host, "keys", "new")
        assert (result.exit_code, "PLATO_EMAIL_KEYS" in result.output) == (1, True)


@pytest.mark.parametrize("option", ["--host", "--port", "--username", "--sender", ""])
def test_password_in_the_wrong_place_is_not_repeated(host: Host, option: str) -> None:
    """Neither by an option of the test nor by its recipient."""
    host.configure(2525)
    url = "smtps://me:S3CRETQ@smtp.example.com:587"
    result = email(host, "test", *filter(None, (option, url)))
    assert result.exit_code == 1
    assert "S3CRETQ" not in result.output
    assert "S3CRETQ" not in email(host, "dns", "--sender", url).output
    assert "S3CRETQ" not in email(host, "dns", "--server", url).output


def test_options_are_read_as_the_page_reads_them(host: Host, catcher: Catcher) -> None:
    """What was pasted behind an option is understood, and said."""
    host.configure(1)
    words = ("--host", f"{catcher.host}: {catcher.port}", "--port", "", "--tls", "off")
    result = email(host, "test", "Me <me@example.org>", *words, "--sender", "root@localhost")
    assert result.exit_code == 0, result.output
    assert "host: Taken from" in result.output
    assert "default_sender: " in result.output
    assert "me@example.org" in result.output
