"""Who may enter, where a request comes from, and what every answer carries."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import current_app, g, request
from flask_wtf.csrf import validate_csrf
from werkzeug.wrappers import Response
from wtforms import ValidationError

from .assets import is_current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response as FlaskResponse

    from ..site import Site

logger = logging.getLogger("plato_email")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
STATIC_ENDPOINT = "plato_email.static"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
FRAMING = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
"""The policy of a page that shows a mail in a frame."""
MAIL_POLICY = "; ".join(
    (
        "sandbox",
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)
"""The policy of a mail's own HTML: it may look like something, and do nothing."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: Flask-WTF compares the Referer of a form sent over HTTPS.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    # plato_email.js puts nothing into a page that does not carry this mark.
    "X-Plato-Email": "1",
}


def ask(site: Site, action: str) -> bool | Response:
    """Ask the host whether the person may do ``action``; every doubt is a no.

    Returns:
        ``True``, ``False``, or the response that the host wants to be given instead.
    """
    if site.authorize is None:
        logger.error(
            "Every page of plato_email answers 403: no authorize was given. "
            "Pass one: PlatoEmail().init_app(app, db, authorize=...)."
        )
        return False
    try:
        answer: object = site.authorize(action)
    except Exception:
        logger.exception("authorize(%r) failed; the page answers 403.", action)
        return False
    if isinstance(answer, Response) or answer is True:
        return answer
    if answer is not False:
        logger.error("authorize(%r) returned neither a bool nor a response.", action)
    return False


def csrf_field() -> str:
    """Return the name of the form field that carries the token; a host may have renamed it."""
    return str(current_app.config.get("WTF_CSRF_FIELD_NAME") or "csrf_token")


def is_forged() -> bool:
    """Tell whether a request that changes something lacks this session's token."""
    token = request.form.get(csrf_field()) or request.headers.get("X-CSRFToken")
    try:
        validate_csrf(token)
    except ValidationError as error:
        logger.info("%s %s was refused: %s", request.method, request.path, error)
        return True
    return False


def is_foreign() -> bool:
    """Tell whether the browser says that another site sent the request."""
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    # Host and port only: behind a proxy that ends TLS, Flask may see another scheme.
    if origin is None or _place(origin) == request.host:
        return False
    logger.warning(
        "%s %s was refused: it comes from %r, and this site is %r. If that is one site behind a "
        "proxy, let Flask know its name: werkzeug.middleware.proxy_fix.ProxyFix.",
        *(request.method, request.path, origin, request.host),
    )
    return True


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def harden(response: FlaskResponse) -> FlaskResponse:
    """Set the headers of every page; a static file is kept for ever, for its address changes."""
    if g.get("plato_email_host_answers"):
        return response
    if request.endpoint == STATIC_ENDPOINT:
        response.headers["X-Content-Type-Options"] = "nosniff"
        filename = (request.view_args or {}).get("filename", "")
        if response.status_code == 200 and is_current(filename, request.args.get("v")):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
    has_own_policy = "Content-Security-Policy" in response.headers
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Cache-Control"] = HEADERS["Cache-Control"]
    if response.status_code >= 500 or has_own_policy:
        del response.headers["X-Plato-Email"]
    response.vary.add("HX-Request")
    return response
