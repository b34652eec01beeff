"""The provider's offer and the DNS panel, against a zone that a real server answers from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plato_email.providers import PROVIDERS
from plato_email.sender_domain import inspector as inspecting
from tests.support.databases import fresh_database
from tests.support.dns_server import DnsServer
from tests.support.scripted_server import ScriptedServer
from tests.support.sites import hosted
from tests.web.conftest import HTMX, PREFIX, Admin
from tests.web.html import Document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZONE = """
shop.example.org.           MX 10 aspmx.l.google.com.
shop.example.org.           TXT "v=spf1 mx -all"
_dmarc.shop.example.org.    TXT "v=DMARC1; p=reject"
aspmx.l.google.com.         A 192.0.2.1
own.example.org.            MX 10 mail.own.example.org.
evil.example.org.           MX 10 mail.own.example.org.
evil.example.org.           TXT "v=spf1 <script>alert(1)</script>"
cloud.example.org.          MX 10 inbound-smtp.eu-west-1.amazonaws.com.
office.example.org.         MX 0 office-example-org.mail.protection.outlook.com.
"""


@pytest.fixture(scope="module")
def dns() -> Iterator[DnsServer]:
    """The zone above, and a name that is unwell."""
    with DnsServer(ZONE, servfail=("unwell.example.org", "_dmarc.unwell.example.org")) as server:
        yield server


@pytest.fixture
def admin(tmp_path: Path, dns: DnsServer) -> Iterator[Admin]:
    """Somebody at the pages of a site that asks this server."""
    resolver = {"PLATO_EMAIL_RESOLVER": f"{dns.address[0]}:{dns.port}"}
    with fresh_database("sqlite", tmp_path) as url, hosted(url, tmp_path, **resolver) as host:
        yield Admin(host)


def offer(admin: Admin, sender: str, host: str = "") -> Document:
    """What the page says while somebody types a sender."""
    query = urlencode({"default_sender": sender, "host": host})
    answer = admin.get(f"/provider?{query}", headers=HTMX)
    assert answer.status_code == 200
    return Document(answer.text)


def panel(admin: Admin, sender: str, host: str = "", **more: str) -> Document:
    """What receivers find out, as the page has it."""
    query = urlencode({"default_sender": sender, "host": host, **more})
    return Document(admin.get(f"/sender-domain?{query}", headers=HTMX).text)


@pytest.mark.parametrize(
    ("sender", "key"),
    [
        ("Ada <ada@gmail.com>", "google"),
        ("site@shop.example.org", "google"),
        ("site@office.example.org", "microsoft365"),
        ("site@cloud.example.org", "ses"),
    ],
)
def test_typing_a_sender_offers_its_provider(admin: Admin, sender: str, key: str) -> None:
    """By the domain, else by whose servers receive its mail; nothing is filled in by itself."""
    page = offer(admin, sender)
    shown = page.one(data_provider=key)
    button = page.one("button", name="use")
    assert "Use these" in button.text
    assert "The mail of" in shown.text
    assert "the password is" in shown.text
    assert admin.open().field("host")["value"] == ""


def test_pressing_use_these_fills_host_port_and_tls_in(admin: Admin) -> None:
    """Without a script: find, press, and the form stands there, with the sender that was typed."""
    typed = {"default_sender": "Shop <site@shop.example.org>", "send_attempts": "9"}
    found = Document(admin.post("/settings/filled", admin.form(**typed)).text)
    use = found.one("button", data_pe_fill="#pe-filled")
    assert found.field("default_sender")["value"] == "Shop <site@shop.example.org>"
    assert found.field("host")["value"] == ""
    path = use["formaction"].removeprefix(PREFIX)
    page = Document(admin.post(path, admin.form(**typed, use=use["value"])).text)
    assert page.field("host")["value"] == "smtp.gmail.com"
    assert page.field("port")["value"] == "587"
    assert page.field("username")["value"] == "site@shop.example.org"
    assert page.chosen("tls_mode") == "starttls"
    assert "checked" in page.field("use_tls")
    assert "checked" in page.field("requires_login")
    assert page.field("send_attempts")["value"] == "9"
    assert "Filled in, not saved yet" in page.text


def test_any_provider_can_be_picked(admin: Admin) -> None:
    """A service that no domain tells of is one of a list; it fills in as an offer does."""
    page = admin.open()
    picked = page.all("button", data_pe_fill="#pe-picked")
    by_name = {each.text: each["value"] for each in picked}
    assert len(by_name) == len([each for each in PROVIDERS if each.takes_passwords])
    use = by_name["Twilio SendGrid"]
    page = Document(admin.post("/settings/filled", admin.form(use=use)).text)
    assert page.field("host")["value"] == "smtp.sendgrid.net"
    assert page.field("username")["value"] == "apikey"
    assert "email-smtp.us-east-1.amazonaws.com" in by_name["Amazon SES (us-east-1)"]


def test_region_is_filled_in(admin: Admin) -> None:
    """Amazon's host is that of the region which receives the mail; the user name stays open."""
    use = offer(admin, "site@cloud.example.org").one("button", name="use")
    assert "email-smtp.eu-west-1.amazonaws.com" in use["value"]
    assert "username=" not in use["value"]


