"""The rule for the server's address: what people paste, and the host that it means."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ..message import domain_to_ascii
from ..smtp.policy import is_never_mailed

_SCHEMES: dict[str, tuple[int | None, str | None]] = {
    "smtp": (None, None),
    "smtps": (None, "tls"),
    "smtp+ssl": (None, "tls"),
    "smtp+tls": (None, "tls"),
    "smtp+starttls": (None, "starttls"),
    "submission": (587, "starttls"),
    "submissions": (465, "tls"),
}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)[^\s]*")
_BRACKETED = re.compile(r"\[(?:ipv6:)?([0-9a-f:.]+)\](?::(\d{1,5}))?", re.IGNORECASE)
_WITH_PORT = re.compile(r"([^:]+):(\d{1,5})")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")
# What a copied text brings along: quotes, brackets, and blanks that nobody sees.
_AROUND = " \t\r\n\u00a0\u200b\u200e\u200f\u2060\ufeff\"'`<>,;\u2018\u2019\u201c\u201d\u00ab\u00bb"
_EXAMPLE = "Type the name alone, such as smtp.example.com."


@dataclass(frozen=True, slots=True)
class PastedServer:
    """What a pasted address says."""

    host: str
    """A-labels in lower case, or an IP address without brackets; "" for none."""
    port: int | None = None
    tls_mode: str | None = None
    """``tls`` or ``starttls`` where the address asks for it."""
    note: str | None = None


def clean_host(raw: object) -> tuple[str, str | None]:
    """Return the host that ``raw`` means and a note on what was changed.

    Raises:
        ValueError: it is no host; the sentence says why.
    """
    server = read_server(raw)
    return server.host, server.note


def read_server(raw: object) -> PastedServer:
    """Read a host name, an IP address, ``host:port`` or an ``smtp://`` URL.

    Raises:
        ValueError: it is none of these; the sentence says why, without any credentials.
    """
    typed = str(raw).strip()
    text = typed.strip(_AROUND)
    if not text:
        return PastedServer("")
    if "@" in text:
        # Not repeated: in smtp://user:password@host it would show the password.
        raise ValueError(
            "A server address has no @. Type the server's name alone, such as smtp.example.com; "
            "user name and password have fields of their own."
        )
    port, tls_mode, rest = _without_scheme(text)
    host, own_port = _without_port(rest)
    port = own_port or port
    host = _host(host)
    return PastedServer(host, port, tls_mode, _note(typed, text, host, port, tls_mode))


def _without_scheme(text: str) -> tuple[int | None, str | None, str]:
    match = _URL.fullmatch(text)
    if match is None:
        return None, None, text
    known = _SCHEMES.get(match[1].lower())
    if known is None:
        raise ValueError(f"{_shown(text)} is not the address of a mail server. {_EXAMPLE}")
    return *known, match[2]


def _without_port(text: str) -> tuple[str, int | None]:
    match = _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)
    if match is None:
        return text, None
    if match[2] is None:
        return match[1], None
    if not 1 <= int(match[2]) <= 65535:
        raise ValueError(f"Port {match[2]} is out of range. Ports go from 1 to 65535.")
    return match[1], int(match[2])


def _host(text: str) -> str:
    name = text.strip().removesuffix(".")
    if not name.isascii():
        name = domain_to_ascii(name)
    name = name.lower()
    # Only now: full-width digits and dots are an IP address once they are written plainly.
    if ":" in name or _NUMERIC.fullmatch(name.rsplit(".", 1)[-1]):
        return _ip_address(name)
    if len(name) > 253:
        raise ValueError("The server address is longer than 253 characters. Shorten it.")
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{_shown(text)} is not a host name. {_EXAMPLE}")
    return name


def _ip_address(text: str) -> str:
    """Resolvers also take 127.1, 0x7f.1 and 2130706433 for addresses; people do not."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(
            f"{_shown(text)} is neither a host name nor an IP address. {_EXAMPLE}"
        ) from None
    address = getattr(address, "ipv4_mapped", None) or address
    if is_never_mailed(str(address)):
        raise ValueError(f"{address} cannot be a mail server's address. {_EXAMPLE}")
    return address.compressed


def _note(typed: str, text: str, host: str, port: int | None, tls_mode: str | None) -> str | None:
    taken = ["host", *(["port"] if port else []), *(["TLS"] if tls_mode else [])]
    if port or tls_mode or "://" in text:
        what = " and ".join(taken) if len(taken) < 3 else "host, port and TLS"
        return f"Taken from {_shown(text)}: {what}."
    if not text.isascii():
        return f"{_shown(text)} is written {host} in the domain name system."
    if text != typed:
        return "Removed what stood around the host name."
    return None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
