"""The list of messages: tabs, a search, pages both ways, the commonest errors. No bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask import request, url_for

from ..outbox import KEYS, PARTIAL, STATUSES, Place, Search, SearchError, read_search
from .causes import Cause, causes_of, common_cause
from .pages import is_fragment, render
from .sites import current_site
from .told import take_told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response
    from flask.typing import ResponseReturnValue

    from ..outbox import Count, Page

PER_PAGE = 50
CAUSED = ("failed", "deferred")


class Tab(NamedTuple):
    """One tab: all messages, or those of one status, of what is searched for."""

    status: str
    number: Count | None
    href: str
    current: bool


def index() -> ResponseReturnValue:
    """A page of messages that fit the search, or the search with what is wrong with it."""
    typed = request.args.get("q", "")
    try:
        search = read_search(typed)
    except SearchError as error:
        return _answer(typed, Search(), None, 422, problem=str(error))
    outbox = current_site().outbox
    page = outbox.page(search, after=_place("after"), before=_place("before"), limit=PER_PAGE)
    return _answer(typed, search, page)


def address(typed: str, **place: Place | None) -> str:
    """The address of a page of the list."""
    named = {name: str(at) for name, at in place.items() if at is not None}
    return url_for("plato_email.messages", _external=False, q=typed or None, **named)


def _answer(
    typed: str, search: Search, page: Page | None, code: int = 200, problem: str = ""
) -> Response:
    return render(
        "_messages.html" if is_fragment() else "messages.html",
        code,
        typed=typed,
        search=search,
        page=page,
        missed=current_site().outbox.missed(page.messages if page else ()),
        problem=problem,
        tabs=_tabs(search, current_site().outbox.counts(), found=page is not None),
        causes=_causes(search),
        cause=common_cause(current_site(), search, page.messages) if page else "",
        keys=KEYS,
        told=take_told(),
        places={name: request.args.get(name, "") for name in ("after", "before")},
        now=current_site().clock.now(),
        here=request.full_path.rstrip("?"),
        newer=address(typed, before=page.newer) if page and page.newer else "",
        older=address(typed, after=page.older) if page and page.older else "",
        first=address(typed),
    )


def _tabs(search: Search, counts: Mapping[str, Count], *, found: bool) -> list[Tab]:
    rest, asked = search.without("status"), search.status
    current = asked.value if asked else ""
    tabs = [Tab("", None, address(rest), found and not current and rest == search.text)]
    for status in STATUSES:
        href = address(f"status:{status} {rest}".strip())
        # Rare, so that it has a tab only where there is any.
        if status != PARTIAL or counts[status].number or status == current:
            tabs.append(Tab(status, counts[status], href, status == current))
    return tabs


def _causes(search: Search) -> list[Cause]:
    """What failed messages failed of, or deferred ones wait for, where they are looked at."""
    asked = search.status
    if asked is None or asked.value not in CAUSED or search.without("status"):
        return []
    return causes_of(current_site(), asked.value)


def _place(name: str) -> Place | None:
    return Place.read(request.args.get(name, ""))
