"""What a caller hands in (:class:`Message`) and what the queue carries (:class:`Composed`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..errors import MessageError
from .checks import shortened

if TYPE_CHECKING:
    from datetime import datetime

Mailbox = str | tuple[str, str]
"""``"a@example.com"``, ``"Name <a@example.com>"`` or ``("Name", "a@example.com")``."""
Headers = Mapping[str, str | Sequence[str]]
"""Header names and values; a list of values writes the header once for each."""
Priority = Literal["high", "normal", "low"]


@dataclass
class Attachment:
    """A file that goes with a message, or an image shown within its HTML.

    The content arrives byte for byte. Content types ``message/*`` are written as they are with
    CRLF line ends, because RFC 2046 allows them no encoding; where that is impossible (8-bit
    data, long lines) the file arrives as ``application/octet-stream`` instead, unchanged.

    Attributes:
        filename: shown to the reader; at most 255 characters.
        content_type: guessed from the file name when left out; may carry parameters, as in
            ``text/calendar; method=REQUEST``.
        data: the content. Text is written in UTF-8, or in the charset that ``content_type`` names.
        disposition: ``attachment`` or ``inline``.
        headers: more headers for this part.
        content_id: the ``logo`` of ``<img src="cid:logo">``. A part that the HTML shows, or that
            is ``inline`` and has a ``content_id``, travels with the HTML (multipart/related).
    """

    filename: str | None = None
    content_type: str | None = None
    data: bytes | str = field(default=b"", repr=False)
    disposition: str = "attachment"
    headers: Headers | None = field(default=None, repr=False)
    content_id: str | None = None


class Message:
    """A mail to send. Arguments and attributes have the names of Flask-Mail.

    Nothing is checked before :func:`compose`, so attributes may be set in any order; only
    an argument that cannot be a list is refused at once.

    Args:
        subject: one line of text.
        recipients: whom it is To: a list of mailboxes, or one as a string.
        body: the plain text. ``""`` sends an empty message; ``None`` means there is none.
        html: the HTML text; with ``body`` too, the reader's program picks.
        sender: whom it is From; the site's Default Sender when left out.
        cc: as ``recipients``.
        bcc: as ``recipients``; never written into the message.
        reply_to: one mailbox or a list.
        attachments: :class:`Attachment` objects; see also :meth:`attach`.
        extra_headers: more headers. Those with an argument of their own are refused.
        date: the Date header: a ``datetime`` (naive means UTC) or seconds since 1970; now when
            left out.
        charset: of ``body`` and ``html``; ``utf-8`` when left out, and in any case where the text
            has a character that the charset lacks.
        priority: ``high`` leaves the queue before ``normal``, ``normal`` before ``low``. It
            writes no header.
        send_at: not before this time. A naive ``datetime`` means UTC.
        expires_at: not after this time. A naive ``datetime`` means UTC.
        idempotency_key: 1 to 200 characters; a second message with the same key is not queued.
        sensitive: the subject is shown on no page and in no log.
    """

    def __init__(
        self,
        subject: str = "",
        recipients: Iterable[Mailbox] | str | None = None,
        body: str | None = None,
        html: str | None = None,
        *,
        sender: Mailbox | None = None,
        cc: Iterable[Mailbox] | str | None = None,
        bcc: Iterable[Mailbox] | str | None = None,
        reply_to: Mailbox | Sequence[Mailbox] | None = None,
        attachments: Iterable[Attachment] | None = None,
        extra_headers: Headers | None = None,
        date: datetime | float | None = None,
        charset: str | None = None,
        priority: Priority = "normal",
        send_at: datetime | None = None,
        expires_at: datetime | None = None,
        idempotency_key: str | None = None,
        sensitive: bool = False,
    ) -> None:
        self.subject = subject
        self.recipients: list[Mailbox] = listed("recipients", recipients)
        self.body = body
        self.html = html
        self.sender = sender
        self.cc: list[Mailbox] = listed("cc", cc)
        self.bcc: list[Mailbox] = listed("bcc", bcc)
        self.reply_to = reply_to
        self.attachments: list[Attachment] = listed("attachments", attachments)
        self.extra_headers = extra_headers
        self.date = date
        self.charset = charset
        self.priority: Priority = priority
        self.send_at = send_at
        self.expires_at = expires_at
        self.idempotency_key = idempotency_key
        self.sensitive = sensitive

    def attach(
        self,
        filename: str | None = None,
        content_type: str | None = None,
        data: bytes | str = b"",
        disposition: str = "attachment",
        headers: Headers | None = None,
        *,
        content_id: str | None = None,
    ) -> None:
        """Add an :class:`Attachment`."""
        self.attachments.append(
            Attachment(filename, content_type, data, disposition, headers, content_id)
        )

    def add_recipient(self, recipient: Mailbox) -> None:
        """Add somebody whom the message is To."""
        self.recipients.append(recipient)

    def __repr__(self) -> str:
        """Show whom it goes to, and the subject unless that is sensitive; never the text."""
        subject = "(sensitive)" if self.sensitive else shortened(self.subject)
        return f"<Message {subject} to {self.recipients!r}>"


def listed(field_name: str, value: object) -> list[Any]:
    """Return ``value`` as a new list: one string is one item, ``None`` none.

    Raises:
        MessageError: it cannot be a list.
    """
    if value is None:
        return []
    if type(value) is list:
        return value.copy()
    if isinstance(value, str):
        return [value]
    if isinstance(value, bytes | bytearray | memoryview | Mapping) or not isinstance(
        value, Iterable
    ):
        raise MessageError(field_name, f"Expected a list, got {shortened(value)}. Pass a list.")
    return list(value)


@dataclass(frozen=True, slots=True)
class Envelope:
    """MAIL FROM and RCPT TO (RFC 5321): each recipient once, domains as A-labels in lower case."""

    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Composed:
    """A message that passed every check, in the bytes that go over the wire.

    Attributes:
        message_id: with its angle brackets.
        date: the Date header, aware, in UTC.
        subject: as typed.
        sender: the From header as people read it.
        data: RFC 5322 with CRLF line ends, without Bcc, seven bits unless ``needs_smtputf8``.
        attachments: how many.
        priority: 0 high, 1 normal, 2 low.
        send_at: naive UTC.
        expires_at: naive UTC.
        needs_smtputf8: an address has letters beyond ASCII before its @, so the server must offer
            SMTPUTF8 (RFC 6531).
        brings_message_id: the caller chose the Message-ID, so that it may be there already.
    """

    envelope: Envelope
    message_id: str
    date: datetime
    subject: str
    sender: str
    data: bytes
    attachments: int = 0
    priority: int = 1
    send_at: datetime | None = None
    expires_at: datetime | None = None
    idempotency_key: str | None = None
    sensitive: bool = False
    needs_smtputf8: bool = False
    brings_message_id: bool = False

    def __repr__(self) -> str:
        """Show which message it is, without a word of what it says."""
        return f"<Composed {self.message_id} to {self.envelope.recipients}, {len(self.data)} bytes>"
