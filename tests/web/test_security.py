"""Who may enter, and what every answer carries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from flask import redirect
from flask_wtf.csrf import CSRFProtect

from tests.support.databases import fresh_database
from tests.support.sites import hosted
from tests.web.conftest import HTMX, PREFIX, Admin
from tests.web.html import Document

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.routing import Rule

    from tests.support.sites import Host

UNSAFE = ("/settings", "/test-messages")


def rules(host: Host) -> list[tuple[Rule, str]]:
    """Every rule of ours with each of its methods, static files excepted."""
    found = [
        (rule, method)
        for rule in host.app.url_map.iter_rules()
        if rule.endpoint.startswith("plato_email.") and rule.endpoint != "plato_email.static"
        for method in rule.methods or ()
    ]
    assert len(found) > 10
    return found


def statuses(host: Host) -> set[int]:
    """What all routes answer to somebody with a good form token."""
    client, token = Admin(host).client, "any"
    return {
        client.open(
            re.sub(r"<int:\w+>", "1", rule.rule), method=method, data={"csrf_token": token}
        ).status_code
        for rule, method in rules(host)
    }


def raising(_action: str) -> bool:
    raise RuntimeError("the database of users is gone")


@pytest.mark.parametrize(
    "authorize",
    [None, raising, lambda _: False, lambda _: None, lambda _: 1, lambda _: "yes"],
    ids=["absent", "raising", "false", "none", "one", "text"],
)
def test_every_route_is_closed_unless_authorize_says_true(host: Host, authorize: Any) -> None:
    """403 everywhere, for every method, on every doubt."""
    host.site.authorize = authorize
    assert {403} == statuses(host)


def everything(host: Host) -> dict[str, list[Any]]:
    """Every row of every table of ours."""
    tables = [t for t in host.db.metadata.sorted_tables if t.name.startswith("plato_email_")]
    with host.site.database.engine.connect() as connection:
        return {each.name: list(connection.execute(each.select())) for each in tables}


@pytest.mark.parametrize("authorize", [None, raising, lambda _: False])
def test_case_28_refusal_changes_nothing_and_leaves_a_trace(
    host: Host, authorize: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Who is refused has changed no row, and the log says what was tried, by whom, from where."""
    host.configure(25)
    host.send()
    before = everything(host)
    host.site.authorize = authorize
    assert {403} == statuses(host)
    assert everything(host) == before
    tried = [each.message for each in caplog.records if each.message.startswith("refused: ")]
    assert len(tried) == len(rules(host))
    assert "refused: POST '/admin/email/settings' by '' from 127.0.0.1 (edit_settings)" in tried


def test_each_route_asks_for_its_own_action(admin: Admin, host: Host) -> None:
    """Looking, saving and testing are different rights."""
    asked: list[str] = []

    def authorize(action: str) -> bool:
        asked.append(action)
        return False

    host.site.authorize = authorize
    admin.get("/settings")
    admin.post("/settings", {})
    admin.post("/test-messages", {})
    assert asked == ["view", "edit_settings", "send_test"]


def test_response_of_authorize_is_returned_as_it_is(admin: Admin, host: Host) -> None:
    """A host sends people to its own sign-in, without our headers on its page."""
    host.site.authorize = lambda _: redirect("/sign-in")
    answer = admin.get("/settings")
    assert (answer.status_code, answer.location) == (302, "/sign-in")
    assert "X-Plato-Email" not in answer.headers
    assert "Content-Security-Policy" not in answer.headers


def test_static_files_need_no_rights(admin: Admin, host: Host) -> None:
    """The refusal page has its colours."""
    host.site.authorize = None
    answer = admin.get("/static/plato_email.css")
    assert answer.status_code == 200
    answer.close()


