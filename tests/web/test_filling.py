"""A button that fills fields of the settings form in: "Use this", without a script."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from plato_email.filling import FILLABLE, carried, filled, read
from tests.web.html import Document

if TYPE_CHECKING:
    from tests.support.smtp_servers import Catcher
    from tests.web.conftest import Admin

TYPED = {
    "default_sender": "Site <site@example.com>",
    "host": "old.example.com",
    "port": "25",
    "poll_interval": "77",
}


def test_pressing_fills_in_and_saves_nothing(admin: Admin) -> None:
    """The fields that the button carries stand in the form, everything else as it was typed."""
    use = carried({"host": "smtp.example.net", "port": "465", "use_tls": "1", "tls_mode": "tls"})
    answer = admin.post("/settings/filled", admin.form(**TYPED, use=use))
    page = Document(answer.text)
    assert answer.status_code == 200
    assert page.field("host")["value"] == "smtp.example.net"
    assert page.field("port")["value"] == "465"
    assert "checked" in page.field("use_tls")
    assert page.chosen("tls_mode") == "tls"
    assert page.field("default_sender")["value"] == "Site <site@example.com>"
    assert page.field("poll_interval")["value"] == "77"
    assert "Filled in, not saved yet: Server Address, Server Port" in page.text
    assert admin.open().field("host")["value"] == ""


def test_a_typed_password_is_not_sent_back(admin: Admin) -> None:
    """Without a script the page is new, so the password must be typed again, and it says so."""
    login = {"requires_login": "1", "username": "ada", "password": "horse-battery"}
    answer = admin.post("/settings/filled", admin.form(**TYPED, **login, use="port=587"))
    assert "horse-battery" not in answer.text
    assert "except the password" in answer.text


def test_a_switch_can_be_turned_off(admin: Admin) -> None:
    """An empty value unticks, as a box that is off sends nothing."""
    answer = admin.post("/settings/filled", admin.form(**TYPED, use_tls="1", use="use_tls="))
    assert "checked" not in Document(answer.text).field("use_tls")


def test_the_same_button_tests_as_well(admin: Admin, catcher: Catcher) -> None:
    """Sent to the test, what the button carries is what is tested."""
    typed = {**TYPED, "host": "127.0.0.1", "recipient": "to@example.com"}
    admin.test(**typed, use=f"port={catcher.port}")
    assert len(catcher.mails) == 1


@pytest.mark.parametrize(
    "use", ["password=stolen", "clear_password=1", "version=9", "recipient=evil@example.com", "%%"]
)
def test_a_button_fills_in_nothing_else(admin: Admin, use: str) -> None:
    """A password, a version or a recipient is nothing that a button could carry."""
    answer = admin.post("/settings/filled", admin.form(**TYPED, use=use))
    page = Document(answer.text)
    assert answer.status_code == 200
    assert "Filled in" not in page.text
    assert page.field("recipient")["value"] != "evil@example.com"


@given(st.text())
def test_reading_takes_anything(text: str) -> None:
    """Whatever is sent as a button, only known fields come out of it."""
    assert set(read(text)) <= FILLABLE
    assert set(filled(MultiDict({"use": text, "host": "h"}))) <= FILLABLE | {"use"}


@given(st.dictionaries(st.sampled_from(sorted(FILLABLE)), st.text(max_size=50)))
def test_what_is_carried_arrives(values: dict[str, str]) -> None:
    """A button's value, read again, is what was put in; percent signs and all."""
    assert read(carried(values)) == values
    assert quote("&=%+", safe="") in carried({"host": "&=%+"})
