"""A standard ``EmailMessage`` as a draft.

Its content is rendered by the standard library, its header by us: some releases (3.11 to 3.12.1)
write a real ``Bcc:`` line for a subject with an encoded line break, so no header field of theirs
reaches the wire except Content-*, and those only after they have been read back.
"""

from __future__ import annotations

import copy
import re
from datetime import UTC
from email import policy
from email.errors import MessageError as StandardError
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ..errors import MessageError
from .addresses import make_address
from .checks import header_text, shortened
from .draft import Draft
from .extra import header_field, header_name
from .mime import Part

if TYPE_CHECKING:
    from datetime import datetime
    from email.message import EmailMessage
    from email.message import Message as StandardMessage

    from .addresses import Address

_WIRE = policy.SMTP.clone(cte_type="7bit")
# What the standard library raises, depending on its release, for content it cannot write.
_UNWRITABLE = (StandardError, LookupError, ValueError, TypeError, AttributeError, AssertionError)
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")
_LONGEST_ID = 250
_OWN = frozenset(
    {
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "mime-version",
    }
)
_ADDED_BY_RENDERING = ["content-type", "content-transfer-encoding", "mime-version"]


def draft_of_standard(message: EmailMessage, standing_in: list[Address], now: datetime) -> Draft:
    """Read a standard message; ``standing_in`` is From where it has none. It is not changed.

    Raises:
        MessageError: a header or the content cannot be mailed; ``field`` names the header.
    """
    author = _mailboxes(message, "From") or standing_in
    sender = _mailboxes(message, "Sender") or author
    if len(sender) != 1:
        raise MessageError(
            "From", f"The message has {len(sender)} senders. Set From, or Sender, to one address."
        )
    return Draft(
        author=author,
        sender=sender[0],
        to=_mailboxes(message, "To"),
        cc=_mailboxes(message, "Cc"),
        bcc=_mailboxes(message, "Bcc"),
        reply_to=_mailboxes(message, "Reply-To"),
        subject=header_text("Subject", str(_single(message, "Subject") or "")),
        date=_date(_single(message, "Date"), now),
        message_id=_message_id(_single(message, "Message-ID")),
        extra=_extra(message),
        body=_content(message),
        attachments=_count_attachments(message),
    )


def _values(message: EmailMessage, name: str) -> list[Any]:
    try:
        return list(message.get_all(name, []))
    except _UNWRITABLE as error:
        raise MessageError(name, f"The header cannot be read: {shortened(str(error))}") from None


def _single(message: EmailMessage, name: str) -> Any:
    values = _values(message, name)
    if len(values) > 1:
        raise MessageError(name, f"The message has {len(values)} of this header. Keep one.")
    return values[0] if values else None


def _mailboxes(message: EmailMessage, name: str) -> list[Address]:
    addresses = []
    for value in _values(message, name):
        header_text(name, str(value))
        if not hasattr(value, "addresses"):
            value = policy.default.header_factory(name, str(value))
        for found in value.addresses:
            try:
                addresses.append(make_address(found.display_name, found.addr_spec))
            except ValueError as error:
                raise MessageError(name, str(error)) from None
    return addresses


def _date(value: object, now: datetime) -> datetime:
    if value is None:
        return now
    try:
        date = parsedate_to_datetime(str(value))
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return now


def _message_id(value: object) -> str:
    text = str(value or "").strip()
    return text if len(text) <= _LONGEST_ID and _MESSAGE_ID.fullmatch(text) else ""


def _extra(message: EmailMessage) -> list[str]:
    fields = []
    for name in dict.fromkeys(message.keys()):
        lower = name.lower()
        if lower in _OWN or lower.startswith("content-"):
            continue
        checked = header_name(name, name)
        fields += [header_field(name, checked, str(value)) for value in _values(message, name)]
    return fields


def _content(message: EmailMessage) -> Part:
    """Render the content with its Content-* fields, and read both back."""
    if message.get_payload() is None:
        raise MessageError("message", "The message has no content. Call set_content() first.")
    carrier = copy.copy(message)
    for name in set(carrier.keys()):
        if not name.lower().startswith("content-"):
            del carrier[name]
    try:
        for value in carrier.values():
            header_text("message", str(value))
        data = carrier.as_bytes(policy=_WIRE)
        if data.startswith(b"\r\n"):
            data = b"Content-Type: text/plain\r\n" + data
        _check_fields(message, data)
        head, _, content = data.partition(b"\r\n\r\n")
        return Part(head.decode("ascii"), [content], literal=True)
    except MessageError:
        raise
    except _UNWRITABLE as error:
        raise MessageError(
            "message", f"The standard library cannot write it: {shortened(str(error))}"
        ) from None


def _check_fields(message: StandardMessage, data: bytes) -> None:
    """Refuse rendered parts with a header field that the message never had."""
    rendered = BytesParser(policy=policy.compat32).parsebytes(data)
    parts = list(message.walk())
    written = list(rendered.walk())
    if len(parts) != len(written):
        raise _smuggled()
    for part, found in zip(parts, written, strict=True):
        allowed = [*_names(part), *_ADDED_BY_RENDERING]
        for name in _names(found):
            if name not in allowed:
                raise _smuggled()
            allowed.remove(name)


def _names(message: StandardMessage) -> list[str]:
    return [name.lower() for name, _ in message.raw_items()]


def _smuggled() -> MessageError:
    return MessageError(
        "message",
        "A header of a part holds a line break, so that it would be read as another header. "
        "Set the content anew, without line breaks in file names and headers.",
    )


def _count_attachments(message: EmailMessage) -> int:
    return sum(part.get_content_disposition() == "attachment" for part in message.walk())
