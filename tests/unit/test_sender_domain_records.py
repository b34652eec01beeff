"""DKIM keys, DMARC policies and SPF records as text: what is read, and what is refused."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from plato_email.sender_domain import dkim, dmarc, spf
from plato_email.sender_domain.dmarc import names_to_ask
from plato_email.sender_domain.tags import read_tags


def rsa_key(bits: int) -> str:
    public = generate_private_key(65537, bits).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def test_rsa_key_tells_its_length() -> None:
    """The length is that of the key, and blanks inside it do not matter."""
    key = rsa_key(1024)
    found = dkim.read_key(f"v=DKIM1; k=rsa; p={key[:40]} {key[40:]}")
    assert (found.kind, found.bits, found.revoked, found.testing) == ("rsa", 1024, False, False)
    assert str(found) == "RSA, 1024 bits"


def test_key_of_the_newer_kind() -> None:
    """RFC 8463: Ed25519 keys are the bare 32 bytes."""
    raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    found = dkim.read_key(f"v=DKIM1; k=ed25519; t=y:s; p={base64.b64encode(raw).decode()}")
    assert str(found) == "Ed25519"
    assert found.testing


def test_empty_key_is_a_withdrawn_one() -> None:
    """RFC 6376 section 3.6.1: an empty p= means that the key was withdrawn."""
    assert dkim.read_key("v=DKIM1; p=").revoked


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("v=DKIM1; k=rsa", "has no p="),
        ("v=DKIM2; p=AAAA", "of version"),
        ("v=DKIM1; p=not base64!", "not written in base64"),
        ("v=DKIM1; p=AAAA", "not an RSA key"),
        ("v=DKIM1; k=ed25519; p=AAAA", "32 bytes"),
        ("v=DKIM1; k=dsa; p=AAAA", "unknown kind"),
        ("p=AAAA; p=AAAA", "has p= twice"),
        ("hello", "not written tag=value"),
    ],
)
def test_key_that_nobody_can_use(record: str, words: str) -> None:
    """The reason is named, for the record was often only cut off in copying."""
    with pytest.raises(ValueError, match=words):
        dkim.read_key(record)


def test_walk_up_the_tree() -> None:
    """RFC 9989 section 4.10: each name above, to the top; long names skip the middle."""
    assert list(names_to_ask("a.b.example.org")) == [
        "a.b.example.org",
        "b.example.org",
        "example.org",
        "org",
    ]
    long = ".".join("abcdefghijkl") + ".example.org"
    asked = list(names_to_ask(long))
    assert len(asked) == 8
    assert (asked[0], asked[1], asked[-1]) == (long, "h.i.j.k.l.example.org", "org")


def test_dmarc_records_are_told_from_others() -> None:
    """The version comes first and counts in capitals."""
    texts = ["v=DMARC1; p=none", "v = DMARC1;p=none", "v=DMARC1", "v=DMARC10; p=none", "p=none"]
    assert dmarc.select(texts) == texts[:3]


@given(st.text())
def test_parsers_raise_what_they_say_and_nothing_else(text: str) -> None:
    """Anybody may write anything into DNS."""
    for read in (read_tags, dkim.read_key, spf.parse):
        with suppress(ValueError):
            read(text)
    spf.select([text])
    dmarc.select([text])


TERMS = st.lists(
    st.from_regex(
        r"[+?~-]?(all|include|a|mx|ptr|ip4|ip6|exists|redirect=|exp=)"
        r"(:[a-z0-9.:%{}_-]{0,20})?(/[0-9]{0,4}){0,3}",
        fullmatch=True,
    ),
    max_size=6,
)


@given(TERMS)
def test_spf_records_are_read_or_refused(terms: list[str]) -> None:
    """What is nearly a record is either one or an SpfError, and mending it keeps its terms."""
    text = " ".join(["v=spf1", *terms])
    mended = spf.with_terms(text, ["ip4:192.0.2.1"])
    assert set(text.split()) <= set(mended.split())
    try:
        before = spf.parse(text)
    except spf.SpfError:
        return
    assert len(spf.parse(mended).terms) >= len(before.terms)


TAGS = st.dictionaries(
    st.sampled_from(["v", "k", "p", "t", "sp", "rua", "psd", "adkim", "aspf"]),
    st.text(st.characters(codec="ascii", exclude_characters=";"), max_size=30),
)


@given(TAGS)
def test_tags_are_read_back(tags: dict[str, str]) -> None:
    """Whatever stands in a value, it comes out as it went in, without the blanks around it."""
    text = ";".join(f"{name}={value}" for name, value in tags.items())
    assert read_tags(text) == {name: value.strip() for name, value in tags.items()}
