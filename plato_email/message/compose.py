"""From a :class:`Message` to a :class:`Composed`: every argument is checked here."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from email.message import EmailMessage
from secrets import token_hex
from typing import TYPE_CHECKING

from ..errors import MessageError
from .addresses import make_address, parse_address
from .attachments import attached_part
from .checks import header_text, moment, plain_text, shortened, unquoted
from .draft import Draft, check_size, rendered
from .extra import header_fields
from .mime import Part, charset_named, multipart, text_part
from .model import Message, listed
from .standard import draft_of_standard

if TYPE_CHECKING:
    from .addresses import Address
    from .model import Composed

_PRIORITIES = {"high": 0, "normal": 1, "low": 2}
_LONGEST_KEY = 200
_FIRST_YEAR = 1900


def compose(
    message: Message | EmailMessage,
    *,
    default_sender: str = "",
    max_bytes: int = 26_214_400,
    now: datetime | None = None,
) -> Composed:
    """Check a message and write it as the bytes that will go over the wire.

    Args:
        message: ours, or the standard library's.
        default_sender: whom it is From where the message does not say.
        max_bytes: the largest message allowed, encoded.
        now: the Date where the message has none; the present when left out.

    Raises:
        MessageError: an argument is wrong; ``field`` names it. Of a message that is ``sensitive``
            nothing is quoted.
    """
    with unquoted() if getattr(message, "sensitive", False) else nullcontext():
        return _compose(message, default_sender, max_bytes, now)


def _compose(
    message: Message | EmailMessage, default_sender: str, max_bytes: int, now: datetime | None
) -> Composed:
    date = datetime.now(UTC) if now is None else moment("now", now)
    if isinstance(message, EmailMessage):
        standing_in = _addresses("sender", default_sender or None)
        return rendered(draft_of_standard(message, standing_in, date), max_bytes)
    if not isinstance(message, Message):
        raise MessageError(
            "message",
            f"Expected a Message or an EmailMessage, got {shortened(message)}. Build one of them.",
        )
    return rendered(_draft(message, default_sender, date, max_bytes), max_bytes)


def _draft(message: Message, default_sender: str, now: datetime, max_bytes: int) -> Draft:
    sender = _sender(message.sender, default_sender)
    attachments = listed("attachments", message.attachments)
    send_at, expires_at = _times(message)
    return Draft(
        author=[sender],
        sender=sender,
        to=_addresses("recipients", message.recipients),
        cc=_addresses("cc", message.cc),
        bcc=_addresses("bcc", message.bcc),
        reply_to=_addresses("reply_to", message.reply_to, pair=True),
        subject=header_text("subject", message.subject),
        date=_date(message.date, now),
        extra=header_fields("extra_headers", message.extra_headers),
        body=_body(message, attachments, max_bytes),
        attachments=len(attachments),
        priority=_priority(message.priority),
        send_at=send_at,
        expires_at=expires_at,
        idempotency_key=_idempotency_key(message.idempotency_key),
        sensitive=_sensitive(message.sensitive),
    )


def _sender(value: object, default_sender: str) -> Address:
    senders = _addresses("sender", value or default_sender or None, pair=True)
    if not senders:
        raise MessageError(
            "sender", "The message has no sender. Pass sender=, or set the Default Sender."
        )
    if len(senders) > 1:
        raise MessageError("sender", f"The message has {len(senders)} senders. Pass one.")
    return senders[0]


def _addresses(field: str, values: object, *, pair: bool = False) -> list[Address]:
    """Read a list of mailboxes; ``pair`` takes a tuple for one of them, not for two."""
    if not values and isinstance(values, list | None):
        return []
    if pair and isinstance(values, tuple):
        values = [values]
    try:
        return [_address(value) for value in listed(field, values)]
    except MessageError:
        raise
    except ValueError as error:
        raise MessageError(field, str(error)) from None


def _address(value: object) -> Address:
    if isinstance(value, str):
        return parse_address(value)
    if isinstance(value, tuple) and len(value) == 2:
        name, address = value
        if isinstance(name, str | None) and isinstance(address, str):
            return make_address(name or "", address)
    raise ValueError(
        f"Expected an address, got {shortened(value)}. "
        "Pass 'name@example.com' or ('Name', 'name@example.com')."
    )


def _date(value: object, now: datetime) -> datetime:
    if value is None:
        return now
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            value = datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            raise MessageError("date", f"{value} seconds are out of range. Correct it.") from None
    date = moment("date", value)
    if date.year < _FIRST_YEAR:
        raise MessageError("date", f"The year {date.year} is before {_FIRST_YEAR} (RFC 5322).")
    return date


def _body(message: Message, attachments: list[object], max_bytes: int) -> Part:
    charset = charset_named("charset", message.charset)
    check_size(sum(_size(attachment) for attachment in attachments), max_bytes)
    html = None if message.html is None else plain_text("html", message.html)
    texts = []
    if message.body is not None:
        texts.append(text_part("body", message.body, "plain", charset))
    if html is not None:
        texts.append(text_part("html", html, "html", charset))
    if not texts and not attachments:
        raise MessageError(
            "body", "The message has no body and no html. Pass body='' for an empty message."
        )
    shown: list[Part] = []
    files: list[Part] = []
    for attachment in attachments:
        part, belongs_to_html = attached_part(attachment, html)
        (shown if belongs_to_html else files).append(part)
    return _assembled(texts, shown, files)


def _size(attachment: object) -> int:
    """A lower bound, so that a file far too large is refused before it is encoded."""
    data = getattr(attachment, "data", None)
    return len(data) if isinstance(data, bytes | bytearray | str) else 0


def _assembled(texts: list[Part], shown: list[Part], files: list[Part]) -> Part:
    """Nest the parts: mixed(alternative(text, related(html, images)), files)."""
    if len(texts) == 1 and not shown and not files:
        return texts[0]
    token = _token([*texts, *shown, *files])
    if shown:
        related = [texts[-1], *shown]
        texts[-1] = multipart("related", f"=_r{token}", related, ';\r\n type="text/html"')
    if len(texts) > 1:
        texts = [multipart("alternative", f"=_a{token}", texts)]
    if files:
        return multipart("mixed", f"=_m{token}", [*texts, *files])
    return texts[0]


def _token(parts: list[Part]) -> str:
    """Return what makes this message's boundaries its own.

    Encoded parts hold no ``=_``. The others would hold 96 random bits only by a miracle; to look
    costs less than to wonder.
    """
    while True:
        token = token_hex(12)
        mark = token.encode()
        if not any(mark in chunk for part in parts if part.literal for chunk in part.chunks):
            return token


def _times(message: Message) -> tuple[datetime | None, datetime | None]:
    send_at = _naive("send_at", message.send_at)
    expires_at = _naive("expires_at", message.expires_at)
    if send_at and expires_at and expires_at <= send_at:
        raise MessageError(
            "expires_at",
            f"{expires_at:%Y-%m-%d %H:%M:%S} UTC is not after send_at, "
            f"{send_at:%Y-%m-%d %H:%M:%S} UTC: the message could never be sent.",
        )
    return send_at, expires_at


def _naive(field: str, value: object) -> datetime | None:
    return None if value is None else moment(field, value).replace(tzinfo=None)


def _priority(value: object) -> int:
    if isinstance(value, str) and value in _PRIORITIES:
        return _PRIORITIES[value]
    raise MessageError("priority", f"{shortened(value)} is none. Use 'high', 'normal' or 'low'.")


def _idempotency_key(value: object) -> str | None:
    if value is None:
        return None
    key = header_text("idempotency_key", value)
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isprintable():
        raise MessageError(
            "idempotency_key",
            f"{shortened(key)} has {len(key)} characters. Use 1 to {_LONGEST_KEY} printable ones.",
        )
    return key


def _sensitive(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise MessageError("sensitive", f"Expected True or False, got {shortened(value)}.")
