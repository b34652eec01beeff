"""Send Test Email: what is typed is what is tested, and the result stands next to the button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plato_email.errors import Stage
from tests.support.smtp_servers import Catcher
from tests.web.conftest import Admin
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.support.sites import Host


def at(catcher: Catcher, **more: str | None) -> dict[str, str | None]:
    """What one types to reach ``catcher``."""
    return {
        "default_sender": "site@example.com",
        "host": catcher.host,
        "port": str(catcher.port),
        "recipient": "ada@example.com",
        **more,
    }


def test_typed_values_are_tested_before_they_are_saved(
    admin: Admin, host: Host, catcher: Catcher
) -> None:
    """A test mail goes out with what is typed; nothing is stored, and the page says so."""
    page = Document(admin.test(**at(catcher)).text)
    assert page.one("section", data_outcome="sent")["data-outcome"] == "sent"
    assert catcher.wait_for(1)[0].recipients == ("ada@example.com",)
    assert "not saved yet" in page.text
    page.one(id="pe-save-tested")
    assert catcher.host == page.field("host")["value"]
    assert host.site.load_settings().version == 0


def test_every_stage_has_its_verdict_and_its_time(admin: Admin, catcher: Catcher) -> None:
    """One element a stage: those taken are ok, TLS and login were not used."""
    page = Document(admin.test(**at(catcher)).text)
    verdicts = {line["data-stage"]: line["data-verdict"] for line in page.has("data-stage")}
    assert {stage.value for stage in Stage} == set(verdicts)
    assert {"tls", "login"} == {stage for stage, verdict in verdicts.items() if verdict != "ok"}
    assert "not used" in page.one(data_stage="tls").text
    assert " ms" in page.one(data_stage="accepted").text


def test_htmx_gets_the_result_alone(admin: Admin, catcher: Catcher) -> None:
    """The fragment holds the result and the banner, and no second form."""
    answer = admin.test_by_htmx(**at(catcher))
    page = Document(answer.text)
    assert answer.status_code == 200
    page.one("section", data_outcome="sent")
    page.one("hx-partial", hx_target="#pe-banner")
    assert not page.all("form")
    assert not page.all("html")


def test_refused_recipient_shows_stage_words_and_advice(admin: Admin) -> None:
    """A failed test names the stage, repeats the server's words and says what to do."""
    with Catcher(refusals={"ada@example.com": "550 5.1.1 No such user <b>here</b>"}) as catcher:
        answer = admin.test(**at(catcher))
    page = Document(answer.text)
    assert answer.status_code == 200
    page.one("section", data_outcome="failed")
    assert page.one(data_stage="recipient")["data-verdict"] == "failed"
    assert "No such user <b>here</b>" in page.one(data_stage="recipient").text
    assert page.one(data_stage="data")["data-verdict"] == "skipped"
    assert "not reached" in page.one(data_stage="data").text
    assert page.one(id="pe-outcome").text


def test_saved_settings_are_verified_by_a_test(admin: Admin, host: Host, catcher: Catcher) -> None:
    """The outcome is remembered with the settings that it was made with."""
    typed = at(catcher)
    admin.save(**typed)
    page = Document(admin.test(**typed).text)
    assert "not saved yet" not in page.text
    tested = host.site.load_settings().tested
    assert tested is not None
    assert (tested.outcome, tested.current) == ("sent", True)


def test_unreachable_server_is_a_result_and_no_error(
    admin: Admin, catcher: Catcher, closed_port: int
) -> None:
    """Nobody listening is a failed connection."""
    typed = at(catcher, port=str(closed_port))
    page = Document(admin.test(**typed).text)
    page.one("section", data_outcome="failed")
    assert page.one(data_stage="connect")["data-verdict"] == "failed"


def test_stored_password_is_not_taken_to_another_server(admin: Admin) -> None:
    """With another host typed, the page asks for the password and connects to nobody."""
    with Catcher(users={"ada": "secret"}) as ours, Catcher(users={"ada": "secret"}) as theirs:
        login = {"requires_login": "1", "username": "ada"}
        admin.save(**at(ours, **login, password="secret"))
        answer = admin.test(**at(theirs, **login))
    assert answer.status_code == 422
    assert "must be typed again" in Document(answer.text).text
    assert theirs.connections == 0


def test_stored_password_is_used_where_it_belongs(admin: Admin) -> None:
    """With server and user unchanged, a blank password box is the stored password."""
    with Catcher(users={"ada": "secret"}) as catcher:
        typed = at(catcher, requires_login="1", username="ada")
        admin.save(**typed | {"password": "secret"})
        page = Document(admin.test(**typed).text)
        assert catcher.wait_for(1)[0].username == "ada"
    assert page.one(data_stage="login")["data-verdict"] == "ok"


def test_nothing_is_sent_while_a_field_is_wrong(admin: Admin, catcher: Catcher) -> None:
    """422, the fields that are wrong, and no connection."""
    typed = at(catcher) | {"port": "99999", "recipient": "nobody"}
    answer = admin.test_by_htmx(**typed)
    page = Document(answer.text)
    assert answer.status_code == 422
    assert {"#pe-port", "#pe-recipient"} == {link["href"] for link in page.all("a")}
    assert catcher.connections == 0
    whole = Document(admin.test(**typed).text)
    assert whole.field("recipient")["aria-invalid"] == "true"


def test_recipient_is_the_default_sender_until_another_is_typed(admin: Admin) -> None:
    """The box holds the address of the stored sender, without its name."""
    admin.save(default_sender="Site <site@example.com>", host="smtp.example.com")
    assert admin.open().field("recipient")["value"] == "site@example.com"


def test_typed_recipient_stays(admin: Admin, host: Host, catcher: Catcher) -> None:
    """Through a test, a save and later pages of this session; the usual one follows the sender."""
    admin.test(**at(catcher))
    admin.save(**at(catcher))
    assert admin.open().field("recipient")["value"] == "ada@example.com"
    assert Admin(host).open().field("recipient")["value"] == "site@example.com"
    admin.save(recipient="site@example.com")
    admin.save(default_sender="new@example.com")
    assert admin.open().field("recipient")["value"] == "new@example.com"


def test_typed_password_that_is_not_kept_is_asked_for(admin: Admin) -> None:
    """Without a script it is said next to the field, and beside the button that would save."""
    with Catcher(users={"ada": "secret"}) as catcher:
        typed = at(catcher, requires_login="1", username="ada", password="secret")
        whole, watched = Document(admin.test(**typed).text), admin.test_by_htmx(**typed).text
    assert "never put back on the page: type it again." in whole.one(id="pe-password-note").text
    assert "type the password again" in whole.one(id="pe-trial").text
    assert "type the password again" not in watched


def test_password_of_a_test_is_not_given_back(admin: Admin, catcher: Catcher) -> None:
    """Whatever comes of a test, the typed password is not in the answer."""
    typed = at(catcher, requires_login="1", username="ada", password="battery staple")
    assert "battery staple" not in admin.test(**typed).text
    assert "battery staple" not in admin.test_by_htmx(**typed).text
