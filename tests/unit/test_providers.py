"""The table of providers: every row is usable, recognisable and says where it is from."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from plato_email.message import domain_to_ascii
from plato_email.providers import CHECKED, PROVIDERS, Provider, by_domain, by_host, by_key, by_mx
from plato_email.settings import Settings, clean_settings

each_provider = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.key)


@each_provider
def test_every_row_fills_a_form_that_can_be_saved(provider: Provider) -> None:
    """What a row fills in has no problem and no remark of the settings' rules."""
    filled = dict(provider.in_region("eu-west-1").settings_for("me@example.com"))
    filled.pop("requires_login", None)
    if provider.username:
        filled = {"username": "somebody", "password": "secret", **filled}
    cleaned = clean_settings(filled, Settings())
    assert cleaned.problems == {}
    assert cleaned.notes == {}
    assert cleaned.settings.port == provider.port
    assert cleaned.settings.host == provider.host.format(region="eu-west-1")


@each_provider
def test_every_row_names_its_source_and_its_password(provider: Provider) -> None:
    """A row without a page that it was read on is a rumour; links lead to encrypted pages."""
    assert provider.sources
    links = (*provider.sources, provider.credential_link or "https://example.com/")
    assert [link for link in links if not link.startswith("https://")] == []
    assert bool(provider.username) == bool(provider.credential)


@each_provider
def test_names_are_as_dns_writes_them(provider: Provider) -> None:
    """Names are compared as they are, so they stand in lower case and without a last dot."""
    names = (*provider.domains, *provider.mx, *provider.hosts, provider.host)
    for name in names:
        plain = name.format(region="eu-west-1")
        assert domain_to_ascii(plain) == plain


def test_nothing_stands_in_two_rows() -> None:
    """Keys, domains, receiving servers and hosts lead to one provider each."""
    for names in (
        [each.key for each in PROVIDERS],
        [domain for each in PROVIDERS for domain in each.domains],
        [mx for each in PROVIDERS for mx in each.mx],
        [host for each in PROVIDERS for host in (each.host, *each.hosts)],
    ):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_the_table_is_dated() -> None:
    """Somebody looked at the sources, and not in the future."""
    assert date(2026, 11, 1) <= CHECKED


@pytest.mark.parametrize(
    ("domain", "key"),
    [
        ("gmail.com", "google"),
        ("hotmail.com", "outlook"),
        ("yahoo.co.uk", "yahoo"),
        ("gmx.de", "gmx-net"),
        ("gmx.com", "gmx-com"),
        ("me.com", "icloud"),
        ("proton.me", "proton"),
        ("example.com", None),
        ("notgmail.com", None),
        ("mail.gmail.com", None),
    ],
)
def test_found_by_domain(domain: str, key: str | None) -> None:
    """A mailbox provider is known by the domain of its addresses, and only by that."""
    found = by_domain(domain)
    assert (found and found.key) == key


@pytest.mark.parametrize(
    ("servers", "key"),
    [
        (["aspmx.l.google.com", "alt1.aspmx.l.google.com"], "google"),
        (["smtp.google.com"], "google"),
        (["example-com.mail.protection.outlook.com"], "microsoft365"),
        (["example-com.r-v1.mx.microsoft"], "microsoft365"),
        (["eur.olc.protection.outlook.com"], "outlook"),
        (["mx.zoho.eu", "mx2.zoho.eu"], "zoho-eu"),
        (["mx.zoho.com.au"], "zoho-com-au"),
        (["mxa.eu.mailgun.org"], "mailgun-eu"),
        (["mxb.mailgun.org"], "mailgun"),
        (["in1-smtp.messagingengine.com"], "fastmail"),
        (["mx01.mail.icloud.com"], "icloud"),
        (["mx00.kundenserver.de"], "ionos-de"),
        (["mx1.mail.ovh.net"], "ovh"),
        (["spool.mail.gandi.net", "fb.mail.gandi.net"], "gandi"),
        (["mail.protonmail.ch"], "proton"),
        (["mx.example.com", "aspmx.l.google.com"], "google"),
        (["mx.notgoogle.com"], None),
        (["google.com.example.net"], None),
        (["mx.example.com"], None),
        ([], None),
    ],
)
def test_found_by_receiving_servers(servers: list[str], key: str | None) -> None:
    """A domain of one's own is known by whose servers receive its mail."""
    found = by_mx(servers)
    assert (found and found.key) == key


def test_region_is_taken_from_the_receiving_server() -> None:
    """Amazon SES has a server in each region; the MX record says which one it is."""
    found = by_mx(["inbound-smtp.eu-west-1.amazonaws.com"])
    assert found is not None
    assert found.host == "email-smtp.eu-west-1.amazonaws.com"
    assert by_mx(["inbound-smtp.eu.west.amazonaws.com"]) is None


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("smtp.gmail.com", "google"),
        ("smtp-relay.gmail.com", "google"),
        ("email-smtp.us-east-1.amazonaws.com", "ses"),
        ("email-smtp..amazonaws.com", None),
        ("smtp.eu.mailgun.org", "mailgun-eu"),
        ("smtp.zoho.in", "zoho-in"),
        ("ssl0.ovh.net", "ovh"),
        ("localhost", None),
        ("evil.smtp.gmail.com", None),
        ("", None),
    ],
)
def test_found_by_host(host: str, key: str | None) -> None:
    """The server that is typed tells the provider; a name below it does not."""
    found = by_host(host)
    assert (found and found.key) == key


def test_user_names_follow_the_provider() -> None:
    """The whole address, a word that is the same for all, or nothing to be guessed."""

    def user(key: str) -> str | None:
        found = by_key(key)
        assert found is not None
        return found.settings_for("me@example.com").get("username")

    assert user("google") == "me@example.com"
    assert user("sendgrid") == "apikey"
    assert user("resend") == "resend"
    assert user("ses") is None
    assert user("catcher") is None
    assert by_key("nobody") is None
