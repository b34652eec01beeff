"""What others write, in mail and in a server's words, is text on our pages and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browser import Watched
from tests.support.serving_thread import Served
from tests.support.smtp_servers import ScriptedServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support.sites import Host

pytestmark = pytest.mark.browser

HOSTILE = (
    '"><script>document.title="taken"</script>'
    '<img src="/tracked" onerror="document.title=1">'
    '<p hx-get="/tracked" hx-trigger="load">x</p>'
    '<meta http-equiv="refresh" content="0;url=/tracked">'
    '<form action="/tracked"><button>Press</button></form>'
)
PATHS = ("settings", "queue", "messages", "messages/1", "messages/2", "audit")
TAKEN = "[onerror], [hx-get='/tracked'], [src='/tracked'], [action='/tracked'], meta[http-equiv]"


def test_case_29_hostile_words_are_only_text(chromium: Browser, host: Host) -> None:
    """Subject, names, replies and errors full of markup: nothing runs, asks or goes elsewhere."""
    reply = HOSTILE.replace("\n", " ")
    with ScriptedServer({"RCPT": f"550 5.1.1 {reply}"}) as server:
        host.configure(server.port)
        mailbox = (HOSTILE, "to@example.com")
        host.send(subject=HOSTILE, recipients=[mailbox], html=HOSTILE, sender=(HOSTILE, "a@b.cc"))
        host.rounds()
    with ScriptedServer({"greeting": f"554 5.3.2 {reply}"}) as server:
        host.configure(server.port)
        host.send(subject=HOSTILE, body=HOSTILE)
        host.rounds()
        host.site.outbox.report("a" * 32, host.site.clock.now(), HOSTILE)
    assert sorted(host.states().values()) == ["failed", "queued"]
    with Served(host) as served:
        context = chromium.new_context()
        watched = Watched(context.new_page())
        asked = visit_all(watched.page, f"{served.url}/admin/email")
        context.close()
    assert [url for url in asked if "tracked" in url] == []
    # A violation of the policy would be among them.
    assert watched.troubles == []


def visit_all(page: Page, address: str) -> list[str]:
    """Open every page and look for what should be text; return all that the browser asked for."""
    asked: list[str] = []
    shown = ""
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(f"tracked by a dialog: {dialog.message}"))
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    for path in PATHS:
        page.goto(f"{address}/{path}")
        page.wait_for_load_state("networkidle")
        assert "taken" not in page.title()
        assert page.url == f"{address}/{path}"
        assert page.locator(TAKEN).count() == 0, path
        assert page.locator("script:not([src])").count() == 0, path
        shown += page.inner_text("body")
    # Else the test would pass on pages that show nothing of it.
    assert shown.count('<script>document.title="taken"</script>') >= 4
    return asked
