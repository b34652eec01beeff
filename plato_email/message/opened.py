"""A stored message, opened for reading: its headers, its text, its HTML, its attachments.

The opposite of `compose`. Whatever is in the message, nothing here raises: what cannot be decoded
is shown as well as it can be.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from email import message_from_bytes, policy
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import EmailMessage

PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What is shown inside the HTML, where the message brings it along."""
MOST_PICTURES = 5_000_000
"""Bytes of pictures that are shown inside the HTML."""
_CID = re.compile(r"cid:([^\"'\s)>]+)", re.IGNORECASE)
# What makes a browser look up a name or open a connection in spite of a Content-Security-Policy
# (Chromium does so for every frame). The policy is what keeps everything else from working.
# A tag that never closes ends with the text: looked for in vain, each would cost all that follows.
_HINTS = re.compile(r"<(?:link|meta|base|i?frame|frameset|object|embed)\b[^>]*>?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A file in the message; ``name`` is never a path."""

    name: str
    content_type: str
    data: bytes
    content_id: str = ""


class Opened:
    """One message; ``data`` is what a server was, or is to be, given."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._message: EmailMessage = message_from_bytes(data, policy=policy.default)

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """The headers as they are written, decoded where they can be."""
        head = message_from_bytes(self.data.partition(b"\r\n\r\n")[0], policy=policy.compat32)
        return [(name, self._decoded(name, str(raw))) for name, raw in head.items()]

    @cached_property
    def text(self) -> str:
        """The plain text, or ""."""
        return self._body("plain")

    @cached_property
    def html(self) -> str:
        """The HTML as it was written, or "". Hostile: see `shown`."""
        return self._body("html")

    @cached_property
    def shown(self) -> str:
        """The HTML with its own pictures put in, and without hints to fetch anything.

        Harmless only under a Content-Security-Policy that forbids everything.
        """
        pictures = {part.content_id: part for part in self.files if part.content_id}
        room = MOST_PICTURES

        def put_in(found: re.Match[str]) -> str:
            nonlocal room
            part = pictures.get(found[1])
            if part is None or part.content_type not in PICTURES or len(part.data) > room:
                return found[0]
            room -= len(part.data)
            return f"data:{part.content_type};base64,{b64encode(part.data).decode()}"

        return _CID.sub(put_in, _HINTS.sub(" ", self.html))

    @cached_property
    def files(self) -> list[Part]:
        """Everything that is not the body, in the order of the message."""
        bodies = [self._message.get_body((kind,)) for kind in ("plain", "html")]
        parts = [
            part
            for part in self._message.walk()
            if not part.is_multipart() and not any(part is body for body in bodies)
        ]
        return [_file(number, part) for number, part in enumerate(parts, 1)]

    def _body(self, kind: str) -> str:
        part = self._message.get_body((kind,))
        if part is None:
            return ""
        try:
            return str(part.get_content())
        except (LookupError, ValueError, KeyError):
            return _bytes(part).decode("utf-8", "replace")  # type: ignore[arg-type]

    def _decoded(self, name: str, raw: str) -> str:
        try:
            return str(policy.default.header_factory(name, re.sub(r"\r?\n", "", raw)))
        except Exception:  # noqa: BLE001 - its parser knows errors of many kinds
            return raw


def _file(number: int, part: EmailMessage) -> Part:
    content_id = str(part.get("Content-ID", "")).strip().strip("<>")
    return Part(_name(number, part), part.get_content_type(), _bytes(part), content_id)


def _name(number: int, part: EmailMessage) -> str:
    """A name without folders and without characters that a system may stumble over."""
    try:
        given = part.get_filename() or ""
    except (LookupError, ValueError):
        given = ""
    name = re.sub(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", given)
    name = re.split(r"[/\\]", name)[-1].strip(" .")[:150]
    return name or f"attachment-{number}"


def _bytes(part: EmailMessage) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
