"""Take the pictures of docs/images anew: ``make pictures``, or with the names of some of them.

Each shows a page of a real site in a real browser, beside a real mail server of this machine.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from playwright.sync_api import Browser, FloatRect, Page, expect
from sqlalchemy import make_url

from tests.support.bad_day import bad_day
from tests.support.browser import find_chromium, launched
from tests.support.busy_day import busy_day
from tests.support.catcher import Catcher
from tests.support.certificates import Authority
from tests.support.dns_server import DnsServer
from tests.support.serving_thread import Served
from tests.support.sites import Host, hosted

IMAGES = Path(__file__).parent / "images"
SERVER = "mail.example.test"
PORT, CLOSED_PORT = 2587, 2525
SENDER, PASSWORD = "noreply@grove.example", "battery staple"
MARGIN = 20
"""Pixels around what is cut out of a page."""
TEST = (".pe-actions", "#pe-trial")
ZONE = """
shop.example.org.                    MX 10 aspmx.l.google.com.
shop.example.org.                    TXT "v=spf1 mx -all"
aspmx.l.google.com.                  A 192.0.2.1
_dmarc.shop.example.org.             TXT "v=DMARC1; p=reject"
google._domainkey.shop.example.org.  TXT "v=DKIM1; k=ed25519; \
p=Sz2O6jqffhtRzBDyZ+XXznbXJDfjpOp1qtdwetImuE4="
"""


@dataclass
class Studio:
    """A site that nobody has set up, with a browser before it."""

    host: Host
    url: str
    browser: Browser

    def open(self, path: str, width: int = 1180, height: int = 900) -> Page:
        """Open one of our pages."""
        page = self.browser.new_page(
            viewport={"width": width, "height": height}, color_scheme="light"
        )
        page.goto(f"{self.url}/admin/email{path}")
        return page


def settings(studio: Studio) -> Page:
    """Email Settings, once everything works."""
    page = _tested(studio, "sent")
    page.get_by_role("button", name="Save these settings").click()
    expect(page.get_by_text("Verified just now")).to_be_visible()
    page.reload()
    return page


def test_failed(studio: Studio) -> Page:
    """A wrong password."""
    return _tested(studio, "failed", password="Password")  # noqa: S106 - it is to be refused


def test_fix(studio: Studio) -> Page:
    """A wrong port, and the one that answers."""
    page = _tested(studio, "failed", port=CLOSED_PORT)
    expect(page.get_by_role("button", name="Use this")).to_be_visible()
    for between in (".pe-pick", ".pe-group:has(#pe-polling)", ".pe-group:has(#pe-who)"):
        page.locator(between).evaluate("each => { each.hidden = true; }")
    return page


def test_passed(studio: Studio) -> Page:
    """A test of what is not saved yet."""
    return _tested(studio, "sent")


def messages(studio: Studio) -> Page:
    """Two hundred failures of five causes."""
    with bad_day(studio.host):
        return studio.open("/messages?q=status:failed")


def message(studio: Studio) -> Page:
    """One message that failed, about to be mended."""
    with bad_day(studio.host, share=10):
        page = studio.open("/messages?q=status:failed+code:5.1.2", height=740)
        page.locator(".pe-what a").first.click()
        page.get_by_text("Send to another address").click()
        return page


def partial(studio: Studio) -> Page:
    """One message that one of three did not get."""
    refusals = {"bob@customers.example": "550 5.1.1 <bob@customers.example>: User unknown"}
    with Catcher(refusals=refusals) as server:
        studio.host.configure(server.port)
        people = [f"{name}@customers.example" for name in ("ann", "bob", "eve")]
        number = studio.host.send(subject="Minutes of the meeting", recipients=people)
        studio.host.rounds()
        page = studio.open(f"/messages/{number}", height=820)
        page.get_by_label("For bob@").fill("robert@customers.example")
        return page


def overview(studio: Studio) -> Page:
    """The middle of a backlog."""
    studio.host.configure(25, batch_size=100, poll_interval=30)
    busy_day(studio.host)
    return studio.open("/queue")


def sender_domain(studio: Studio) -> Page:
    """A record that refuses what the site would send."""
    asked = "default_sender=site%40shop.example.org&host=smtp.gmail.com"
    page = studio.open(f"/sender-domain?{asked}", height=820)
    expect(page.locator("[data-topic=spf]")).to_be_visible()
    return page


@dataclass(frozen=True)
class Picture:
    """How a picture is taken."""

    set_up: Callable[[Studio], Page]
    whole: bool = False
    """The whole page, and not only what a window shows of it."""
    cut_out: tuple[str, ...] = ()
    """Of the whole page what lies around these elements."""


PICTURES: Mapping[str, Picture] = {
    "settings": Picture(settings),
    "test-failed": Picture(test_failed, cut_out=TEST),
    "test-fix": Picture(test_fix, cut_out=(".pe-group:has(#pe-server)", *TEST)),
    "test-passed": Picture(test_passed, cut_out=TEST),
    "messages": Picture(messages),
    "message": Picture(message),
    "partial": Picture(partial),
    "overview": Picture(overview, whole=True),
    "sender-domain": Picture(sender_domain),
}


def _tested(studio: Studio, outcome: str, *, port: int = PORT, password: str = PASSWORD) -> Page:
    """Type everything into Email Settings and send a test mail."""
    studio.host.site.make_worker().report()
    page = studio.open("/settings", width=1080)
    page.get_by_label("Default Sender").fill(f"Grove <{SENDER}>")
    page.get_by_label("Server Address").fill(SERVER)
    page.get_by_label("Server Port").fill(str(port))
    page.get_by_label("Enable TLS / SSL").check()
    page.get_by_label("Requires authentication").check()
    page.get_by_label("Username").fill(SENDER)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Test recipient").fill("you@grove.example")
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.locator(f"#pe-trial[data-outcome={outcome}]:not([hx-get])")).to_be_visible()
    return page


@contextmanager
def _studio(browser: Browser, folder: Path) -> Iterator[Studio]:
    authority = Authority(folder)
    with (
        DnsServer(ZONE) as dns,
        Catcher(tls=authority.good, users={SENDER: PASSWORD}, login_required=True, at=PORT),
        hosted(
            make_url(f"sqlite:///{folder / 'site.db'}"),
            folder,
            PLATO_EMAIL_CA_FILE=authority.ca_file,
            PLATO_EMAIL_RESOLVER=f"{dns.address[0]}:{dns.port}",
        ) as host,
        Served(host) as served,
    ):
        host.site.trials.usual_ports = (PORT,)
        host.site.trials.catcher_ports = ()
        yield Studio(host, served.url, browser)


def _answer_for_the_server() -> None:
    """Let the name of the server lead to this machine, in this process."""
    known = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        return known("127.0.0.1" if host == SERVER else host, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def _around(page: Page, selectors: tuple[str, ...]) -> FloatRect:
    boxes = [box for each in selectors if (box := page.locator(each).bounding_box())]
    scrolled = page.evaluate("scrollY")
    left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
    right = max(box["x"] + box["width"] for box in boxes)
    bottom = max(box["y"] + box["height"] for box in boxes)
    return {
        "x": left - MARGIN,
        "y": top + scrolled - MARGIN,
        "width": right - left + 2 * MARGIN,
        "height": bottom - top + 2 * MARGIN,
    }


def _take(name: str, browser: Browser) -> None:
    picture = PICTURES[name]
    with (
        tempfile.TemporaryDirectory() as folder,
        _studio(browser, Path(folder)) as studio,
    ):
        page = picture.set_up(studio)
        clip = _around(page, picture.cut_out) if picture.cut_out else None
        whole = picture.whole or clip is not None
        # Hiding the caret would take a style that the pages' policy forbids.
        page.screenshot(path=IMAGES / f"{name}.png", full_page=whole, clip=clip, caret="initial")
        page.context.close()


def main(names: list[str]) -> None:
    """Take the pictures called ``names``, or all of them."""
    if unknown := set(names) - PICTURES.keys():
        sys.exit(f"No picture is called {', '.join(unknown)}. There are: {', '.join(PICTURES)}.")
    program = find_chromium()
    if program is None:
        sys.exit("No Chromium on the path. Install it, or set CHROMIUM to the program.")
    _answer_for_the_server()
    with launched(program) as browser:
        for name in names or PICTURES:
            _take(name, browser)


if __name__ == "__main__":
    main(sys.argv[1:])
