"""The sender's domain: whose mail it is, and what receivers will look up about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from flask import redirect, request, url_for

from ..filling import carried
from ..message import parse_address
from ..providers import PROVIDERS, by_domain, by_host
from ..settings import clean_host
from ..settings.pasted import without_login
from .pages import is_fragment, render
from .security import ask as may
from .sites import current_site

if TYPE_CHECKING:
    from collections.abc import Collection

    from flask import Response
    from flask.typing import ResponseReturnValue

    from ..providers import Provider

REGION = "us-east-1"
"""Where a provider has a server in each region, the one that its preset names."""
BUSY = "Too many domains were looked up in the last minute. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Offer:
    """What the settings page says of the provider behind a sender or a server."""

    domain: str
    provider: Provider | None = None
    words: str = ""
    """What to say where there is no provider."""
    is_used: bool = False
    """Whether the form names the provider's server already."""
    use: str = ""
    """What the button fills in; "" where there is none."""


class Preset(NamedTuple):
    """One provider to pick from the list."""

    name: str
    use: str
    """What its button fills in."""


def presets(sender: str) -> list[Preset]:
    """Return every provider that a site can log in to, with what it fills in for ``sender``."""
    _, address = _parts(sender)
    found = []
    for each in PROVIDERS:
        placed = each.in_region(REGION)
        name = each.name if placed == each else f"{each.name} ({REGION})"
        if each.takes_passwords:
            found.append(Preset(name, carried(placed.settings_for(address))))
    return found


def show_provider() -> ResponseReturnValue:
    """The offer for the sender that is being typed: a part of the settings page."""
    if not is_fragment():
        return redirect(url_for("plato_email.settings"), 303)
    pinned = current_site().load_settings().pinned
    asked = request.args
    offer = make_offer(asked.get("default_sender", ""), asked.get("host", ""), pinned, ask=True)
    return render("_provider.html", offer=offer)


def make_offer(
    sender: str, host: str, pinned: Collection[str], *, ask: bool = False
) -> Offer | None:
    """Return what is to be said of the provider, or ``None`` where there is nothing to say.

    ``ask`` looks the domain up in DNS where its name alone does not tell.
    """
    server = _host(host)
    domain, address = _parts(sender)
    used = by_host(server)
    if used is not None:
        return Offer(domain, used, is_used=True)
    if not domain or (server and not ask):
        return None
    if not ask:
        return _offered(domain, address, by_domain(domain), pinned)
    return _asked(domain, address, pinned)


def _asked(domain: str, address: str, pinned: Collection[str]) -> Offer:
    from ..sender_domain import LookupFailed, TooManyLookups

    try:
        provider = current_site().inspector.provider(domain)
    except LookupFailed as failed:
        words = f"Whose mail {domain} is could not be looked up: {failed}."
        return Offer(domain, words=words)
    except TooManyLookups:
        return Offer(domain, words=BUSY)
    return _offered(domain, address, provider, pinned) or Offer(
        domain,
        words=f"Nothing is known here of who runs the mail of {domain}. Whoever does can "
        "tell you the server, its port, and how to log in.",
    )


def _offered(
    domain: str, address: str, provider: Provider | None, pinned: Collection[str]
) -> Offer | None:
    if provider is None:
        return None
    usable = provider.takes_passwords and "host" not in pinned
    use = carried(provider.settings_for(address)) if usable else ""
    return Offer(domain, provider, use=use)


def show() -> ResponseReturnValue:
    """SPF, DKIM, DMARC and MX of a sender's domain: what is stored, unless others are named."""
    from ..sender_domain import TooManyLookups

    settings = current_site().load_settings().settings
    # Other names only from who could save them: an answer may tell the addresses of inner hosts.
    named = request.args if may(current_site(), "edit_settings") is True else {}
    sender = without_login(named.get("default_sender", settings.default_sender))
    host = _host(named.get("host", settings.host))
    domain, _ = _parts(sender)
    if not domain:
        return _page(sender, host, problem="Type the Default Sender, an address with a domain.")
    try:
        report = current_site().inspector.report(domain, host, fresh="fresh" in request.args)
    except TooManyLookups:
        return _page(sender, host, 429, problem=BUSY)
    return _page(sender, host, report=report)


def _page(sender: str, host: str, code: int = 200, **context: object) -> Response:
    template = "_sender_domain.html" if is_fragment() else "sender_domain.html"
    return render(template, code, **{"sender": sender, "host": host, **context})


def _parts(sender: str) -> tuple[str, str]:
    """Return the domain and the bare address of a sender, "" for what is no address."""
    try:
        address = parse_address(sender.strip())
    except ValueError:
        return "", ""
    return address.domain, address.addr_spec


def _host(typed: str) -> str:
    try:
        return clean_host(typed)[0]
    except ValueError:
        return ""
