"""The mailbox page: what the catcher caught, for administrators, since it holds recovery links."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, current_app, redirect, render_template, url_for
from flask import request as current_request

from . import guard
from .catcher import MOODS, CaughtMail, Mailbox

if TYPE_CHECKING:
    from email.message import EmailMessage, MIMEPart

    from werkzeug.wrappers import Response as BaseResponse

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")
blueprint.before_request(guard.require_admin)

# A mail is somebody else's page: no script, no request, nothing of this site's origin. Links
# open in a tab of their own.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@blueprint.get("/")
def mails() -> str:
    """List the mails; htmx asks for the list alone."""
    only_list = "HX-Request" in current_request.headers
    return render_template(
        "_mails.html" if only_list else "mailbox.html",
        mails=_mailbox().newest(),
        catcher=current_app.config.get("CATCHER"),
        moods=MOODS,
    )


@blueprint.post("/empty")
def empty() -> BaseResponse:
    """Drop every mail."""
    _mailbox().empty()
    return redirect(url_for(".mails"), code=303)


@blueprint.get("/<mail_id>")
def mail(mail_id: str) -> str:
    """Show one mail."""
    caught = _get_or_404(mail_id)
    return render_template(
        "mail.html",
        mail=caught,
        text=_body(caught.message, "plain"),
        html=_body(caught.message, "html") is not None,
        attachments=list(caught.message.iter_attachments()),
        sandbox=SANDBOX,
    )


@blueprint.get("/<mail_id>/html")
def html(mail_id: str) -> Response:
    """Return the HTML of a mail as a document that can do nothing, wherever it is opened."""
    message = _get_or_404(mail_id).message
    body = _body(message, "html")
    if body is None:
        abort(404)
    page = Response(f'<base target="_blank">{_with_pictures(body, message)}', mimetype="text/html")
    page.headers["Content-Security-Policy"] = MAIL_POLICY
    page.headers["Referrer-Policy"] = "no-referrer"
    return page


@blueprint.get("/<mail_id>/source")
def source(mail_id: str) -> Response:
    """Return the mail as it came."""
    raw = _get_or_404(mail_id).message.as_bytes()
    return Response(raw, content_type="text/plain; charset=utf-8")


@blueprint.get("/<mail_id>/attachments/<int:number>")
def attachment(mail_id: str, number: int) -> Response:
    """Return one attachment to be saved, never shown."""
    parts = list(_get_or_404(mail_id).message.iter_attachments())
    if number >= len(parts):
        abort(404)
    part = parts[number]
    response = Response(_bytes_of(part), content_type="application/octet-stream")
    response.headers.set(
        "Content-Disposition", "attachment", filename=part.get_filename() or f"part-{number + 1}"
    )
    return response


def _mailbox() -> Mailbox:
    return Mailbox(current_app.config["MAILBOX"])


def _get_or_404(mail_id: str) -> CaughtMail:
    found = _mailbox().get(mail_id)
    if found is None:
        abort(404)
    return found


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except LookupError:
        return _bytes_of(part).decode("utf-8", "replace")


def _bytes_of(part: MIMEPart) -> bytes:
    if part.is_multipart():  # message/rfc822: a mail within the mail
        return b"".join(inner.as_bytes() for inner in part.iter_parts())
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _with_pictures(body: str, message: EmailMessage) -> str:
    """Put pictures that travel with the mail (``cid:``, RFC 2392) where the HTML asks for them."""

    def replace(match: re.Match[str]) -> str:
        part = pictures.get(match.group(1))
        if part is None:
            return match.group(0)
        data = base64.b64encode(_bytes_of(part)).decode()
        return f"data:{part.get_content_type()};base64,{data}"

    pictures = {
        str(part["Content-ID"]).strip("<> "): part
        for part in message.walk()
        if part["Content-ID"] and part.get_content_maintype() == "image"
    }
    return re.sub(r"cid:([^\"'\s>)]+)", replace, body)
