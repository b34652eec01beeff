"""The pages, as one table: which address, which view, and what one must be allowed to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask import Blueprint
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError

from ..errors import KeyRingError
from . import health, messages, queue, settings, test_messages, trouble
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


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "index", settings.index, "view"),
    Route("GET", "/settings", "settings", settings.show, "view"),
    Route("POST", "/settings", "save_settings", settings.save, "edit_settings"),
    Route("POST", "/test-messages", "test_messages", test_messages.create, "send_test"),
    Route("GET", "/queue", "queue", queue.show, "view"),
    Route("GET", "/messages", "messages", messages.index, "view"),
    Route("GET", "/messages/<int:id>", "message", messages.show, "view"),
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
            route.rule, route.endpoint, route.view, methods=[route.method], strict_slashes=False
        )
    actions = {f"{blueprint.name}.{route.endpoint}": route.action for route in ROUTES}
    gate = Gate(site, actions)
    blueprint.before_request(gate.refusal)
    blueprint.register_error_handler(CSRFError, gate.refused_by_host)
    blueprint.register_error_handler(SQLAlchemyError, trouble.database_refused)
    blueprint.register_error_handler(KeyRingError, trouble.keys_unusable)
    blueprint.after_request(harden)
    blueprint.add_app_template_global(banner_for_host, "plato_email_banner")
    return blueprint
