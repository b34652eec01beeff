"""A mail that tries everything, looked at in a real browser, does nothing."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import Watched
from tests.support.serving_thread import Served
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.sites import Host

pytestmark = pytest.mark.browser

HOSTILE = """
<html><head>
<meta http-equiv="refresh" content="0;url=http://{trap}/refresh">
<base href="http://{trap}/">
<link rel="stylesheet" href="http://{trap}/style.css">
<link rel="preconnect" href="http://{trap}">
<style>@import url(http://{trap}/import.css); body { background: url(http://{trap}/b.png) }
</style>
</head><body onload="parent.document.title = 'owned'">
<script>parent.document.title = 'owned'; fetch('http://{trap}/fetch')</script>
<img src="http://{trap}/pixel.png" onerror="parent.document.title = 'owned'">
<img src="pixel2.png"><svg onload="parent.document.title='owned'"></svg>
<iframe src="http://{trap}/frame"></iframe><object data="http://{trap}/object"></object>
<video src="http://{trap}/v.mp4" poster="http://{trap}/p.png" autoplay></video>
<p hx-get="http://{trap}/hx" hx-trigger="load">read me</p>
<form action="http://{trap}/form" id="f"><input name="q" value="1"><button>Press</button></form>
<a href="http://{trap}/link" target="_top">Click</a>
<a href="javascript:parent.document.title='owned'">Script</a>
</body></html>
"""
TAGS = "</title><script>document.title='owned'</script><b hx-get='//{trap}' hx-trigger=load>x"


class Trap:
    """A port of this machine that counts who comes, even those who say nothing."""

    def __init__(self) -> None:
        self.visits = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        with suppress(OSError):
            while True:
                self._listener.accept()[0].close()
                self.visits += 1

    def close(self) -> None:
        """Let nobody in any more."""
        self._listener.close()


def test_mail_can_do_nothing(chromium: Browser, host: Host) -> None:
    """No connection, no script, no way out: in its frame, its text, its headers, and the list."""
    trap = Trap()
    tags, hostile = (each.replace("{trap}", trap.address) for each in (TAGS, HOSTILE))
    number = host.send(subject=tags, body=tags, html=hostile, recipients=['"<i>"@example.com'])
    context = chromium.new_context()
    with Served(host) as served:
        pages = f"{served.url}/admin/email/messages"
        watched = Watched(context.new_page())
        page = watched.page
        page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        for path in ("", f"/{number}", f"/{number}/body", f"/{number}/body?part=headers"):
            page.goto(f"{pages}{path}")
            assert "owned" not in page.title()
            assert page.locator("main i, main script, main [hx-trigger=load]").count() == 0
        # Our own pages, with all of that in them, broke nothing.
        assert watched.troubles == []
        page.goto(f"{pages}/{number}/body?part=html")
        frame = page.frame_locator("iframe")
        expect(frame.get_by_text("read me")).to_be_visible()
        frame.get_by_role("button", name="Press").click()
        frame.get_by_role("link", name="Click").click()
        page.wait_for_load_state("networkidle")
        assert "owned" not in page.title()
        assert page.url.endswith("body?part=html")
        page.goto(f"{pages}/{number}/body.html")
        page.wait_for_load_state("networkidle")
        assert page.title() != "owned"
    context.close()
    assert trap.visits == 0
    # The trap works: whoever comes is counted.
    socket.create_connection(("127.0.0.1", int(trap.address.rpartition(":")[2]))).close()
    until(lambda: trap.visits == 1)
    trap.close()
