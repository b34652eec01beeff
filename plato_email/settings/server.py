"""The rule for the server's address: what people paste, and the host that it means."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ..message import domain_to_ascii
from ..smtp.policy import is_never_mailed
from ..text import unseen
from .pasted import ascii_digits, holds_login, named, plain, unescaped

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+._-]*):(?P<slashes>/*)(?P<rest>.*)", re.IGNORECASE)
_SCHEME_WORDS = frozenset(
    ("smtp", "esmtp", "smtps", "ssl", "tls", "starttls", "submission", "submissions", "tcp", "mail")
)
_LABEL = re.compile(
    r"[a-z_][\w. -]*=\s*|[a-z ()-]*\b(?:server|host|hostname|smtp|address|relay)\b[a-z ()]*:\s*"
    r"(?!\d+\W*$)(?=.*[.\[])",
    re.IGNORECASE,
)
_BULLET = re.compile(r"[\u2022\u00b7*\u2023\u25e6\u25aa\u25cf\u25cb\u25ba\u2192\u2013\u2014-]+\s+")
_PARTS = re.compile(r"(?P<host>\[[^\]\s]+\]|[^\s:,;|/?#()\[\]]+)(?P<behind>.*)")
_NOT_BEHIND = re.compile(r"[^a-z0-9\s:,;|/()\[\]{}=.-]|[:=(,;]\s*-\d", re.IGNORECASE)
_PORT_AND_PATH = re.compile(r"(?::(?P<port>\d+))?[/?#]\S*")
_WORDS = frozenset(
    (
        "port",
        "ssl",
        "tls",
        "starttls",
        "smtp",
        "smtps",
        "tcp",
        "implicit",
        "explicit",
        "recommended",
    )
)
_LABELS_OF_MAIL = re.compile(
    r"(?:e?smtp|mail|mx|relay|out|submission|exchange)[a-z0-9-]*\.", re.IGNORECASE
)
_WEB_PORTS = (80, 443, 8080, 8443)
STARTTLS_PORTS = (25, 587, 2525)
_LABEL_OF_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"\d+|0x[0-9a-f]*")
# What a copied text brings along: quotes, brackets, and blanks that cannot be seen.
_AROUND = (
    " \t\r\n\u00a0\u200b\u200e\u200f\u2060\ufeff\"'`<>{},;\\"
    "\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2022"
)
_EXAMPLE = "Type the name alone, such as smtp.example.com."
_NO_AT = (
    "A server address has no @ and no password. Type the server's name alone, such as "
    "smtp.example.com; user name and password have fields of their own."
)


@dataclass(frozen=True, slots=True)
class PastedServer:
    """What a pasted address says."""

    host: str
    """A-labels in lower case, or an IP address without brackets; "" for none."""
    port: int | None = None
    tls_mode: str | None = None
    """One of `TLS_MODES` where the address asks for TLS."""
    note: str | None = None


def clean_host(raw: object) -> tuple[str, str | None]:
    """Return the host that ``raw`` means and a note on what was changed.

    Raises:
        ValueError: it is no host; the sentence says why.
    """
    server = read_server(raw)
    return server.host, server.note


def read_server(raw: object) -> PastedServer:
    """Read a host name, an IP address, ``host:port`` or an ``smtp://`` URL, as people paste them.

    Raises:
        ValueError: it is none of these; the sentence says why, without any credentials.
    """
    typed = str(raw).strip()
    text = typed.strip(_AROUND)
    if not text:
        return PastedServer("")
    opened = re.sub('["`\u201c\u201d\u201e]', "", unescaped(plain(text)))
    if "@" in opened or holds_login(text):
        # Not repeated: in smtp://user:password@host it would show the password.
        raise ValueError(_NO_AT)
    opened = _BULLET.sub("", opened, count=1) if _BULLET.match(opened) else opened
    if label := _LABEL.match(opened):
        opened = opened[label.end() :].strip(_AROUND)
    if _is_ip_address(opened):
        host, port, tls_mode = opened, None, None
    else:
        host, port, tls_mode = _parts(opened.strip(), text)
    host = _host(host)
    if tls_mode == "tls" and port in STARTTLS_PORTS:
        # Programs write smtps:// and ssl:// for both ways; on these ports servers speak STARTTLS.
        tls_mode = "automatic"
    return PastedServer(host, port, tls_mode, _note(typed, text, opened, host, port, tls_mode))


def _parts(text: str, shown: str) -> tuple[str, int | None, str | None]:
    """Return host, port and TLS mode of a URL, or of a name with what people write behind it."""
    scheme_port, scheme_tls, rest, is_web = _without_scheme(text, shown)
    found = _PARTS.fullmatch(rest)
    if found is None:
        raise ValueError(f"{_shown(shown)} is not a host name. {_EXAMPLE}")
    digits, tls_mode = _behind(ascii_digits(found["behind"]), rest, shown)
    port = int(digits) if digits and len(digits) < 9 else None
    if digits and not 1 <= (port or 0) <= 65535:
        raise ValueError(f"Port {digits[:9]} is out of range. Ports go from 1 to 65535.")
    host = found["host"]
    if is_web:
        if not _LABELS_OF_MAIL.match(host) and port in (None, *_WEB_PORTS):
            raise ValueError(f"{_shown(shown)} is not the address of a mail server. {_EXAMPLE}")
        port = None if port in _WEB_PORTS else port
    return host, port or scheme_port, tls_mode or scheme_tls


def _without_scheme(text: str, shown: str) -> tuple[int | None, str | None, str, bool]:
    """Return the port and TLS mode that a scheme says, the rest, and whether it is the web's."""
    found = _URL.fullmatch(re.sub(r"^(\w+)//", r"\1://", text))
    if found is None:
        return None, None, text.lstrip("/"), False
    scheme = re.sub(r"v?[\d.]+$", "", found["scheme"].lower())
    words = set(re.split(r"[+._-]", scheme))
    known = words <= _SCHEME_WORDS
    if not found["slashes"] and not (known and "." in found["rest"]):
        return None, None, text, False  # host:587, and not postfix's smtp:[host]
    if scheme in ("http", "https"):
        return None, None, found["rest"], True
    if not known:
        raise ValueError(f"{_shown(shown)} is not the address of a mail server. {_EXAMPLE}")
    port = 587 if "submission" in words else 465 if "submissions" in words else None
    tls_mode = "starttls" if port == 587 else "tls" if port == 465 else _tls_of(words)
    return port, tls_mode, found["rest"], False


