"""``flask email dns``: the panel of the settings page for a shell or a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_cli import email
from tests.support.databases import fresh_database
from tests.support.dns_server import DnsServer
from tests.support.sites import Host, hosted

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = """
shop.example.org.           MX 10 aspmx.l.google.com.
shop.example.org.           TXT "v=spf1 include:_spf.google.com -all"
_spf.google.com.            TXT "v=spf1 ip4:192.0.2.0/24 ~all"
bare.example.org.           MX 10 aspmx.l.google.com.
two.example.org.            MX 10 aspmx.l.google.com.
two.example.org.            TXT "v=spf1 mx -all"
two.example.org.            TXT "v=spf1 a -all"
"""


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Host]:
    """A site that asks the zone above, with shop.example.org as its sender's domain."""
    with (
        DnsServer(ZONE) as dns,
        fresh_database("sqlite", tmp_path) as url,
        hosted(url, tmp_path, PLATO_EMAIL_RESOLVER=f"{dns.address[0]}:{dns.port}") as host,
    ):
        host.configure(587, host="smtp.gmail.com", default_sender="Shop <a@shop.example.org>")
        yield host


def test_stored_sender_and_server(asking: Host) -> None:
    """Each topic with its verdict, in words, and the record to publish."""
    result = email(asking, "dns")
    assert result.exit_code == 0
    assert "shop.example.org through smtp.gmail.com" in result.output
    assert "ok     SPF      SPF allows Google" in result.output
    assert 'publish: _dmarc.shop.example.org. IN TXT "v=DMARC1; p=none"' in result.output


def test_fault_is_an_exit_code(asking: Host) -> None:
    """A record that is wrong ends with 1, for scripts; one that is missing does not."""
    assert email(asking, "dns", "--sender", "a@two.example.org").exit_code == 1
    assert email(asking, "dns", "--sender", "a@bare.example.org").exit_code == 0


def test_json(asking: Host) -> None:
    """The same for a program."""
    result = email(asking, "dns", "--json", "--server", "smtp.office365.com")
    said = json.loads(result.output)
    assert (said["domain"], said["server"]) == ("shop.example.org", "smtp.office365.com")
    spf = next(each for each in said["findings"] if each["topic"] == "SPF")
    assert spf["verdict"] == "bad"
    assert spf["publish"] == {
        "name": "shop.example.org",
        "type": "TXT",
        "value": "v=spf1 include:_spf.google.com include:spf.protection.outlook.com -all",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sender", "nobody"), "The sender cannot be used"),
        (("--server", "not a host"), "is not a host name"),
    ],
)
def test_what_cannot_be_asked(asking: Host, words: tuple[str, ...], said: str) -> None:
    """One line says what is wrong with what was typed."""
    result = email(asking, "dns", *words)
    assert (result.exit_code, said in result.output) == (1, True)