@pytest.mark.parametrize("path", UNSAFE)
@pytest.mark.parametrize("token", [None, "", "forged"])
def test_form_without_its_token_changes_nothing_and_keeps_what_was_typed(
    admin: Admin, host: Host, path: str, token: str | None
) -> None:
    """400 with the form as typed, except the password, and a token that works."""
    form = admin.form(host="smtp.example.com", default_sender="a@example.com", password="secret")
    bad = {name: value for name, value in form.items() if name != "csrf_token"}
    answer = admin.post(path, bad if token is None else bad | {"csrf_token": token})
    page = Document(answer.text)
    assert answer.status_code == 400
    assert "open for too long" in page.text
    assert page.field("host")["value"] == "smtp.example.com"
    assert "secret" not in answer.text
    assert host.site.load_settings().version == 0
    again = form | {"csrf_token": page.one(id="pe-csrf")["value"], "password": ""}
    assert admin.post("/settings", again).status_code == 303


def test_expired_token_of_a_test_is_repaired_in_place(admin: Admin, host: Host) -> None:
    """htmx gets a sentence and a fresh token for the open form."""
    form = admin.form()
    host.app.config["WTF_CSRF_TIME_LIMIT"] = -1
    answer = admin.post("/test-messages", form, headers=HTMX)
    page = Document(answer.text)
    assert answer.status_code == 400
    assert "open for too long" in page.source
    assert page.one(id="pe-csrf")["value"]
    assert not page.all("form")


def test_token_may_come_in_the_header(admin: Admin) -> None:
    """Scripts send X-CSRFToken."""
    form = admin.form(host="smtp.example.com", default_sender="a@example.com")
    token = form.pop("csrf_token")
    assert admin.post("/settings", form, headers={"X-CSRFToken": token}).status_code == 303


def test_token_is_asked_for_though_the_host_has_switched_it_off(admin: Admin, host: Host) -> None:
    """WTF_CSRF_ENABLED = False is the host's choice for its own forms."""
    host.app.config["WTF_CSRF_ENABLED"] = False
    assert admin.post("/settings", {"host": "smtp.example.com"}).status_code == 400


@pytest.mark.parametrize("config", [{}, {"WTF_CSRF_FIELD_NAME": "token"}])
def test_pages_work_with_csrfprotect_of_the_host(tmp_path: Path, config: dict[str, Any]) -> None:
    """The host's own protection is satisfied by our form, and its refusal is answered by ours."""
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path, **config) as host:
        CSRFProtect(host.app)
        admin = Admin(host)
        typed = {"host": "smtp.example.com", "default_sender": "a@example.com"}
        assert admin.save(**typed).status_code == 303
        answer = admin.post("/settings", typed)
        assert answer.status_code == 400
        assert "open for too long" in answer.text
        host.site.authorize = None
        assert admin.post("/settings", typed).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", UNSAFE)
def test_request_from_another_site_is_refused_even_with_a_token(
    admin: Admin, host: Host, path: str, headers: dict[str, str]
) -> None:
    """The second wall: the browser says where a request comes from."""
    form = admin.form(host="smtp.example.com", default_sender="a@example.com")
    assert admin.post(path, form, headers=headers).status_code == 403
    assert host.site.load_settings().version == 0


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "https://localhost"}]
)
def test_request_from_this_site_passes(admin: Admin, headers: dict[str, str]) -> None:
    """Also behind a proxy that ends TLS, where Flask sees http."""
    form = admin.form(host="smtp.example.com", default_sender="a@example.com")
    assert admin.post("/settings", form, headers=headers).status_code == 303


def test_every_answer_carries_the_headers(admin: Admin, host: Host) -> None:
    """Pages, refusals and JSON alike."""
    answers = [admin.get(path) for path in ("/settings", "/queue", "/messages/7", "/health")]
    host.site.authorize = None
    answers.append(admin.get("/settings"))
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "HX-Request" in answer.headers["Vary"]


def test_unknown_method_of_a_page_is_no_way_in(admin: Admin) -> None:
    """There is no DELETE by URL, nor a test by GET."""
    assert admin.client.delete(f"{PREFIX}/settings").status_code == 405
    assert admin.get("/test-messages").status_code == 405