def test_nobody_known_and_nobody_to_ask(admin: Admin) -> None:
    """An unknown provider, a server that is unwell and a name that is no domain are told apart."""
    assert "Nothing is known" in offer(admin, "site@own.example.org").source
    assert "could not be looked up" in offer(admin, "site@unwell.example.org").source
    assert offer(admin, "site@").source.strip() == offer(admin, "").source.strip() == ""


def test_server_that_is_known_is_explained(admin: Admin) -> None:
    """With a known server in the form its user-name rule is shown, and nothing to press."""
    page = offer(admin, "site@own.example.org", "smtp.sendgrid.net")
    assert "the word apikey" in page.one(data_provider="sendgrid").text
    assert page.all("button") == []
    admin.save(default_sender="site@own.example.org", host="smtp.sendgrid.net")
    assert "the word apikey" in admin.open().one(data_provider="sendgrid").text


def test_provider_that_lets_no_site_in_offers_nothing(admin: Admin) -> None:
    """Outlook.com takes no passwords: it is said, and there is no button."""
    page = offer(admin, "ada@hotmail.com")
    assert "takes no password" in page.one(data_provider="outlook").text
    assert page.all("button") == []


def test_pinned_server_is_not_offered_another(tmp_path: Path, dns: DnsServer) -> None:
    """What the configuration decides no button can change."""
    with (
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_HOST="mail.example.com") as host,
    ):
        assert offer(Admin(host), "ada@gmail.com").all("button") == []


def test_opening_the_page_asks_no_dns(admin: Admin, dns: DnsServer) -> None:
    """The settings page never waits for DNS; the panel is fetched behind it."""
    admin.save(default_sender="site@shop.example.org", host="smtp.gmail.com")
    before = len(dns.questions)
    page = admin.open()
    box = page.one(id="pe-sender-domain")
    assert len(dns.questions) == before
    assert box["hx-include"] == "#pe-default_sender, #pe-host"
    assert "intersect" in box["hx-trigger"]
    assert page.one("a", href="/admin/email/sender-domain").text


def test_panel_says_how_each_stands(admin: Admin) -> None:
    """One line a topic with its verdict, what stands in DNS, and the record that would mend it."""
    page = panel(admin, "site@shop.example.org", "smtp.gmail.com")
    verdicts = {each["data-topic"]: each["data-verdict"] for each in page.has("data-topic")}
    assert verdicts == {"spf": "bad", "dkim": "unknown", "dmarc": "unknown", "replies": "good"}
    assert "v=spf1 mx -all" in page.one(data_topic="spf").text
    publish = page.one("input", id="pe-publish-spf")
    assert publish["value"] == "v=spf1 mx include:_spf.google.com -all"
    assert page.one("button", data_pe_copy="#pe-publish-spf").text == "Copy"
    assert "in place of this" in page.one("label", for_="pe-publish-spf").text


def test_a_mail_that_was_taken_leads_to_the_panel(admin: Admin) -> None:
    """Accepted is not arrived: the result of a test points at what receivers look up."""
    with ScriptedServer() as server:
        to = {"host": server.host, "port": str(server.port), "recipient": "ada@example.com"}
        page = Document(admin.test(default_sender="site@shop.example.org", **to).text)
    assert page.one("a", href="#pe-domain").text
    assert page.one("h2", id="pe-domain").text


def test_panel_of_a_domain_that_cannot_be_looked_up(admin: Admin) -> None:
    """It says so instead of calling anything missing."""
    page = panel(admin, "site@unwell.example.org")
    assert {each["data-verdict"] for each in page.has("data-verdict")} == {"unknown"}
    assert "could not be looked up" in page.source


