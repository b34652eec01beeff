"""The settings page, as it is read, saved and given back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.databases import fresh_database
from tests.support.sites import hosted
from tests.support.smtp_servers import Catcher
from tests.web.conftest import Admin
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.support.sites import Host

SERVER = {"default_sender": "Site <site@example.com>", "host": "smtp.example.com"}
LOGIN: dict[str, str | None] = {
    **SERVER,
    "use_tls": "1",
    "requires_login": "1",
    "username": "ada",
    "password": "correct horse",
}


def test_page_has_the_three_groups_and_every_field(admin: Admin) -> None:
    """General, SMTP server, and Queue and polling, each field with its label and its help."""
    page = admin.open()
    assert [e.text for e in page.all("h2")][:3] == ["General", "SMTP server", "Queue and polling"]
    for name in (
        *("default_sender", "host", "port", "username", "password", "use_tls", "tls_mode"),
        *("poll_interval", "batch_size", "send_attempts", "polling_enabled"),
    ):
        field = page.field(name)
        assert name == field["name"]
        assert page.one("label", for_=field["id"]).text
        for described in field.attributes.get("aria-describedby", "").split():
            # The place for a problem is always there, and empty while there is none.
            assert page.one(id=described).text or described == f"pe-{name}-problem"


def test_first_page_shows_the_defaults(admin: Admin) -> None:
    """Interval 30, batch 100, five attempts, polling on; the port is left to the choice of TLS."""
    page = admin.open()
    assert tuple(
        page.field(name)["value"] for name in ("poll_interval", "batch_size", "send_attempts")
    ) == ("30", "100", "5")
    assert "checked" in page.field("polling_enabled")
    assert "checked" not in page.field("use_tls")
    assert (page.field("port")["value"], page.field("port")["placeholder"]) == ("", "auto")


def test_saving_redirects_and_says_so_once(admin: Admin) -> None:
    """A good save answers 303 and is confirmed on the next page only."""
    answer = admin.save(**SERVER)
    assert answer.status_code == 303
    assert answer.location == "/admin/email/settings"
    assert "Settings saved." in admin.open().text
    assert "Settings saved." not in admin.open().text


def test_saved_values_are_in_force(admin: Admin, host: Host) -> None:
    """What was typed is what the sender will use."""
    admin.save(**SERVER, port="2525", poll_interval="7", batch_size="8", send_attempts="9")
    settings = host.site.load_settings().settings
    assert (settings.host, settings.port) == ("smtp.example.com", 2525)
    assert (settings.poll_interval, settings.batch_size, settings.send_attempts) == (7, 8, 9)


def test_unticking_polling_is_stored_and_shown_loudly(admin: Admin, host: Host) -> None:
    """A box that is off sends nothing, and that means off."""
    admin.save(**SERVER, polling_enabled=None)
    assert host.site.load_settings().settings.polling_enabled is False
    admin.open().one(data_plato_email_state="polling-off")


def test_notes_stand_next_to_their_field_after_saving(admin: Admin) -> None:
    """A pasted smtp:// address is understood, and the page says what was taken from it."""
    admin.save(**SERVER | {"host": "smtps://smtp.example.com:465"})
    page = admin.open()
    assert "host, port and TLS" in page.one(id="pe-host-note").text
    assert "pe-host-note" in page.field("host")["aria-describedby"]
    assert (page.field("host")["value"], page.field("port")["value"]) == ("smtp.example.com", "465")
    assert not admin.open().all(id="pe-host-note")


def test_failed_save_loses_nothing_that_was_typed(admin: Admin, host: Host) -> None:
    """422, the typed values, the errors at their fields, and a summary that links to them."""
    answer = admin.save(**LOGIN | {"host": "not a host", "batch_size": "many"})
    page = Document(answer.text)
    assert answer.status_code == 422
    assert (
        page.field("host")["value"],
        page.field("batch_size")["value"],
    ) == ("not a host", "many")
    assert page.field("username")["value"] == "ada"
    for name in ("host", "batch_size"):
        field = page.field(name)
        assert field["aria-invalid"] == "true"
        assert f"pe-{name}-problem" in field["aria-describedby"]
        page.one("a", href=f"#pe-{name}")
    assert page.one("div", autofocus="")["tabindex"] == "-1"
    assert page.one("title").text.startswith("Not saved")
    assert host.site.load_settings().version == 0


def test_failed_save_does_not_fold_the_login_away(admin: Admin) -> None:
    """A switch that was on stays on, so that its fields can be corrected."""
    page = Document(admin.save(**LOGIN | {"host": "not a host"}).text)
    assert "checked" in page.field("requires_login")


@pytest.mark.parametrize("path", ["/settings", "/test-messages"])
def test_password_is_on_no_page(admin: Admin, path: str) -> None:
    """Neither a stored nor a typed password comes back."""
    admin.save(**LOGIN)
    stored = admin.get("/settings").text
    typed = admin.post(path, admin.form(password="battery staple", host="not a host")).text
    assert "correct horse" not in stored
    assert "battery staple" not in typed
    assert "value" not in Document(typed).field("password")
    assert "type it again" in Document(typed).one(id="pe-password-note").text


