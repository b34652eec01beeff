"""What a message says: to whoever may read it, noted in the log, and never of a sensitive one."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from flask import Response, make_response, request, send_file

from ..errors import SecretUnreadable
from ..message.opened import Opened
from . import audit
from .pages import render
from .security import FRAMING, MAIL_POLICY
from .sites import current_site

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from ..outbox import MessageRow

PARTS = {"text": "Text", "html": "HTML", "headers": "Headers", "files": "Attachments"}
DOWNLOAD = "application/octet-stream"


class Mail(NamedTuple):
    """A message of the queue with its content."""

    row: MessageRow
    opened: Opened


class Closed(Exception):
    """A content that is not to be seen: why, and the status code that says so."""

    def __init__(self, id: int, code: int, why: str) -> None:
        super().__init__(why)
        self.id = id
        self.code = code
        self.why = why


def show(id: int) -> ResponseReturnValue:
    """One part of the message: text, HTML in a frame of its own, headers, attachments."""
    mail = _open(id)
    there = _parts(mail.opened)
    asked = request.args.get("part", "")
    part = asked if asked in there else there[0]
    if part != "html":  # whose frame says so itself
        _note(id, part)
    page = render("body.html", mail=mail, message=mail.row, parts=PARTS, there=there, part=part)
    page.headers["Content-Security-Policy"] = FRAMING
    return page


def html(id: int) -> ResponseReturnValue:
    """The HTML alone, under a policy that lets it do nothing."""
    mail = _open(id)
    _note(id, "html")
    page = make_response(mail.opened.shown)
    page.headers["Content-Security-Policy"] = MAIL_POLICY
    page.headers["Referrer-Policy"] = "no-referrer"
    page.headers["X-DNS-Prefetch-Control"] = "off"
    return page


def source(id: int) -> ResponseReturnValue:
    """The whole message as it goes to the server."""
    mail = _open(id)
    _note(id, "source")
    return _download(mail.opened.data, f"message-{id}.eml")


def attachment(id: int, number: int) -> ResponseReturnValue:
    """One attachment, to be saved and not to be opened here."""
    files = _open(id).opened.files
    if not 0 < number <= len(files):
        raise Closed(id, 404, f"It has no attachment {number}.")
    file = files[number - 1]
    _note(id, "attachment", file=file.name)
    return _download(file.data, file.name)


def closed(reason: Closed) -> ResponseReturnValue:
    """Answer why there is nothing to be seen."""
    template = "closed.html" if reason.why else "missing.html"
    return render(template, reason.code, id=reason.id, why=reason.why)


def _open(id: int) -> Mail:
    site = current_site()
    row = site.outbox.message(id)
    if row is None:
        raise Closed(id, 404, "")
    if row.sensitive:
        why = "This message is sensitive: what it says is shown to nobody."
        raise Closed(id, 403, why)
    try:
        data = site.content(row)
    except SecretUnreadable:
        raise Closed(id, 503, "The key that it was encrypted with is not here.") from None
    if data is None:
        why = "What it said is gone: dropped when it was sent, unless the site keeps it."
        raise Closed(id, 404, why)
    return Mail(row, Opened(data))


def _parts(mail: Opened) -> list[str]:
    there = {"text": mail.text, "html": mail.html, "headers": True, "files": mail.files}
    return [name for name, value in there.items() if value]


def _note(id: int, part: str, **detail: str) -> None:
    """Nothing is read unseen: without the note there is no answer."""
    audit.note_first("body.read", str(id), part=part, **detail)


def _download(data: bytes, name: str) -> Response:
    return send_file(BytesIO(data), DOWNLOAD, as_attachment=True, download_name=name, max_age=0)
