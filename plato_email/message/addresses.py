"""Mail addresses: read strictly, kept in parts, written for the envelope and for headers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

import idna

from .checks import forbidden_character, shortened
from .headers import ATOM, phrase, quoted_pairs

LONGEST_LOCAL = 64
LONGEST_DOMAIN = 255
LONGEST_ADDRESS = 254
"""RFC 5321 section 4.5.3.1: a path holds 256 octets, two of them are the angle brackets."""

# RFC 5321 section 4.1.2, with the letters beyond ASCII that RFC 6531 section 3.3 adds.
_LETTERS = ATOM.replace("[", "[\x80-\U0010ffff", 1)
_DOT_ATOM = re.compile(rf"{_LETTERS}(?:\.{_LETTERS})*")
_QUOTED_LOCAL = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])+"')
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_DOTTED_QUAD = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_QUOTED_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NAME_NEEDS_QUOTES = re.compile(r'["\\<>,;@]')
_CURE = "Write it like name@example.com."


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox. Made by :func:`parse_address`, which checks every part.

    Attributes:
        display_name: the name as people read it, or ``""``.
        local: the part before the @, with its quotes where it has any.
        domain: the A-label in lower case, or an address literal in brackets.
    """

    display_name: str
    local: str
    domain: str
    _written: str = field(default="", repr=False, compare=False)

    @property
    def addr_spec(self) -> str:
        """The address as the envelope carries it."""
        return f"{self.local}@{self.domain}"

    def tokens(self) -> list[str]:
        """The address as header text, cut where a line may be broken."""
        written = self._written or self.addr_spec
        if not self.display_name:
            return [f" {written}"]
        return [*phrase(self.display_name), f" <{written}>"]

    def header(self) -> str:
        """The address as header text in one line."""
        return "".join(self.tokens())[1:]

    def __str__(self) -> str:
        """The address as people write it; :func:`parse_address` reads it back."""
        if not self.display_name:
            return self.addr_spec
        name = self.display_name
        if _NAME_NEEDS_QUOTES.search(name):
            name = f'"{quoted_pairs(name)}"'
        return f"{name} <{self.addr_spec}>"


def parse_address(text: str) -> Address:
    """Read ``name@example.com`` or ``Name <name@example.com>``.

    The name is literal text: quotes around it are taken off, encoded words are not decoded.

    Raises:
        ValueError: it is not one valid address; the sentence says why and what to write.
    """
    if not isinstance(text, str):
        raise ValueError(f"Expected an address, got {shortened(text)}. {_CURE}")
    text = str.__str__(text)
    problem = forbidden_character(text)
    if problem:
        raise ValueError(problem)
    name, address = _parted(text.strip(" "))
    return make_address(name, address)


def _parted(text: str) -> tuple[str, str]:
    if not text.endswith(">"):
        return "", text
    name, bracket, address = text[:-1].rpartition("<")
    if not bracket:
        raise ValueError(f"{shortened(text)} has a > without a <. {_CURE}")
    name = name.rstrip(" ")
    quoted = _QUOTED_NAME.fullmatch(name)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[1]), address
    if "@" in name and ("," in name or ";" in name):
        raise ValueError(_several(text))
    return name, address


def _several(text: str) -> str:
    return f"{shortened(text)} holds more than one address. Pass each as a list item of its own."


def make_address(display_name: str, address: str) -> Address:
    """Check a bare address and join it with a display name.

    Raises:
        ValueError: a part is not valid.
    """
    problem = forbidden_character(display_name) or forbidden_character(address)
    if problem:
        raise ValueError(problem)
    local, at, domain = address.strip(" ").rpartition("@")
    if not at:
        raise ValueError(f"{shortened(address)} has no @. {_CURE}")
    _check_local(local, address)
    try:
        name = _domain_of_address(domain)
    except ValueError as error:
        raise ValueError(f"{shortened(address)}: {error}") from None
    if len(local.encode()) + 1 + len(name) > LONGEST_ADDRESS:
        raise ValueError(
            f"{shortened(address)} is longer than the {LONGEST_ADDRESS} octets that mail allows "
            "(RFC 5321). Correct it."
        )
    # What was typed stays in To and Cc, down to the capitals, unless it cannot stand there.
    written = f"{local}@{domain}" if domain.isascii() else ""
    return Address(display_name.strip(" "), local, name, written)


def _check_local(local: str, address: str) -> None:
    if not local:
        raise ValueError(f"{shortened(address)} has nothing before the @. {_CURE}")
    if not _DOT_ATOM.fullmatch(local) and not _QUOTED_LOCAL.fullmatch(local):
        if "," in local or ";" in local or ("@" in local and " " in local):
            raise ValueError(_several(address))
        raise ValueError(
            f"{shortened(address)} is not a valid address: the part before the @ has a character "
            f"or a dot in a place that RFC 5321 does not allow. {_CURE}"
        )
    if not local.isprintable():
        raise ValueError(
            f"{shortened(address)} has an invisible character before the @. Remove it."
        )
    if len(local.encode()) > LONGEST_LOCAL:
        raise ValueError(
            f"{shortened(address)} has more than {LONGEST_LOCAL} octets before the @ (RFC 5321). "
            "Correct it."
        )


def _domain_of_address(domain: str) -> str:
    if domain.startswith("["):
        return _literal(domain)
    if _DOTTED_QUAD.fullmatch(domain):
        raise ValueError(f"{shortened(domain)} is an IP address. Put it in brackets: [{domain}].")
    return domain_to_ascii(domain)


def _literal(domain: str) -> str:
    """Check an address literal (RFC 5321 section 4.1.3)."""
    inner = domain[1:-1]
    try:
        if not domain.endswith("]") or "%" in inner:
            raise ValueError
        if inner[:5].lower() == "ipv6:":
            return f"[IPv6:{IPv6Address(inner[5:])}]"
        return f"[{IPv4Address(inner)}]"
    except ValueError:
        raise ValueError(
            f"{shortened(domain)} is not an address literal. "
            "Write it like [192.0.2.1] or [IPv6:2001:db8::1]."
        ) from None


def domain_to_ascii(domain: str) -> str:
    """Return a domain name in lower case as DNS and SMTP carry it (IDNA, UTS 46).

    Raises:
        ValueError: it is not a domain name; the sentence says so and what to write.
    """
    if not isinstance(domain, str):
        raise ValueError(f"Expected a domain name, got {shortened(domain)}.")
    name = domain.lower() if domain.isascii() else _a_label(str.__str__(domain))
    if len(name) > LONGEST_DOMAIN:
        raise ValueError(
            f"The domain {shortened(domain)} is longer than {LONGEST_DOMAIN} octets (RFC 5321). "
            "Correct it."
        )
    if not _DOMAIN.fullmatch(name):
        raise ValueError(
            f"{shortened(domain)} is not a domain name. "
            "Use letters, digits, hyphens and dots, like example.com."
        )
    return name


@lru_cache(maxsize=512)
def _a_label(domain: str) -> str:
    try:
        # Names beyond any length that could pass are not worth the mapping's time.
        if len(domain) > LONGEST_DOMAIN:
            raise UnicodeError
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except UnicodeError:
        raise ValueError(
            f"{shortened(domain)} is not a domain name that IDNA can write. "
            "Check its spelling, or write its form that begins with xn--."
        ) from None