def test_blank_password_keeps_the_stored_one(admin: Admin, host: Host) -> None:
    """Saving something else does not wipe the password, and the page says that there is one."""
    admin.save(**LOGIN)
    assert "A password is stored" in admin.open().text
    assert admin.save(batch_size="50").status_code == 303
    assert host.site.load_settings().settings.password == "correct horse"


def test_changed_server_asks_for_the_password_again(admin: Admin, host: Host) -> None:
    """A stored password is never taken to another server."""
    admin.save(**LOGIN)
    answer = admin.save(host="smtp.attacker.example")
    assert answer.status_code == 422
    assert "must be typed again" in Document(answer.text).one(id="pe-password-problem").text
    assert host.site.load_settings().settings.host == "smtp.example.com"


def test_clear_password_with_the_user_name_removes_the_login(admin: Admin, host: Host) -> None:
    """The tick box removes the stored password."""
    admin.save(**LOGIN)
    assert admin.save(clear_password="1", username="").status_code == 303
    assert host.site.load_settings().settings.password == ""


def test_switching_authentication_off_removes_the_login(admin: Admin, host: Host) -> None:
    """Off means no login, even though the folded fields are still sent."""
    admin.save(**LOGIN)
    assert admin.save(requires_login="0").status_code == 303
    settings = host.site.load_settings().settings
    assert (settings.username, settings.password) == ("", "")


@pytest.mark.parametrize("path", ["/settings", "/test-messages"])
def test_authentication_switched_on_with_nothing_typed(admin: Admin, host: Host, path: str) -> None:
    """Nothing is saved or tested; the switch stays on, and both fields say what is missing."""
    typed = admin.form(**SERVER, requires_login="1", batch_size="77")
    answer = admin.post(path, typed)
    page = Document(answer.text)
    assert answer.status_code == 422
    assert "The user name is empty" in page.one(id="pe-username-problem").text
    assert "The password is empty" in page.one(id="pe-password-problem").text
    assert "checked" in page.field("requires_login")
    assert page.field("batch_size")["value"] == "77"
    assert host.site.load_settings().version == 0


def test_emptied_user_name_does_not_remove_the_stored_login(admin: Admin, host: Host) -> None:
    """Only the user name is asked for; the stored password is still there."""
    admin.save(**LOGIN)
    answer = admin.save(username="")
    page = Document(answer.text)
    assert answer.status_code == 422
    assert "The user name is empty" in page.one(id="pe-username-problem").text
    assert page.one(id="pe-password-problem").text == ""
    assert host.site.load_settings().settings.password == "correct horse"


def test_login_without_the_switch_is_taken_from_the_name(admin: Admin, host: Host) -> None:
    """A script that posts the fields alone, without our switch, still stores its login."""
    form = admin.form(**LOGIN)
    del form["requires_login"]
    assert admin.post("/settings", form).status_code == 303
    assert host.site.load_settings().settings.username == "ada"


def test_second_of_two_savers_is_told_and_overwrites_only_knowingly(
    admin: Admin, colleague: Admin, host: Host
) -> None:
    """409 with what was typed and what is stored; saving again replaces it."""
    admin.save(**SERVER)
    typed = colleague.form(batch_size="20")
    admin.save(batch_size="33")
    answer = colleague.post("/settings", typed)
    page = Document(answer.text)
    assert answer.status_code == 409
    assert page.field("batch_size")["value"] == "20"
    assert "33" in page.one(id="pe-batch_size-stored").text
    assert "pe-batch_size-stored" in page.field("batch_size")["aria-describedby"]
    assert not page.all(id="pe-host-stored")
    assert host.site.load_settings().settings.batch_size == 33
    again = typed | {"version": page.one("input", name="version")["value"]}
    assert colleague.post("/settings", again).status_code == 303
    assert host.site.load_settings().settings.batch_size == 20


def test_conflict_names_who_saved(admin: Admin, host: Host) -> None:
    """The page says whose settings they are now."""
    admin.save(**SERVER)
    form = admin.form(batch_size="20")
    stored = host.site.load_settings()
    host.site.save_settings(stored.settings, version=stored.version, by="Ada", keep_password=False)
    assert "Ada saved these settings" in admin.post("/settings", form).text


def test_unreadable_password_is_a_state_with_a_cure(
    admin: Admin, host: Host, tmp_path: Path
) -> None:
    """With its key gone the page opens, says what to do, and typing the password repairs it."""
    admin.save(**LOGIN)
    (tmp_path / "instance" / "plato_email.keys").unlink()
    page = admin.open()
    page.one(data_plato_email_state="unreadable-secret")
    assert "Enter it again" in page.one(id="pe-password-problem").text
    assert "checked" in page.field("requires_login")
    assert admin.save(username="ada", password="new one").status_code == 303
    assert host.site.load_settings().settings.password == "new one"


