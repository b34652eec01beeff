"""An administrator who uses the pages the way a browser without JavaScript does."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import until
from tests.web.html import Document

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.support.sites import Host

PREFIX = "/admin/email"
HTMX = {"HX-Request": "true"}


class Admin:
    """Somebody at the pages of one site, in a session of their own."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.client: FlaskClient = host.app.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(PREFIX + path, **options)

    def open(self, path: str = "/settings", code: int = 200) -> Document:
        """Open a page and read it."""
        answer = self.get(path)
        assert code == answer.status_code
        return Document(answer.text)

    def form(self, **typed: str | None) -> dict[str, str]:
        """Everything that the open settings page would send, with ``typed`` over it.

        ``None`` unticks a box.
        """
        page = self.open()
        values: dict[str, str] = {}
        for element in page.elements:
            if element.tag == "input" and "name" in element and "disabled" not in element:
                ticked = element.attributes.get("type") in ("checkbox", "radio")
                if not ticked or "checked" in element:
                    values[element["name"]] = element.attributes.get("value", "")
            elif element.tag == "textarea":
                values[element["name"]] = element.text
            elif element.tag == "select" and "disabled" not in element:
                values[element["name"]] = page.chosen(element["name"])
        values |= {name: value for name, value in typed.items() if value is not None}
        for name in typed:
            if typed[name] is None:
                values.pop(name, None)
        return values

    def post(self, path: str, data: dict[str, str], **options: Any) -> TestResponse:
        """Send a form."""
        return self.client.post(PREFIX + path, data=data, **options)

    def save(self, **typed: str | None) -> TestResponse:
        """Type into the settings page and press Save."""
        return self.post("/settings", self.form(**typed))

    def test(self, **typed: str | None) -> TestResponse:
        """Type into the settings page and press Send Test Email."""
        return self.post("/test-messages", self.form(**typed))

    def begin_by_htmx(self, **typed: str | None) -> TestResponse:
        """The same where the browser runs scripts: the answer comes before the end."""
        return self.post("/test-messages", self.form(**typed), headers=HTMX)

    def test_by_htmx(self, **typed: str | None) -> TestResponse:
        """The same, and then look as the page does until the test is over."""
        return self.watch(self.begin_by_htmx(**typed))

    def watch(self, answer: TestResponse) -> TestResponse:
        """Ask for a test as often as its answers say, and return the last one."""
        answers = [answer]

        def over() -> bool:
            trial = next(iter(Document(answers[-1].text).all(id="pe-trial")), None)
            if trial is None or "hx-get" not in trial:
                return True
            answers.append(self.client.get(trial["hx-get"], headers=HTMX))
            return False

        until(over)
        return answers[-1]


@pytest.fixture(autouse=True)
def _no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of its own, wherever the tests run."""
    monkeypatch.setattr("plato_email.smtp.network.in_container", lambda: False)


@pytest.fixture
def admin(host: Host) -> Admin:
    """Somebody at the pages of a site that was never set up."""
    return Admin(host)


@pytest.fixture
def colleague(host: Host) -> Admin:
    """Somebody else at the same pages."""
    return Admin(host)


@pytest.fixture
def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
