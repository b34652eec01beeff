"""The rules of fields that hold one mail address: what people paste, and the address it means."""

from __future__ import annotations

import re

from ..message import parse_address
from ..text import unseen
from .numbers import shortened
from .pasted import named, plain, unescaped

_LONGEST = 400
_LABEL = re.compile(
    r"(?:mailto:\s*(?://)?|(?:from|to|sender|reply-to|e-?mail|address)\s*:\s+)", re.IGNORECASE
)
_NAME_THEN_ADDRESS = re.compile(
    r"(?P<name>[^<>@,;:\"()]*[^<>@,;:\"()\s])\s+<?(?P<address>\S+@\S+?)>?"
)
_QUOTED_NAME_THEN_ADDRESS = re.compile(r'(?P<name>"[^"<>@]+")\s*(?P<address>[^\s<>"]+@[^\s<>"]+)')
_ADDRESS_THEN_NAME = re.compile(r"(?P<address>\S+@\S+)\s+\((?P<name>[^<>@,;:\"()]+)\)")
_QUOTES = (
    *('""', "''", "``", "()", "[]"),
    *("\u201c\u201d", "\u2018\u2019", "\u201e\u201c", "\u00ab\u00bb"),
)
# RFC 2606, RFC 6761, RFC 6762, RFC 8375, the private-use TLD of ICANN, and what routers give out.
_PRIVATE = (
    *("localhost", "local", "localdomain", "test", "invalid", "internal", "lan", "home", "corp"),
    *("intranet", "home.arpa", "example.com", "example.net", "example.org"),
)


def read_address(raw: object) -> tuple[str, str | None]:
    """Return one address as it was meant, with its display name, and what was changed; or "".

    Raises:
        ValueError: it is not one valid address; the sentence says why.
    """
    typed = str(raw).strip()
    text = _stripped(typed)
    if not text:
        return "", None
    if len(text) > _LONGEST:
        raise ValueError(
            f"The address has {len(text)} characters. Shorten it to {_LONGEST} at most."
        )
    text = _bracketed(text)
    _refuse_several(text)
    parse_address(text)
    return text, None if text == typed else _changed(typed, text)


def clean_redirect_to(raw: object) -> tuple[str, str | None]:
    """One address, without a name; blank is none."""
    text, note = read_address(raw)
    address = parse_address(text).addr_spec if text else ""
    if not address.isascii():
        raise ValueError(
            f"{shortened(address)!r} is not ASCII, which not every server can deliver to."
        )
    return address, note


def remark_on_sender(sender: str) -> str | None:
    """Return what speaks against a valid sender, if anything does."""
    address = parse_address(sender)
    domain = address.domain
    if not address.local.isascii():
        return (
            "The part before the @ has letters outside ASCII. Many servers do not accept such an "
            "address; use one in plain letters."
        )
    is_private = any(domain == each or domain.endswith(f".{each}") for each in _PRIVATE)
    if is_private or "." not in domain or domain.startswith("["):
        return (
            f"Receiving servers cannot find the domain {domain}, so many refuse mail from it, and "
            "replies are lost. Use an address of your own domain."
        )
    if not sender.isascii() and domain != sender.rpartition("@")[2].rstrip(">").lower():
        return f"In mail, the domain is written {domain}."
    return None


def _stripped(typed: str) -> str:
    """The text without labels, quotes around it, blanks at the @ and a full stop at its end."""
    # In a display name, invisible characters may be right: they join emoji and turn the writing.
    name, bracket, address = typed.rpartition("<")
    text = f"{name}{bracket}{plain(address)}" if bracket else plain(typed)
    text = re.sub(r"[\xa0\u2000-\u200a\u202f\u3000]", " ", text).strip(" \t\r\n\u200b\u2060\ufeff")
    text = text.removeprefix("\u200e").removeprefix("\u200f").strip()
    if label := _LABEL.match(text):
        text = (
            unescaped(text[label.end() :]) if "mailto" in label[0].lower() else text[label.end() :]
        )
        text = text.partition("?")[0] if "mailto" in label[0].lower() else text
    text = text.replace("<mailto:", "<").strip(" ,;")
    for quotes in _QUOTES:
        inner = text[1:-1]
        if text[:1] == quotes[0] and text[-1:] == quotes[1] and "@" in inner:
            text = inner.strip() if quotes[0] not in inner else text
    text = re.sub(r" *@ *", "@", text) if text.count("@") == 1 else text
    return text[:-1] if text.endswith(".") and "@" in text else text


def _bracketed(text: str) -> str:
    """Put the brackets that are missing: ``Name me@shop.example``, ``me@shop.example (Name)``."""
    if text.count("@") != 1 or (text.endswith(">") and "<" in text):
        return text
    if quoted := _QUOTED_NAME_THEN_ADDRESS.fullmatch(text):
        return f"{quoted['name']} <{quoted['address']}>"
    found = _NAME_THEN_ADDRESS.fullmatch(text) or _ADDRESS_THEN_NAME.fullmatch(text)
    if found is not None:
        return f"{found['name'].strip()} <{found['address']}>"
    return text.removeprefix("<").removesuffix(">")


def _refuse_several(text: str) -> None:
    """``Me <me@shop.example>`` may have an address as the name; otherwise two are one too many."""
    bare = re.sub(r'"[^"]*"', "", text)
    name, bracket, _ = bare.partition("<")
    several = bare.count("<") > 1 or (bracket and "@" in name and re.search("[,;]", name))
    if several or (not bracket and bare.count("@") > 1):
        raise ValueError(
            f"{shortened(text)!r} holds more than one address. Type one address only, such as "
            "name@example.com."
        )
    if not bracket and re.search("[,;]", bare):
        raise ValueError(
            f"{shortened(text)!r} has a comma or semicolon. To give a name, write it like this: "
            "Example, Inc. <name@example.com>."
        )


def _changed(typed: str, text: str) -> str:
    found = unseen(typed.strip("".join(unseen(typed)) + " "))
    if found and plain(typed) != typed:
        return f"Removed or replaced hidden characters: {named(found)}. The address is {text}."
    return f"Read {shortened(typed)!r} as {text}."
