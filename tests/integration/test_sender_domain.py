"""What is found out about a sender's domain, from a zone that a real server answers from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plato_email.sender_domain import Finding, Inspector
from tests.support.dns_server import DnsServer
from tests.support.mail_zone import UNWELL, ZONE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    """The zone above."""
    with DnsServer(ZONE, servfail=UNWELL) as running:
        yield running


def findings(
    server: DnsServer, domain: str, host: str = "smtp.gmail.com", *selectors: str
) -> dict[str, Finding]:
    report = Inspector(server.address, selectors).report(domain, host)
    return {each.topic: each for each in report.findings}


def test_domain_where_all_is_in_order(server: DnsServer) -> None:
    """SPF names the provider, its key is there, DMARC is passed, replies arrive."""
    found = findings(server, "good.example.org")
    assert {topic: each.verdict for topic, each in found.items()} == {
        "SPF": "good",
        "DKIM": "good",
        "DMARC": "good",
        "Replies": "good",
    }
    assert "RSA, 2048 bits" in found["DKIM"].title
    assert "DKIM must name exactly good.example.org" in found["DMARC"].detail
    assert [each.publish for each in found.values()] == [None] * 4


def test_domain_where_nothing_is(server: DnsServer) -> None:
    """What is missing is a warning with the record to publish, not a failure of the look-up."""
    found = findings(server, "bare.example.org")
    spf, dmarc = found["SPF"], found["DMARC"]
    assert (spf.verdict, spf.title) == ("warn", "No SPF record")
    assert spf.publish is not None
    assert (spf.publish.name, spf.publish.value) == (
        "bare.example.org",
        "v=spf1 include:_spf.google.com ~all",
    )
    assert (dmarc.verdict, dmarc.publish and dmarc.publish.name) == (
        "warn",
        "_dmarc.bare.example.org",
    )
    assert found["DKIM"].verdict == "unknown"
    assert "usual selectors of Google: google" in found["DKIM"].title


def test_new_record_allows_the_mailboxes_as_well(server: DnsServer) -> None:
    """A first SPF record must not shut out the provider that people of the domain write with."""
    publish = findings(server, "bare.example.org", "relay.example.net")["SPF"].publish
    assert publish is not None
    assert publish.value == ("v=spf1 include:_spf.google.com ip4:9.9.9.9 ip6:2620:fe::fe ~all")


def test_server_of_ones_own_is_found_by_its_addresses(server: DnsServer) -> None:
    """A server that is nobody's we know fits where the record names all its addresses."""
    found = findings(server, "own.example.org", "relay.example.net", "s2026")
    assert found["SPF"].verdict == "good"
    assert "9.9.9.9 and 2620:fe::fe" in found["SPF"].title
    assert found["DKIM"].verdict == "good"
    assert "should pass by SPF" in found["DMARC"].detail


def test_other_servers_may_send_from_elsewhere(server: DnsServer) -> None:
    """A record that does not name the server is no false alarm: mail may leave elsewhere."""
    spf = findings(server, "own.example.org", "far.example.net")["SPF"]
    assert spf.verdict == "unknown"
    assert "cannot be told" in spf.title
    assert spf.publish is not None
    assert spf.publish.value == "v=spf1 a:relay.example.net ip4:8.8.4.4 -all"
    assert spf.publish.replaces


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "10.0.0.5", "inner.example.net", ""])
def test_server_of_this_network_tells_nothing(server: DnsServer, host: str) -> None:
    """From where a local server sends on is not known, and nothing of it is to be published."""
    spf = findings(server, "own.example.org", host)["SPF"]
    assert (spf.verdict, spf.publish) == ("unknown", None)
    bare = findings(server, "bare.example.org", host)["SPF"]
    assert (bare.verdict, bare.publish) == ("warn", None)


def test_server_that_has_no_address(server: DnsServer) -> None:
    """It says that it is the server that could not be found."""
    assert "has no address" in findings(server, "own.example.org", "no.example.net")["SPF"].detail


