"""What people paste into the settings page: understood, noted, or given back without a password."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plato_email.forms import FIELDS
from tests.unit.test_settings_pasted import LOGINS, SECRET
from tests.web.conftest import HTMX, Admin
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.support.sites import Host
    from tests.support.smtp_servers import Catcher

SITE: dict[str, str | None] = {
    "default_sender": "Shop <me@shop.example>",
    "host": "smtp.shop.example",
    "port": "587",
    "use_tls": "1",
    "requires_login": "1",
    "username": "me@shop.example",
    "password": "correct horse",
}
APP_PASSWORD = "abcd\u00a0efgh\u00a0ijkl\u00a0mnop"
WEKAN = "smtps://ME:s3cret@smtp-relay.shop.example:587"
URL = f"smtps://ME:{SECRET}@smtp.shop.example:587"
TYPED = [each.name for each in FIELDS if each.kind in ("text", "number", "lines")]


class Case(NamedTuple):
    """What is typed over `SITE`, what is stored then, and what the note says."""

    typed: dict[str, str | None]
    stored: dict[str, Any]
    note: str


CASES = {
    "pw-nbsp-inside": Case({"password": APP_PASSWORD}, {"password": APP_PASSWORD}, "U+00A0"),
    "pw-curly": Case(
        {"password": "\u201cabcdefgh\u201d"}, {"password": "\u201cabcdefgh\u201d"}, "U+201C"
    ),
    "user-zwsp-inside": Case(
        {"username": "me\u200b@shop.example"}, {"username": "me@shop.example"}, "U+200B"
    ),
    "user-name-addr": Case(
        {"username": "Me <me@shop.example>"}, {"username": "me@shop.example"}, "address"
    ),
    "host-ssl-scheme": Case(
        {"host": "ssl://smtp.shop.example:465", "port": "", "use_tls": None},
        {"host": "smtp.shop.example", "port": 465, "use_tls": True, "tls_mode": "tls"},
        "TLS",
    ),
    "host-port-blank": Case(
        {"host": "smtp.shop.example: 587", "port": ""},
        {"host": "smtp.shop.example", "port": 587},
        "port",
    ),
    "host-slash": Case({"host": "smtp.shop.example/"}, {"host": "smtp.shop.example"}, "shop"),
    "port-fullwidth": Case({"port": "\uff15\uff18\uff17"}, {"port": 587}, "587"),
    "sender-localhost": Case(
        {"default_sender": "noreply@localhost"},
        {"default_sender": "noreply@localhost"},
        "localhost",
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_case_is_saved_with_a_note(admin: Admin, host: Host, case: Case) -> None:
    """The value that was meant is in force, and the next page says at the field what was found."""
    answer = admin.save(**SITE | case.typed)
    assert answer.status_code == 303
    stored = host.site.load_settings().settings
    assert {name: getattr(stored, name) for name in case.stored} == case.stored
    page = admin.open()
    field = next(iter(case.typed))
    assert case.note in page.one(id=f"pe-{field}-note").text
    assert f"pe-{field}-note" in page.field(field)["aria-describedby"]
    assert "abcd" not in page.source


def test_case_sender_two_blank(admin: Admin, host: Host) -> None:
    """Two addresses are one too many; both are still there to choose from."""
    two = "a@shop.example b@shop.example"
    answer = admin.save(**SITE | {"default_sender": two})
    page = Document(answer.text)
    assert answer.status_code == 422
    assert "more than one address" in page.one(id="pe-default_sender-problem").text
    assert page.field("default_sender")["value"] == two
    assert host.site.load_settings().version == 0


@pytest.mark.parametrize("path", ["/settings", "/test-messages"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_case_host_wekan(admin: Admin, host: Host, path: str, headers: dict[str, str]) -> None:
    """Nothing is stored, the password is nowhere, and the server is named as the fault's field."""
    typed = admin.form(**SITE | {"host": WEKAN, "port": "", "use_tls": None, "username": ""})
    answer = admin.post(path, typed, headers=headers)
    assert answer.status_code == 422
    assert "s3cret" not in answer.text
    assert "no @" in answer.text
    assert host.site.load_settings().version == 0