def test_what_stands_in_dns_is_escaped(admin: Admin) -> None:
    """Anybody can write markup into a record."""
    page = panel(admin, "site@evil.example.org")
    assert "<script>alert" not in page.source
    assert "&lt;script&gt;alert" in page.source


@pytest.mark.parametrize("sender", ["", "nobody", "a@b c", "a@-x-.com", "a@" + "x" * 300])
def test_only_domain_names_are_looked_up(admin: Admin, dns: DnsServer, sender: str) -> None:
    """What is no address with a valid domain is answered without a question to DNS."""
    before = len(dns.questions)
    assert "Type the Default Sender" in panel(admin, sender).source
    assert len(dns.questions) == before


def test_domains_beyond_ascii_are_looked_up_as_dns_writes_them(
    admin: Admin, dns: DnsServer
) -> None:
    """IDNA first: DNS is asked for the A-label."""
    panel(admin, "post@bücher.example.org")
    assert any(name == "xn--bcher-kva.example.org" for name, _ in dns.questions)


def test_page_without_a_script(admin: Admin) -> None:
    """The link leads to a whole page on what is stored, where other names can be typed."""
    admin.save(default_sender="site@shop.example.org", host="smtp.gmail.com")
    page = admin.open("/sender-domain")
    assert page.field("default_sender")["value"] == "site@shop.example.org"
    assert page.one(data_topic="spf")["data-verdict"] == "bad"
    assert page.one("form", class_="pe-ask")["method"] == "get"


def test_many_domains_in_a_minute_are_refused(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site is no tool to question DNS with: beyond the limit it answers 429."""
    monkeypatch.setattr(inspecting, "MOST_A_MINUTE", 1)
    assert admin.get("/sender-domain?default_sender=a@own.example.org").status_code == 200
    answer = admin.get("/sender-domain?default_sender=a@shop.example.org")
    assert (answer.status_code, "Too many domains" in answer.text) == (429, True)
    assert "Too many domains" in offer(admin, "a@cloud.example.org").source


@pytest.mark.parametrize(
    ("path", "action"), [("/provider", "edit_settings"), ("/sender-domain", "send_test")]
)
def test_only_those_who_may_can_look_up(
    admin: Admin, dns: DnsServer, path: str, action: str
) -> None:
    """Both are refused to who only looks, and neither is shown to them."""
    asked: list[str] = []

    def authorize(wanted: str) -> Any:
        asked.append(wanted)
        return wanted == "view"

    admin.host.site.authorize = authorize
    before = len(dns.questions)
    assert admin.get(f"{path}?default_sender=a@shop.example.org").status_code == 403
    assert asked == [action]
    assert len(dns.questions) == before
    page = admin.open()
    assert page.all(id="pe-provider") == page.all(id="pe-sender-domain") == []


def test_other_names_only_for_those_who_could_save_them(admin: Admin, dns: DnsServer) -> None:
    """Who may only test sees how the saved sender stands, whatever the address says."""
    admin.save(default_sender="site@shop.example.org", host="smtp.gmail.com")
    admin.host.site.authorize = lambda action: action != "edit_settings"
    before = len(dns.questions)
    page = panel(admin, "site@own.example.org", "mail.own.example.org")
    assert "shop.example.org" in page.source
    assert not any("own" in name for name, _ in dns.questions[before:])


NAMES = st.text(max_size=80) | st.from_regex(r"[a-z0-9.@<>_\-\[\]:%]{1,40}", fullmatch=True)


@given(sender=NAMES, host=NAMES)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(sender="a@[192.0.2.1]", host="[::1]")
@example(sender="a@xn--0.example.org", host="xn--0")
@example(sender="a@" + ".".join(["a" * 60] * 4) + ".org", host=".".join(["a" * 60] * 4))
def test_whatever_is_typed_is_answered(admin: Admin, sender: str, host: str) -> None:
    """No text in a field makes a page fail, and none of it comes back as markup."""
    admin.host.site.inspector._asked.clear()
    query = urlencode({"default_sender": sender, "host": host})
    for path in ("/provider", "/sender-domain"):
        answer = admin.get(f"{path}?{query}", headers=HTMX)
        assert answer.status_code == 200
        assert "<script" not in answer.text


def test_offer_alone_is_no_page(admin: Admin) -> None:
    """Opened in a tab, it leads to the page that it is a part of."""
    answer = admin.get("/provider?default_sender=a@gmail.com")
    assert (answer.status_code, answer.location) == (303, "/admin/email/settings")
