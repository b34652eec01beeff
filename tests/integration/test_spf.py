"""SPF as RFC 7208 has it, evaluated against a zone that a real server answers from."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from plato_email.sender_domain.lookup import Lookup
from plato_email.sender_domain.spf import (
    Evaluation,
    SpfError,
    evaluate,
    merged,
    parse,
    select,
    with_terms,
)
from tests.support.dns_server import DnsServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = """
plain.example.org.      TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"
soft.example.org.       TXT "v=spf1 ip4:192.0.2.1 ~all"
neutral.example.org.    TXT "v=spf1 ip4:192.0.2.1"
open.example.org.       TXT "v=spf1 +all"
upper.example.org.      TXT "V=SPF1 IP4:192.0.2.1 -ALL"
split.example.org.      TXT "v=spf1 ip4:192" ".0.2.1 -all"
other.example.org.      TXT "verification=spf1"
other.example.org.      TXT "v=spf10 -all"
two.example.org.        TXT "v=spf1 ip4:192.0.2.1 -all"
two.example.org.        TXT "v=spf1 ip4:192.0.2.2 -all"
hosts.example.org.      TXT "v=spf1 a mx a:far.example.org/30 -all"
hosts.example.org.      A 192.0.2.10
hosts.example.org.      AAAA 2001:db8::10
hosts.example.org.      MX 10 in.example.org.
in.example.org.         A 192.0.2.20
far.example.org.        A 198.51.100.9
alias.example.org.      CNAME plain.example.org.
wraps.example.org.      TXT "v=spf1 include:plain.example.org ?all"
deep.example.org.       TXT "v=spf1 include:wraps.example.org -all"
moved.example.org.      TXT "v=spf1 redirect=plain.example.org"
both.example.org.       TXT "v=spf1 redirect=open.example.org -all"
lost.example.org.       TXT "v=spf1 redirect=nowhere.example.org"
empty.example.org.      TXT "v=spf1 include:nowhere.example.org -all"
loop.example.org.       TXT "v=spf1 include:pool.example.org -all"
pool.example.org.       TXT "v=spf1 include:loop.example.org -all"
self.example.org.       TXT "v=spf1 redirect=self.example.org"
void.example.org.       TXT "v=spf1 a:n1.example.org a:n2.example.org a:n3.example.org -all"
macro.example.org.      TXT "v=spf1 exists:%{i}.sent.example.org ip4:192.0.2.1 -all"
ptr.example.org.        TXT "v=spf1 ptr -all"
there.example.org.      TXT "v=spf1 exists:in.example.org -all"
broken.example.org.     TXT "v=spf1 include:unwell.example.org -all"
wrong.example.org.      TXT "v=spf1 ipv4:192.0.2.1 -all"
crowd.example.org.      TXT "v=spf1 mx -all"
"""
INCLUDES = " ".join(f'" include:p{n}.example.org"' for n in range(11))
ZONE += f'many.example.org. TXT "v=spf1" {INCLUDES} " -all"\n'
for n in range(11):
    ZONE += f'p{n}.example.org. TXT "v=spf1 ip4:198.51.100.{n} -all"\n'
    ZONE += f"crowd.example.org. MX 10 m{n}.example.org.\nm{n}.example.org. A 192.0.2.1\n"


@pytest.fixture(scope="module")
def server() -> Iterator[DnsServer]:
    """The zone above, and one name that is unwell."""
    with DnsServer(ZONE, servfail=("unwell.example.org",)) as running:
        yield running


def judge(server: DnsServer, domain: str, address: str | None) -> Evaluation:
    parsed = None if address is None else ipaddress.ip_address(address)
    return evaluate(Lookup(server.address), f"{domain}.example.org", parsed)


@pytest.mark.parametrize(
    ("domain", "address", "result"),
    [
        ("plain", "192.0.2.77", "pass"),
        ("plain", "2001:db8::77", "pass"),
        ("plain", "192.0.3.1", "fail"),
        ("plain", "2001:db9::1", "fail"),
        ("soft", "192.0.2.2", "softfail"),
        ("neutral", "192.0.2.2", "neutral"),
        ("open", "203.0.113.5", "pass"),
        ("upper", "192.0.2.1", "pass"),
        ("split", "192.0.2.1", "pass"),
        ("other", "192.0.2.1", "none"),
        ("nowhere", "192.0.2.1", "none"),
        ("two", "192.0.2.1", "permerror"),
        ("hosts", "192.0.2.10", "pass"),
        ("hosts", "2001:db8::10", "pass"),
        ("hosts", "192.0.2.20", "pass"),
        ("hosts", "198.51.100.11", "pass"),
        ("hosts", "198.51.100.12", "fail"),
        ("alias", "192.0.2.1", "pass"),
        ("wraps", "192.0.2.1", "pass"),
        ("wraps", "203.0.113.5", "neutral"),
        ("deep", "203.0.113.5", "fail"),
        ("moved", "192.0.2.1", "pass"),
        ("moved", "203.0.113.5", "fail"),
        ("both", "203.0.113.5", "fail"),
        ("lost", "192.0.2.1", "permerror"),
        ("empty", "192.0.2.1", "permerror"),
        ("loop", "192.0.2.1", "permerror"),
        ("self", "192.0.2.1", "permerror"),
        ("many", "198.51.100.9", "pass"),
        ("many", "203.0.113.5", "permerror"),
        ("void", "203.0.113.5", "permerror"),
        ("there", "203.0.113.5", "pass"),
        ("broken", "192.0.2.1", "temperror"),
        ("wrong", "192.0.2.1", "permerror"),
        ("crowd", "203.0.113.5", "permerror"),
        ("macro", "192.0.2.1", "pass"),
        ("macro", "203.0.113.5", "fail"),
    ],
)
def test_result(server: DnsServer, domain: str, address: str, result: str) -> None:
    """Each kind of record gives the result that a receiver comes to."""
    assert judge(server, domain, address).result == result


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("two", "has 2 SPF records"),
        ("lost", "redirect=nowhere.example.org leads to a domain without"),
        ("empty", "include:nowhere.example.org leads to a domain without"),
        ("loop", "loop.example.org includes itself"),
        ("many", "more than 10 look-ups"),
        ("void", "more than 2 of its names lead nowhere"),
        ("wrong", "'ipv4:192.0.2.1' is not an SPF term"),
        ("crowd", "more than 10 servers"),
        ("broken", "the DNS server answered SERVFAIL"),
    ],
)
def test_error_says_what_is_wrong(server: DnsServer, domain: str, words: str) -> None:
    """An error names the term or the limit that it fails at."""
    assert words in judge(server, domain, "203.0.113.5").reason


@pytest.mark.parametrize("domain", ["macro", "ptr"])
def test_what_only_a_receiver_can_tell_is_not_certain(server: DnsServer, domain: str) -> None:
    """Macros and ptr depend on the mail itself; a refusal behind one is no certainty."""
    assert not judge(server, domain, "203.0.113.5").certain
    assert judge(server, "plain", "203.0.113.5").certain


def test_a_stranger_goes_through_the_whole_record(server: DnsServer) -> None:
    """Without an address every include is followed and every look-up is counted."""
    found = judge(server, "deep", None)
    assert found.included == {"wraps.example.org", "plain.example.org"}
    assert (found.result, found.lookups) == ("fail", 2)
    assert judge(server, "many", None).result == "permerror"


def test_each_question_is_asked_once(server: DnsServer) -> None:
    """Two addresses of one server cost no more than one."""
    lookup = Lookup(server.address)
    before = len(server.questions)
    for address in ("203.0.113.5", "203.0.113.6"):
        evaluate(lookup, "deep.example.org", ipaddress.ip_address(address))
    assert len(server.questions) - before == 3


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 include: -all",
        "v=spf1 include -all",
        "v=spf1 exists -all",
        "v=spf1 ip4:192.0.2.300",
        "v=spf1 ip4:192.0.2.1/33",
        "v=spf1 ip6:192.0.2.1",
        "v=spf1 ip4",
        "v=spf1 a/33",
        "v=spf1 a//129",
        "v=spf1 all:example.org",
        "v=spf1 all/24",
        "v=spf1 include:exa mple.org",
        "v=spf1 include:-..example.org",
        "v=spf1 redirect=",
        "v=spf1 redirect=a.example redirect=b.example",
        "v=spf1 foo",
        "v=spf1 mx;",
        "v=spf1 *all",
    ],
)
def test_record_that_is_written_wrongly(record: str) -> None:
    """What section 4.6.1 does not allow is an error, never a guess."""
    with pytest.raises(SpfError):
        parse(record)


def test_record_that_is_written_rightly() -> None:
    """Terms with their values, in their order; unknown modifiers do not matter."""
    record = parse(
        "v=spf1  a:x.example.org/24//64 mx -ip4:192.0.2.1 x-new=1 exp=e.example.org ~all"
    )
    assert [(each.result, each.name, each.value) for each in record.terms] == [
        ("pass", "a", "x.example.org"),
        ("pass", "mx", ""),
        ("fail", "ip4", "192.0.2.1/32"),
        ("softfail", "all", ""),
    ]
    assert record.terms[0].prefixes == (24, 64)


def test_only_spf_records_are_selected() -> None:
    """The version is a word of its own, in any case."""
    assert select(["v=spf1", "V=SPF1 -all", "v=spf1-all", "v=spf10", " v=spf1"]) == [
        "v=spf1",
        "V=SPF1 -all",
    ]


def test_records_are_mended() -> None:
    """A new term stands before the end of a record, once; two records become one."""
    assert with_terms("v=spf1 mx -all", ["ip4:192.0.2.1"]) == "v=spf1 mx ip4:192.0.2.1 -all"
    assert with_terms("v=spf1 mx", ["include:x.example"]) == "v=spf1 mx include:x.example"
    assert with_terms("v=spf1 redirect=x.example", ["mx"]) == "v=spf1 mx redirect=x.example"
    assert with_terms("v=spf1 mx ?all", ["mx"]) == "v=spf1 mx ?all"
    assert merged(["v=spf1 mx -all", "v=spf1 a mx ~all"]) == "v=spf1 mx a ~all"
