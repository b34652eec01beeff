"""The pages, as one table: which address, which view, and what one must be allowed to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask import Blueprint
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError

from ..database import in_haste
from ..errors import KeyRingError
from . import (
    audit,
    bodies,
    health,
    mending,
    message,
    messages,
    queue,
    sender_domain,
    settings,
    steering,
    test_messages,
    trouble,
    undeleting,
)
from .banner import banner_for_host
from .gate import Gate
from .security import harden

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

    from ..site import Site


class Route(NamedTuple):
    """One row of the table."""

    method: str
    rule: str
    endpoint: str
    view: Callable[..., ResponseReturnValue]
    action: str
    """What ``authorize`` is asked for before anything else happens."""
    also: str = ""
    """What it is asked for, too."""


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "index", settings.index, "view"),
    Route("GET", "/settings", "settings", settings.show, "view"),
    Route("POST", "/settings", "save_settings", settings.save, "edit_settings"),
    Route("POST", "/settings/filled", "fill_settings", settings.fill, "edit_settings"),
    Route("GET", "/provider", "provider", sender_domain.show_provider, "edit_settings"),
    Route("GET", "/sender-domain", "sender_domain", sender_domain.show, "send_test"),
    Route("POST", "/test-messages", "test_messages", test_messages.create, "send_test"),
    Route("GET", "/test-messages/<token>", "test_message", test_messages.show, "send_test"),
    Route("GET", "/queue", "queue", queue.show, "view"),
    Route("GET", "/messages", "messages", messages.index, "view"),
    Route("POST", "/messages", "steer", steering.steer, "manage_queue"),
    Route("POST", "/messages/undeleted", "undelete", undeleting.undelete, "manage_queue"),
    Route("GET", "/messages/<int:id>", "message", message.show, "view"),
    Route(
        "POST",
        "/messages/<int:id>/recipient",
        "readdress",
        mending.readdress,
        "manage_queue",
        # The text reaches somebody else, who may be whoever presses the button.
        also="view_body",
    ),
    Route("POST", "/messages/<int:id>/copies", "resend", mending.resend, "manage_queue"),
    Route("GET", "/messages/<int:id>/body", "body", bodies.show, "view_body"),
    Route("GET", "/messages/<int:id>/body.html", "body_html", bodies.html, "view_body"),
    Route("GET", "/messages/<int:id>/message.eml", "source", bodies.source, "view_body"),
    Route(
        "GET",
        "/messages/<int:id>/attachments/<int:number>",
        "attachment",
        bodies.attachment,
        "view_body",
    ),
    Route("GET", "/audit", "audit", audit.index, "edit_settings"),
    Route("GET", "/health", "health", health.show, "view"),
)


def make_blueprint(site: Site) -> Blueprint:
    """Return the blueprint ``plato_email`` of one app."""
    blueprint = Blueprint(
        "plato_email",
        "plato_email",
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
        url_prefix=site.config["URL_PREFIX"],
    )
    for route in ROUTES:
        blueprint.add_url_rule(
            route.rule,
            route.endpoint,
            in_haste()(route.view),
            methods=[route.method],
            strict_slashes=False,
        )
    actions = {
        f"{blueprint.name}.{route.endpoint}": tuple(filter(None, (route.action, route.also)))
        for route in ROUTES
    }
    gate = Gate(site, actions)
    blueprint.before_request(gate.refusal)
    blueprint.register_error_handler(CSRFError, gate.refused_by_host)
    blueprint.register_error_handler(bodies.Closed, bodies.closed)
    blueprint.register_error_handler(SQLAlchemyError, trouble.database_refused)
    blueprint.register_error_handler(KeyRingError, trouble.keys_unusable)
    blueprint.after_request(harden)
    blueprint.add_app_template_global(banner_for_host, "plato_email_banner")
    return blueprint