def test_provider_that_is_not_named_is_a_fault(server: DnsServer) -> None:
    """With -all and DMARC on reject, mail through another provider is refused."""
    found = findings(server, "strict.example.org", "smtp.office365.com", "nothere")
    assert (found["SPF"].verdict, found["DKIM"].verdict, found["DMARC"].verdict) == ("bad",) * 3
    publish = found["SPF"].publish
    assert publish is not None
    assert publish.value == (
        "v=spf1 include:_spf.google.com include:spf.protection.outlook.com -all"
    )


def test_provider_with_bounces_of_its_own(server: DnsServer) -> None:
    """SPF of the sender's domain does not decide there, whatever it says."""
    for domain in ("strict.example.org", "bare.example.org"):
        spf = findings(server, domain, "smtp.sendgrid.net")["SPF"]
        assert (spf.verdict, spf.publish) == ("info", None)
        assert "DKIM" in spf.detail


def test_several_records(server: DnsServer) -> None:
    """Two SPF records are put into one; two DMARC records are none."""
    found = findings(server, "two.example.org")
    assert (found["SPF"].verdict, found["DMARC"].verdict) == ("bad", "bad")
    assert found["SPF"].publish is not None
    assert found["SPF"].publish.value == "v=spf1 include:_spf.google.com mx ~all"
    assert len(found["SPF"].records) == 2


def test_records_that_help_nobody(server: DnsServer) -> None:
    """+all protects nothing; a policy that is no word does nothing; an address is no MX."""
    found = findings(server, "open.example.org")
    assert (found["SPF"].verdict, found["DMARC"].verdict) == ("bad", "bad")
    assert "every server" in found["SPF"].title
    assert "p=sometimes" in found["DMARC"].title
    assert (found["Replies"].verdict, "MX" in found["Replies"].detail) == ("warn", True)


def test_domain_that_takes_no_mail(server: DnsServer) -> None:
    """A null MX (RFC 7505) is said to be one; a policy in trial only watches."""
    found = findings(server, "null.example.org")
    assert "declares that it takes no mail" in found["Replies"].title
    assert "leads to a domain without an SPF record" in found["SPF"].title
    assert (found["DMARC"].verdict, "only watches" in found["DMARC"].title) == ("good", True)


@pytest.mark.parametrize(
    ("selector", "verdict", "words"),
    [
        ("s2026", "good", "RSA, 1024 bits"),
        ("old", "bad", "was withdrawn"),
        ("cut", "bad", "cut off"),
        ("trial", "warn", "t=y"),
        ("none", "bad", "No DKIM key under none"),
    ],
)
def test_keys(server: DnsServer, selector: str, verdict: str, words: str) -> None:
    """A key that is named is found, withdrawn, broken, on trial or missing."""
    dkim = findings(server, "own.example.org", "relay.example.net", selector)["DKIM"]
    assert dkim.verdict == verdict
    assert words in f"{dkim.title} {dkim.detail}"


def test_best_key_counts(server: DnsServer) -> None:
    """Of several selectors one good key is enough; without any nothing can be asked."""
    several = findings(server, "own.example.org", "relay.example.net", "old", "s2026")["DKIM"]
    assert several.verdict == "good"
    nothing = findings(server, "own.example.org", "relay.example.net")["DKIM"]
    assert (nothing.verdict, "PLATO_EMAIL_DKIM_SELECTOR" in nothing.detail) == ("unknown", True)


def test_policy_of_the_organisation(server: DnsServer) -> None:
    """A sub-domain follows the policy for sub-domains of the domain above it (RFC 9989)."""
    dmarc = findings(server, "a.b.corp.example.com")["DMARC"]
    assert "quarantine (of corp.example.com)" in dmarc.title


