"""Attachments as body parts."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping

from ..errors import MessageError
from .checks import header_text, shortened
from .extra import header_fields
from .headers import disposition_field, fold
from .mime import LONGEST_LINE, Part, base64_lines, charset_named, longest_line
from .model import Attachment

_FIELD = "attachments"
_LONGEST_NAME = 255
_LONGEST_TYPE = 500
# RFC 2045 section 5.1.
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
_PARAMETER = rf'({_WORD}) *= *({_WORD}|"(?:[ !#-\[\]-~]|\\[ -~])*")'
_CONTENT_TYPE = re.compile(rf"({_WORD}/{_WORD})((?: *; *{_PARAMETER})*)")
_EACH_PARAMETER = re.compile(_PARAMETER)
_CONTENT_ID = re.compile(r"<?([!-;=?-~]{1,200})>?")
# Those that Attachment has an attribute for, or that the serialiser decides.
_OWN_HEADERS = {
    "content-type": "content_type",
    "content-disposition": "disposition",
    "content-transfer-encoding": "",
    "mime-version": "",
}


def attached_part(attachment: object, html: str | None) -> tuple[Part, bool]:
    """Check one attachment and write it as a part; also tell whether ``html`` shows it.

    Raises:
        MessageError: an attribute is wrong; the field is ``attachments``.
    """
    if not isinstance(attachment, Attachment):
        raise MessageError(
            _FIELD, f"Expected an Attachment, got {shortened(attachment)}. Use message.attach()."
        )
    try:
        return _attached_part(attachment, html)
    except MessageError as error:
        name = attachment.filename
        which = f"{shortened(name)}: " if isinstance(name, str) and name else ""
        raise MessageError(_FIELD, f"{which}{error.problem}") from None


def _attached_part(attachment: Attachment, html: str | None) -> tuple[Part, bool]:
    filename = _filename(attachment.filename)
    disposition = _disposition(attachment.disposition)
    content_id, others = _content_id(attachment)
    media_type, parameters = _content_type(attachment.content_type, filename, attachment.data)
    data = _bytes(attachment.data, parameters)
    media_type, encoding, content = _transferable(media_type, parameters, data)
    shown = _shown(html, content_id, disposition)
    fields = [
        _content_type_field(media_type, parameters),
        f"Content-Transfer-Encoding: {encoding}",
        disposition_field("inline" if shown else disposition, filename),
    ]
    if content_id:
        fields.append(f"Content-ID: <{content_id}>")
    head = "\r\n".join(fields + others)
    return Part(head, [content], literal=encoding == "7bit"), shown


def _shown(html: str | None, content_id: str, disposition: str) -> bool:
    """Whether this is an image within ``html`` (RFC 2392)."""
    if html is None or not content_id:
        return False
    return disposition == "inline" or f"cid:{content_id}" in html


def _filename(value: object) -> str | None:
    if value is None or value == "":
        return None
    name = header_text(_FIELD, value)
    if len(name) > _LONGEST_NAME:
        raise MessageError(
            _FIELD,
            f"The file name has {len(name)} characters, at most {_LONGEST_NAME} are allowed.",
        )
    return name


def _disposition(value: object) -> str:
    if value is None:
        return "attachment"
    if isinstance(value, str) and value.lower() in ("attachment", "inline"):
        return value.lower()
    raise MessageError(
        _FIELD, f"The disposition is {shortened(value)}. Use 'attachment' or 'inline'."
    )


def _content_id(attachment: Attachment) -> tuple[str, list[str]]:
    """Return the Content-ID, from its attribute or from the headers, and the other fields."""
    headers = attachment.headers
    value: object = attachment.content_id
    if isinstance(headers, Mapping):
        given = {key: headers[key] for key in headers if str(key).lower() == "content-id"}
        if given:
            value = value or next(iter(given.values()))
            headers = {key: headers[key] for key in headers if key not in given}
    others = header_fields(_FIELD, headers, _own_header)
    if value is None or value == "":
        return "", others
    found = _CONTENT_ID.fullmatch(header_text(_FIELD, value))
    if not found:
        raise MessageError(
            _FIELD,
            f"The content_id is {shortened(value)}. "
            "Use up to 200 printable ASCII characters without blanks and angle brackets.",
        )
    return found[1], others


def _own_header(name: str) -> str | None:
    if name not in _OWN_HEADERS:
        return None
    attribute = _OWN_HEADERS[name]
    return f"use {attribute}= instead" if attribute else "it is set for you; leave it out"


def _content_type(value: object, filename: str | None, data: object) -> tuple[str, dict[str, str]]:
    """Return the media type and its parameters, the charset of text included."""
    parameters: dict[str, str] = {}
    if value is None or value == "":
        media_type = _guessed(filename, data)
    else:
        media_type, parameters = _parsed(header_text(_FIELD, value))
    if isinstance(data, str) and media_type.startswith("text/"):
        parameters.setdefault("charset", "utf-8")
    return media_type, parameters


def _guessed(filename: str | None, data: object) -> str:
    media_type, compression = mimetypes.guess_type(filename or "")
    if compression:
        media_type = "application/gzip" if compression == "gzip" else None
    return media_type or ("text/plain" if isinstance(data, str) else "application/octet-stream")


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    found = _CONTENT_TYPE.fullmatch(text) if len(text) <= _LONGEST_TYPE else None
    if not found:
        raise MessageError(
            _FIELD, f"The content_type is {shortened(text)}. Write it like application/pdf."
        )
    media_type = found[1].lower()
    if media_type.startswith("multipart/"):
        raise MessageError(
            _FIELD,
            f"The content_type is {shortened(text)}, but an attachment is a single part. "
            "Attach each file by itself.",
        )
    return media_type, {key.lower(): rest for key, rest in _EACH_PARAMETER.findall(found[2])}


def _bytes(data: object, parameters: dict[str, str]) -> bytes:
    if isinstance(data, bytes):
        return data
    if isinstance(data, bytearray | memoryview):
        return bytes(data)
    if not isinstance(data, str):
        raise MessageError(
            _FIELD, f"The data must be bytes or text, got {shortened(data)}. Read the file first."
        )
    charset = charset_named(_FIELD, parameters.get("charset", "utf-8").strip('"'))
    try:
        return data.encode(charset)
    except UnicodeEncodeError as error:
        raise MessageError(
            _FIELD,
            f"The data has the character {data[error.start]!r} at position {error.start}, which "
            f"{charset} cannot write. Pass bytes, or a content_type with charset=utf-8.",
        ) from None


def _transferable(
    media_type: str, parameters: dict[str, str], data: bytes
) -> tuple[str, str, bytes]:
    """Return media type, transfer encoding and encoded content."""
    if media_type.startswith("message/") and not media_type.startswith("message/global"):
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if lines.isascii() and b"\0" not in lines and longest_line(lines) <= LONGEST_LINE:
            return media_type, "7bit", lines
        # RFC 2046 section 5.2.1 allows message/rfc822 no base64.
        parameters.clear()
        media_type = "application/octet-stream"
    return media_type, "base64", base64_lines(data)


def _content_type_field(media_type: str, parameters: dict[str, str]) -> str:
    tokens = [f" {name}={value};" for name, value in parameters.items()]
    if not tokens:
        return f"Content-Type: {media_type}"
    tokens[-1] = tokens[-1][:-1]
    return fold(f"Content-Type: {media_type};", tokens)
