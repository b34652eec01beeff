"""A message: what callers hand in, checked and written as canonical RFC 5322 bytes."""

from __future__ import annotations

from .addresses import Address, domain_to_ascii, parse_address
from .compose import compose
from .model import Attachment, Composed, Envelope, Headers, Mailbox, Message, Priority

__all__ = [
    "Address",
    "Attachment",
    "Composed",
    "Envelope",
    "Headers",
    "Mailbox",
    "Message",
    "Priority",
    "compose",
    "domain_to_ascii",
    "parse_address",
]
