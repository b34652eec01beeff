"""Addresses: what is accepted, how it is written, and what is refused with which sentence."""

from __future__ import annotations

import pytest

from plato_email.message import domain_to_ascii, parse_address


@pytest.mark.parametrize(
    ("text", "name", "addr_spec"),
    [
        ("ann@example.com", "", "ann@example.com"),
        (" ann@example.com ", "", "ann@example.com"),
        ("<ann@example.com>", "", "ann@example.com"),
        ("Ann Lee <ann@example.com>", "Ann Lee", "ann@example.com"),
        ('"Lee, Ann" <ann@example.com>', "Lee, Ann", "ann@example.com"),
        (r'"Ann \"Q\" Lee" <ann@example.com>', 'Ann "Q" Lee', "ann@example.com"),
        ("Lee, Ann <ann@example.com>", "Lee, Ann", "ann@example.com"),
        ("ann@example.com <ann@example.com>", "ann@example.com", "ann@example.com"),
        ("M\u00fcller <m@example.com>", "M\u00fcller", "m@example.com"),
        ("Ann.Lee+tag@Example.COM", "", "Ann.Lee+tag@example.com"),
        ("o'hara@example.com", "", "o'hara@example.com"),
        ('"ann lee"@example.com', "", '"ann lee"@example.com'),
        ("ann@b\u00fccher.example", "", "ann@xn--bcher-kva.example"),
        ("ann@B\u00dcCHER.example", "", "ann@xn--bcher-kva.example"),
        ("ann@fa\u00df.example", "", "ann@xn--fa-hia.example"),
        ("ann@\u4f8b\u3002\u30c6\u30b9\u30c8", "", "ann@xn--fsq.xn--zckzah"),
        ("ann@localhost", "", "ann@localhost"),
        ("ann@[192.0.2.1]", "", "ann@[192.0.2.1]"),
        ("ann@[ipv6:2001:DB8::1]", "", "ann@[IPv6:2001:db8::1]"),
        ("\u03b1@example.com", "", "\u03b1@example.com"),
        (f"{'a' * 64}@example.com", "", f"{'a' * 64}@example.com"),
    ],
)
def test_address_is_read(text: str, name: str, addr_spec: str) -> None:
    """A name and an address are told apart; the domain becomes its A-label in lower case."""
    address = parse_address(text)
    assert (name, addr_spec) == (address.display_name, address.addr_spec)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no @"),
        ("ann", "has no @"),
        ("@example.com", "nothing before the @"),
        ("ann@", "not a domain name"),
        ("ann@@example.com", "part before the @"),
        (".ann@example.com", "part before the @"),
        ("ann.@example.com", "part before the @"),
        ("an..n@example.com", "part before the @"),
        ("ann lee@example.com", "part before the @"),
        ("ann(comment)@example.com", "part before the @"),
        ("ann@example.com.", "not a domain name"),
        ("ann@-example.com", "not a domain name"),
        ("ann@exa_mple.com", "not a domain name"),
        ("ann@example..com", "not a domain name"),
        ("ann@exam ple.com", "not a domain name"),
        ("ann@192.0.2.1", "in brackets: [192.0.2.1]"),
        ("ann@[192.0.2]", "not an address literal"),
        ("ann@[IPv6:fe80::1%eth0]", "not an address literal"),
        ("ann@\u2603\u00a0.example", "IDNA"),
        ("ann@" + "\u00fc" * 300, "IDNA"),
        ("a@example.com, b@example.com", "more than one address"),
        ("a@example.com;b@example.com", "more than one address"),
        ("a@example.com, Bob <b@example.com>", "more than one address"),
        ("ann@example.com>", "a > without a <"),
        ("ann@example.com\n", "U+000A"),
        ("Ann\r\nBcc: x@y <ann@example.com>", "U+000D"),
        ("ann\x00@example.com", "U+0000"),
        ("ann\u2028@example.com", "U+2028"),
        ("\ud800@example.com", "U+D800"),
        ("a\u200bb@example.com", "invisible"),
        (f"{'a' * 65}@example.com", "more than 64 octets"),
        (f"a@{'b' * 64}.com", "not a domain name"),
        (f"a@{'.'.join(['b' * 63] * 4)}", "longer than the 254"),
        (f"a@{'.'.join(['b' * 63] * 5)}", "longer than 255"),
    ],
)
def test_bad_address_is_refused(text: str, reason: str) -> None:
    """Whatever is no single address is refused, in a sentence that names the reason."""
    with pytest.raises(ValueError, match=r"^.+\.$") as caught:
        parse_address(text)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [None, 7, b"a@example.com", ["a@example.com"]])
def test_address_of_another_type_is_refused(value: object) -> None:
    """A value that is no text is a ValueError too."""
    with pytest.raises(ValueError, match="Expected an address"):
        parse_address(value)  # type: ignore[arg-type]


def test_long_value_is_shortened_in_the_sentence() -> None:
    """A sentence stays readable however much was pasted."""
    with pytest.raises(ValueError, match=r"no @") as caught:
        parse_address("x" * 5000)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Ann Lee <ann@example.com>", "Ann Lee <ann@example.com>"),
        ("Dr. Lee <ann@Example.com>", '"Dr. Lee" <ann@Example.com>'),
        ("M\u00fcller <m@example.com>", "=?utf-8?b?TcO8bGxlcg==?= <m@example.com>"),
        ("=?utf-8?q?x?= <m@example.com>", "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <m@example.com>"),
        ("m@b\u00fccher.example", "m@xn--bcher-kva.example"),
    ],
)
def test_header_form(text: str, header: str) -> None:
    """A header gets the capitals as typed, quotes where needed, and ASCII in any case."""
    assert header == parse_address(text).header()


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("Example.COM", "example.com"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("\uff45xample.com", "example.com"),
    ],
)
def test_domain_to_ascii(domain: str, expected: str) -> None:
    """A domain name becomes what DNS is asked for."""
    assert expected == domain_to_ascii(domain)


@pytest.mark.parametrize("domain", ["", ".", "a b", "a/b", "\u2603" * 3, "\ud800.com", None, 5])
def test_bad_domain_is_refused(domain: object) -> None:
    """Anything else is a ValueError, never another error."""
    with pytest.raises(ValueError, match=r"\.$"):
        domain_to_ascii(domain)  # type: ignore[arg-type]