def test_login_in_the_server_field_fills_in_the_rest(admin: Admin, host: Host) -> None:
    """Host, port and TLS come back in their fields; what is left is to type the login."""
    page = Document(admin.save(default_sender="me@shop.example", host=WEKAN, port="").text)
    assert page.field("host")["value"] == "smtp-relay.shop.example"
    assert page.field("port")["value"] == "587"
    assert "checked" in page.field("use_tls")
    assert "checked" in page.field("requires_login")
    assert page.one(id="pe-host-note").text
    for name in ("host", "username", "password"):
        assert page.one(id=f"pe-{name}-problem").text
    again = {
        "default_sender": "me@shop.example",
        "host": "smtp-relay.shop.example",
        "port": "587",
        "use_tls": "1",
        "requires_login": "1",
        "username": "ME",
        "password": "s3cret",
    }
    assert admin.save(**again).status_code == 303
    settings_now = host.site.load_settings().settings
    assert (settings_now.host, settings_now.username) == ("smtp-relay.shop.example", "ME")


@pytest.mark.parametrize("path", ["/settings", "/test-messages", "/settings/filled"])
@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("field", [*TYPED, "mode", "tls_mode", "recipient", "use"])
def test_password_pasted_anywhere_never_comes_back(
    admin: Admin,
    host: Host,
    caplog: pytest.LogCaptureFixture,
    path: str,
    headers: dict[str, str],
    field: str,
) -> None:
    """Not in the answer, the next page, the session, the audit log or the log."""
    caplog.set_level(logging.DEBUG)
    value = f"host={URL}&default_sender={URL}" if field == "use" else URL
    answer = admin.post(path, {**admin.form(**SITE), field: value}, headers=headers)
    pages = [answer.text, admin.get("/settings").text, admin.get("/audit").text]
    assert not any(SECRET in each for each in (*pages, *map(str, answer.headers)))
    assert SECRET not in caplog.text
    if path == "/settings" and field not in ("recipient", "use"):
        assert answer.status_code == 422
        assert Document(answer.text).one(id=f"pe-{field}-problem").text
        assert host.site.load_settings().version == 0


@pytest.mark.parametrize("path", ["/provider", "/sender-domain"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_look_ups_do_not_repeat_a_password(
    admin: Admin, path: str, headers: dict[str, str]
) -> None:
    """What is asked while a sender is being typed is not repeated either."""
    for asked in ({"default_sender": URL, "host": URL}, {"default_sender": f"{URL} <a@b.example>"}):
        answer = admin.get(path, query_string=asked, headers=headers)
        assert SECRET not in answer.text
        assert SECRET not in str(answer.headers)


def test_expired_form_does_not_repeat_a_password(admin: Admin) -> None:
    """Neither does the page that a form with an old token is given back on."""
    answer = admin.post("/settings", {**admin.form(**SITE | {"host": URL}), "csrf_token": "old"})
    assert answer.status_code == 400
    assert SECRET not in answer.text


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    LOGINS,
    st.sampled_from([*TYPED, "recipient"]),
    st.sampled_from(["/settings", "/test-messages"]),
    st.sampled_from([{}, HTMX]),
)
def test_no_answer_has_a_pasted_password(
    admin: Admin, typed: str, field: str, path: str, headers: dict[str, str]
) -> None:
    """Whatever characters are in it and around it, in any field, by any way."""
    answer = admin.post(path, {**admin.form(**SITE), field: typed}, headers=headers)
    # Who gets the test mails is no setting: saving does not judge it.
    assert answer.status_code == 422 or (field, path) == ("recipient", "/settings")
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "typed", ["foo", "com", "*", "http://shop.example", "@", "a..b", "1.2.3.4", "*.com"]
)
def test_allow_list_refuses_what_is_no_domain(admin: Admin, host: Host, typed: str) -> None:
    """With the entry and the cure, and the list as it was typed."""
    whole = f"shop.example, {typed}"
    answer = admin.save(**SITE | {"mode": "allow", "allowed_recipients": whole})
    page = Document(answer.text)
    assert answer.status_code == 422
    assert repr(typed) in page.one(id="pe-allowed_recipients-problem").text
    assert page.field("allowed_recipients").text == whole
    assert host.site.load_settings().version == 0


def test_notes_come_with_a_test_that_htmx_asks_for(
    admin: Admin, host: Host, catcher: Catcher
) -> None:
    """What was understood is said at the field before it is known how the test ends."""
    host.configure(catcher.port)
    typed = {"host": f"{catcher.host}: {catcher.port}", "port": "", "password": ""}
    begun = admin.begin_by_htmx(**typed, recipient="me@shop.example")
    assert "Taken from" in Document(begun.text).one(id="pe-host-note").text
    assert not Document(admin.watch(begun).text).all(hx_target="#pe-host-notes")
