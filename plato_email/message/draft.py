"""A checked message in parts, and its way into bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from secrets import token_hex
from typing import TYPE_CHECKING

from ..errors import MessageError
from .headers import address_field, text_field
from .mime import LONGEST_LINE, longest_line
from .model import Composed, Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .addresses import Address
    from .mime import Part

MOST_RECIPIENTS = 100
"""Every server takes as many in one transaction (RFC 5321 section 4.5.3.1.8)."""

_LONGEST_ID_DOMAIN = 200


@dataclass(slots=True)
class Draft:
    """Everything a message says, each piece checked.

    ``author`` is its From, ``sender`` the one address that the envelope names.
    """

    author: list[Address]
    sender: Address
    to: list[Address]
    cc: list[Address]
    bcc: list[Address]
    subject: str
    date: datetime
    body: Part
    reply_to: list[Address] = field(default_factory=list)
    message_id: str = ""
    extra: list[str] = field(default_factory=list)
    attachments: int = 0
    priority: int = 1
    send_at: datetime | None = None
    expires_at: datetime | None = None
    idempotency_key: str | None = None
    sensitive: bool = False


def rendered(draft: Draft, max_bytes: int) -> Composed:
    """Write a draft as bytes, with their envelope.

    Raises:
        MessageError: too many recipients or none, or the message is too large.
    """
    brought = bool(draft.message_id)
    draft.message_id = draft.message_id or new_message_id(draft.sender.domain)
    envelope = Envelope(draft.sender.addr_spec, _recipients([*draft.to, *draft.cc, *draft.bcc]))
    head = "\r\n".join([*_fields(draft), draft.body.head, "", ""])
    data = b"".join([head.encode(), *draft.body.chunks])
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    addresses = (envelope.sender, *envelope.recipients)
    utf8 = not head.isascii() or not "".join(addresses).isascii()
    check_size(len(data), max_bytes)
    _check_bytes(data, utf8)
    return Composed(
        envelope=envelope,
        message_id=draft.message_id,
        date=draft.date,
        subject=draft.subject,
        sender=", ".join(map(str, draft.author)),
        data=data,
        attachments=draft.attachments,
        priority=draft.priority,
        send_at=draft.send_at,
        expires_at=draft.expires_at,
        idempotency_key=draft.idempotency_key,
        sensitive=draft.sensitive,
        needs_smtputf8=utf8,
        brings_message_id=brought,
    )


def new_message_id(domain: str) -> str:
    """Return a Message-ID below the sender's domain (RFC 5322 section 3.6.4)."""
    if len(domain) > _LONGEST_ID_DOMAIN:
        domain = domain[-_LONGEST_ID_DOMAIN:].partition(".")[2]
    return f"<{token_hex(16)}@{domain}>"


def _recipients(addresses: Iterable[Address]) -> tuple[str, ...]:
    recipients = tuple(dict.fromkeys([address.addr_spec for address in addresses]))
    if not recipients:
        raise MessageError(
            "recipients", "The message has no recipients. Name at least one, or a cc or a bcc."
        )
    if len(recipients) > MOST_RECIPIENTS:
        raise MessageError(
            "recipients",
            f"The message has {len(recipients)} recipients, at most {MOST_RECIPIENTS} are allowed. "
            "Send it as several messages.",
        )
    return recipients


def _fields(draft: Draft) -> list[str]:
    """The header but for the Content-* fields. Bcc is never among them."""
    fields = [address_field("From", draft.author)]
    if draft.author != [draft.sender]:
        fields.append(address_field("Sender", [draft.sender]))
    if draft.to:
        fields.append(address_field("To", draft.to))
    elif not draft.cc:
        fields.append("To: undisclosed-recipients:;")
    if draft.cc:
        fields.append(address_field("Cc", draft.cc))
    if draft.reply_to:
        fields.append(address_field("Reply-To", draft.reply_to))
    return [
        *fields,
        text_field("Subject", draft.subject),
        f"Date: {format_datetime(draft.date)}",
        f"Message-ID: {draft.message_id}",
        f"X-Plato-Message: {draft.message_id}",
        "MIME-Version: 1.0",
        *draft.extra,
    ]


def check_size(size: int, max_bytes: int) -> None:
    """Refuse a message above the site's limit."""
    if size > max_bytes:
        raise MessageError(
            "message",
            f"The message has {size:,} bytes, at most {max_bytes:,} are allowed. "
            "Send a link instead of the attachment, or raise the limit.",
        )


def _check_bytes(data: bytes, utf8: bool) -> None:
    """Refuse bytes that a server could read otherwise than we do.

    Our own parts cannot come to this; a part that another library wrote can.
    """
    ends = data.count(b"\r\n")
    if data.count(b"\r") != ends or data.count(b"\n") != ends:
        problem = "a line end that is not CRLF"
    elif b"\0" in data:
        problem = "a NUL"
    elif longest_line(data) > LONGEST_LINE:
        problem = f"a line of more than {LONGEST_LINE} octets"
    elif not utf8 and not data.isascii():
        problem = "a byte beyond ASCII without a transfer encoding"
    else:
        return
    raise MessageError("message", f"The finished message has {problem}. Set its content anew.")
