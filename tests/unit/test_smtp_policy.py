"""Which servers mail may be handed to."""

from __future__ import annotations

import pytest

from plato_email.smtp.policy import AllowedServers, is_loopback, is_never_mailed


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "::ffff:100.100.100.200",
        "::ffff:0.0.0.0",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:abcd::a9fe:a9fe",
        "::ffff:0:169.254.169.254",
        "2002:a9fe:a9fe::1",
    ],
)
def test_never_mailed(address: str) -> None:
    """Link-local, metadata, multicast, unspecified and broadcast, however they are written."""
    assert is_never_mailed(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.5",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "203.0.113.7",
        "fd00::25",
        "2001:db8::25",
        "64:ff9b::cb00:7107",
    ],
)
def test_where_mail_servers_are(address: str) -> None:
    """Loopback, private and public addresses are where mail servers are."""
    assert not is_never_mailed(address)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("mail.localhost", True),
        ("::2", False),
        ("notlocalhost", False),
        ("192.0.2.1", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    """This machine by its name or address, and no other."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "expected"),
    [
        ("smtp.example.com", "smtp.example.com", "203.0.113.7", 25, True),
        ("SMTP.Example.com.", "smtp.example.COM", "203.0.113.7", 25, True),
        ("smtp.example.com:587", "smtp.example.com", "203.0.113.7", 587, True),
        ("smtp.example.com:587", "smtp.example.com", "203.0.113.7", 25, False),
        ("smtp.example.com", "evil.example.com", "203.0.113.7", 25, False),
        ("smtp.example.com", "smtp.example.com.evil.test", "203.0.113.7", 25, False),
        ("*.example.org", "mail.example.org", "203.0.113.7", 25, True),
        ("*.example.org", "a.b.example.org", "203.0.113.7", 25, True),
        ("*.example.org", "example.org", "203.0.113.7", 25, False),
        ("*.example.org", "evilexample.org", "203.0.113.7", 25, False),
        ("*:587", "any.example.test", "203.0.113.7", 587, True),
        ("*:587", "any.example.test", "203.0.113.7", 22, False),
        ("10.0.0.0/8", "mail.internal", "10.1.2.3", 25, True),
        ("10.0.0.0/8", "mail.internal", "::ffff:10.1.2.3", 25, True),
        ("10.0.0.0/8", "mail.internal", "11.1.2.3", 25, False),
        ("10.0.0.0/8:25", "10.1.2.3", "10.1.2.3", 25, True),
        ("10.0.0.0/8:25", "10.1.2.3", "10.1.2.3", 22, False),
        ("10.0.0.5", "10.0.0.5", "10.0.0.5", 2525, True),
        ("10.0.0.5", "10.0.0.6", "10.0.0.6", 2525, False),
        ("2001:db8::/32", "mail.test", "2001:db8::25", 25, True),
        ("[2001:db8::/32]:25", "mail.test", "2001:db8::25", 25, True),
        ("[2001:db8::25]:25", "mail.test", "2001:db8::25", 26, False),
    ],
)
def test_allowed_servers(entry: str, host: str, address: str, port: int, expected: bool) -> None:
    """An entry allows by name or by the address that a name leads to, on its port or on any."""
    servers = AllowedServers([entry])

    assert servers.allow(host, address, port) is expected
    assert servers.may_ask(host, port) or not expected


def test_name_that_no_entry_can_allow_is_not_looked_up() -> None:
    """Where only names are allowed, no other name reaches the DNS; a network needs the lookup."""
    assert not AllowedServers(["smtp.example.com"]).may_ask("other.example.com", 25)
    assert AllowedServers(["smtp.example.com", "10.0.0.0/8"]).may_ask("other.example.com", 25)
    assert not AllowedServers(["10.0.0.0/8:25"]).may_ask("other.example.com", 587)


def test_empty_list_allows_any() -> None:
    """Without a list every server may be used."""
    assert AllowedServers([]).allow("any.example.test", "203.0.113.7", 4711)


@pytest.mark.parametrize(
    "entry",
    ["", "http://a.test", "a b", "*.", "*example.org", "smtp.*.test", "a.test:0", "a.test:70000",
     "10.0.0.0/33", "a.test:smtp", "[2001:db8::/32", "a,b"],
)  # fmt: skip
def test_entries_that_cannot_be_read(entry: str) -> None:
    """A misspelt entry is an error, not an entry that allows something else."""
    with pytest.raises(ValueError, match=r"is neither|has a port"):
        AllowedServers([entry])