def _behind(text: str, whole: str, shown: str) -> tuple[str, str | None]:
    """Return the port and the TLS mode written behind a host: ``:465 (SSL)``, ``/starttls``.

    Raises:
        ValueError: there is anything else but a path.
    """
    words = set(re.findall(r"[a-z]+", text.lower()))
    numbers = re.findall(r"[0-9]+", text)
    if words <= _WORDS and len(numbers) < 2 and not _NOT_BEHIND.search(text):
        return "".join(numbers), _tls_of(words)
    if found := _PORT_AND_PATH.fullmatch(text):
        return found["port"] or "", None
    if re.fullmatch(r"[\w-]+(\.[\w-]+)+([\s,;|]+[\w-]+(\.[\w-]+)+)+", whole):
        raise ValueError(f"{_shown(shown)} names more than one server. Type one of them.")
    if ":" in text:
        raise ValueError(f"{_shown(shown)} is neither a host name nor an IP address. {_EXAMPLE}")
    raise ValueError(f"{_shown(shown)} is not a host name. {_EXAMPLE}")


def _tls_of(words: set[str]) -> str | None:
    """``tls`` alone says that there is TLS; programs disagree on how it begins."""
    if words & {"starttls", "explicit"}:
        return "starttls"
    if words & {"ssl", "smtps", "implicit"}:
        return "tls"
    return "automatic" if "tls" in words else None


def _host(text: str) -> str:
    name = text.strip().removesuffix(".")
    bracketed = name.startswith("[") and name.endswith("]")
    if bracketed:
        name = re.sub(r"^ipv6:", "", name[1:-1], flags=re.IGNORECASE)
    if not name.isascii():
        name = domain_to_ascii(name)
    name = name.lower()
    if ":" in name or _NUMERIC.fullmatch(name.rsplit(".", 1)[-1]):
        return _ip_address(name)
    if len(name) > 253:
        raise ValueError("The server address is longer than 253 characters. Shorten it.")
    if not all(_LABEL_OF_NAME.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{_shown(text)} is not a host name. {_EXAMPLE}")
    return name


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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


def _note(
    typed: str, text: str, opened: str, host: str, port: int | None, tls_mode: str | None
) -> str | None:
    taken = ["host", *(["port"] if port else []), *(["TLS"] if tls_mode else [])]
    if port or tls_mode or "://" in text:
        what = " and ".join(taken) if len(taken) < 3 else "host, port and TLS"
        return f"Taken from {_shown(text)}: {what}."
    if found := unseen(text):
        return f"Removed or replaced hidden characters: {named(found)}. The host is {host}."
    if not opened.isascii():
        return f"{_shown(text)} is written {host} in the domain name system."
    if opened != text or opened.lower().removesuffix(".").strip("[]") != host:
        if _is_ip_address(opened.strip("[]")) and opened == text:
            return None  # another spelling of the same address
        return f"Read {_shown(text)} as {host}."
    return None if text == typed else "Removed what stood around the host name."


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