def test_pinned_fields_are_read_only_and_name_their_key(tmp_path: Path) -> None:
    """A key of the configuration sets the field, and what is posted for it changes nothing."""
    pins = {
        "PLATO_EMAIL_HOST": "pinned.example.com",
        "PLATO_EMAIL_USE_TLS": True,
        "PLATO_EMAIL_TLS_MODE": "tls",
        "PLATO_EMAIL_PASSWORD": "pinned secret",
    }
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path, **pins) as host:
        admin = Admin(host)
        page = admin.open()
        assert "readonly" in page.field("host")
        assert "disabled" in page.field("use_tls")
        assert "disabled" in page.field("tls_mode")
        assert "PLATO_EMAIL_HOST" in page.one(id="pe-host-pin").text
        assert "pinned secret" not in page.source
        answer = admin.save(host="other.example.com", default_sender="a@example.com", port="465")
        assert answer.status_code == 303
        assert host.site.load_settings().settings.host == "pinned.example.com"


def test_pinned_user_name_decides_about_the_login(tmp_path: Path) -> None:
    """The switch is on, cannot be moved, and says which key it is that decides."""
    pins = {"PLATO_EMAIL_USERNAME": "ada", "PLATO_EMAIL_PASSWORD": "pinned secret"}
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path, **pins) as host:
        page = Admin(host).open()
        switch = page.field("requires_login")
        assert "checked" in switch
        assert "disabled" in switch
        assert "PLATO_EMAIL_USERNAME" in page.one(id="pe-requires_login-pin").text


def test_saved_by_is_the_name_that_authorize_gives(admin: Admin, host: Host) -> None:
    """A host tells who is signed in by ``g.plato_email_actor``."""
    from flask import g

    def authorize(_action: str) -> bool:
        g.plato_email_actor = "grace@example.com"
        return True

    host.site.authorize = authorize
    admin.save(**SERVER)
    assert host.site.load_settings().updated_by == "grace@example.com"


def test_who_may_only_look_gets_no_buttons(admin: Admin, host: Host) -> None:
    """Without the rights to save and to test, their buttons are not there."""
    host.site.authorize = lambda action: action == "view"
    page = admin.open()
    assert not page.all("button")
    assert admin.save(**SERVER).status_code == 403


def test_who_may_not_change_the_settings_sees_no_user_name(
    admin: Admin, host: Host, catcher: Catcher
) -> None:
    """Half of the login is for those who keep it; a test with it is possible all the same."""
    host.configure(catcher.port, username="postmaster-7", password="secret")
    assert "postmaster-7" in admin.get("/settings").text
    host.site.authorize = lambda action: action != "edit_settings"
    page = admin.open()
    assert "postmaster-7" not in page.source
    assert "disabled" in page.field("username")
    assert "may change the settings" in page.one(id="pe-username-help").text
    answer = admin.test(recipient="me@example.com")
    assert "postmaster-7" not in answer.text
    assert "offers no login" in answer.text


def test_fields_that_are_not_sent_keep_their_values(admin: Admin, host: Host) -> None:
    """What a program does not send stays, but for tick boxes, which send nothing when off."""
    admin.save(**LOGIN, port="2525", poll_interval="7")
    before = host.site.load_settings()
    few = {name: admin.form()[name] for name in ("csrf_token", "version")}
    few |= {"batch_size": "8", "use_tls": "1", "polling_enabled": "1"}
    assert admin.post("/settings", few).status_code == 303
    assert host.site.load_settings().settings == replace(before.settings, batch_size=8)


def test_head_leaves_the_notice_for_the_page(admin: Admin) -> None:
    """What asks only whether the page is there does not take its message away."""
    admin.save(**SERVER)
    assert admin.client.head("/admin/email/settings").status_code == 200
    assert "Settings saved." in admin.open().text


def test_index_leads_to_the_settings(admin: Admin) -> None:
    """The address of the pages is the settings page."""
    answer = admin.get("/")
    assert answer.status_code == 303
    assert answer.location == "/admin/email/settings"


def test_server_that_the_site_does_not_allow(tmp_path: Path) -> None:
    """A server outside the list of allowed ones is refused at its field; what was typed stays."""
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_ALLOWED_SERVERS="*.example.org:587") as host,
    ):
        admin = Admin(host)
        refused = admin.save(**SERVER | {"port": "587"})
        page = Document(refused.text)
        saved = admin.save(**SERVER | {"host": "smtp.example.org", "port": "587"})

    assert (refused.status_code, saved.status_code) == (422, 303)
    assert (
        "smtp.example.com, port 587, is not on the site's list"
        in page.one(id="pe-host-problem").text
    )
    assert page.field("host")["value"] == "smtp.example.com"
