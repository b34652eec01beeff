"""What keeps the site safe: a strict policy on every page, safe redirects, sign-in checks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import SecurityError
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.exceptions import HTTPException

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)


def init_app(app: Flask) -> None:
    """Put the policy on every answer and give errors a page of the site."""
    app.after_request(_set_headers)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(SecurityError, _foreign_host)
    for code in (400, 403, 404, 500):
        app.register_error_handler(code, _error_page)


def is_local(target: str) -> bool:
    """Whether ``target`` stays on this site.

    Browsers read ``//host``, ``/\\host`` and a path with a tab or line break in front of its
    second slash as another site.
    """
    if not target.startswith("/") or target.startswith(("//", "/\\")):
        return False
    if any(character < " " or character in "\\\x7f" for character in target):
        return False
    parts = urlsplit(target)
    return not parts.scheme and not parts.netloc


def go_to(target: str) -> Response:
    """Redirect; a request made by htmx gets a whole new page instead of one inside a page."""
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": target})
    return redirect(target, code=303)


def require_sign_in() -> Response | None:
    """For ``before_request`` of the pages that need somebody."""
    if current_user.is_authenticated:
        return None
    return go_to(url_for("accounts.sign_in", next=wanted(url_for("board.home"))))


def wanted(otherwise: str) -> str:
    """Where to go after the sign-in: to the page that was asked for, if one was."""
    return request.full_path.removesuffix("?") if request.method == "GET" else otherwise


def require_admin() -> Response | None:
    """For ``before_request`` of the administrators' pages."""
    refused = require_sign_in()
    if refused is None and not current_user.is_admin:
        abort(403)
    return refused


def _set_headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if "Cookie" in response.headers.get("Vary", ""):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _stale_form(error: CSRFError) -> tuple[str, int]:
    return render_template(
        "error.html",
        title="Please send that again",
        text=f"{error.description} Go back, load the page anew and try once more.",
    ), 400


def _foreign_host(_error: SecurityError) -> Response:
    # No page of ours: its links would be made from that very name.
    text = "This site does not have that name. PLATO_DEMO_HOSTS may hold more names, with commas."
    return Response(text, status=400)


def _error_page(error: HTTPException) -> tuple[str, int]:
    return render_template(
        "error.html", title=error.name, text=error.description
    ), error.code or 500