@pytest.mark.parametrize(
    ("domain", "words"), [("one.bank", "reject (of bank)"), ("news.two.bank", "(of two.bank)")]
)
def test_policy_of_a_registry(server: DnsServer, domain: str, words: str) -> None:
    """A public suffix may have a policy; an organisation below it goes before (psd=y)."""
    assert words in findings(server, domain)["DMARC"].title


def test_what_depends_on_the_mail_is_not_judged(server: DnsServer) -> None:
    """Macros need a mail in hand; a record that only asks for reports is one that watches."""
    found = findings(server, "macro.example.org")
    assert (found["SPF"].verdict, "only a receiver" in found["SPF"].detail) == ("unknown", True)
    assert found["DMARC"].title == "DMARC only watches: p=none"
    other = findings(server, "dead.example.org", "far.example.net")["SPF"]
    assert (other.verdict, other.publish) == ("unknown", None)


def test_domain_without_life(server: DnsServer) -> None:
    """No server, no policy in the record, a key that is too short: each is said."""
    found = findings(server, "dead.example.org", "smtp.gmail.com", "short")
    assert "receives no mail" in found["Replies"].title
    assert "has no p=" in found["DMARC"].title
    assert "too short: RSA, 768 bits" in found["DKIM"].title


def test_failing_server_is_not_a_missing_record(server: DnsServer) -> None:
    """SERVFAIL leaves everything open, and says so in each place."""
    found = findings(server, "unwell.example.org")
    assert {each.verdict for each in found.values()} == {"unknown"}
    for each in found.values():
        assert "could not be looked up" in each.title
        assert "The DNS server answered SERVFAIL" in each.detail
    assert findings(server, "half.example.org")["SPF"].verdict == "unknown"


def test_domain_that_does_not_exist(server: DnsServer) -> None:
    """NXDOMAIN is one clear fault, and nothing else is worth saying."""
    found = findings(server, "misspelt.example.org")
    assert list(found) == ["Replies"]
    assert "does not exist" in found["Replies"].title


def test_error_that_only_our_server_meets(server: DnsServer) -> None:
    """A record that breaks on the way to our address is broken for our mail."""
    spf = findings(server, "voids.example.org", "far.example.net")["SPF"]
    assert (spf.verdict, "lead nowhere" in spf.title) == ("bad", True)


def test_long_answer_is_fetched_over_tcp(server: DnsServer) -> None:
    """An answer that was cut off is asked for again."""
    assert findings(server, "long.example.org")["SPF"].verdict == "good"
    assert ("long.example.org", "TXT") in server.over_tcp


@pytest.mark.parametrize("domain", ["grove.example", "x.test", "localhost", "intranet", "a.local"])
def test_names_of_no_public_domain_are_not_asked_about(server: DnsServer, domain: str) -> None:
    """Names for tests and private networks are told from missing records, without a look-up."""
    before = len(server.questions)
    found = findings(server, domain)
    assert (found["Sender"].verdict, len(found)) == ("info", 1)
    assert findings(server, "[192.0.2.1]")["Sender"].verdict == "warn"
    assert len(server.questions) == before


def test_sender_at_a_mailbox_provider(server: DnsServer) -> None:
    """Nobody but Google sends as gmail.com, and nobody but Google publishes for it."""
    other = findings(server, "gmail.com", "smtp.sendgrid.net")["Sender"]
    assert (other.verdict, "Only Google may send" in other.title) == ("bad", True)
    assert findings(server, "gmail.com")["Sender"].verdict == "good"
    assert findings(server, "gmail.com", "")["Sender"].verdict == "info"


def test_provider_whose_record_is_not_known(server: DnsServer) -> None:
    """What the table does not know is not made up: no record is offered, and nothing alleged."""
    for domain, verdict in (("own.example.org", "unknown"), ("bare.example.org", "warn")):
        spf = findings(server, domain, "smtp.migadu.com")["SPF"]
        assert (spf.verdict, spf.publish) == (verdict, None)
        assert "Migadu" in spf.detail
