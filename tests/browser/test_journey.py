"""What a person does on the demo site, in a real browser."""

from __future__ import annotations

import re
import time
from email.message import EmailMessage
from smtplib import SMTP
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, set_up, write_on_board

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.demo_site import DemoSite

pytestmark = pytest.mark.browser

# The default interval is 30 seconds: what comes sooner than this did not wait for it.
SOON = 10_000


def sent_count(page: Page) -> int:
    return int(page.locator("[data-stat=sent]").inner_text())


def test_first_run_ends_with_a_mail_in_the_mailbox(
    fresh_site: DemoSite, open_page: OpenPage
) -> None:
    """A new administrator signs in, sets up the server, tests it and reads the mail."""
    watched = open_page(fresh_site, signed_in=False)
    page = watched.page
    page.goto("/admin/email/")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill("only-for-this-test")
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Email Settings")).to_be_visible()
    expect(page.locator("[data-plato-email-state=not-configured]")).to_be_visible()
    watched.keep_picture("settings-not-configured")

    set_up(watched, fresh_site)
    expect(page.locator("[data-plato-email-state=unverified]")).to_be_visible()
    watched.keep_picture("settings-saved")

    page.locator("[name=recipient]").fill("admin@grove.example")
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.locator("[data-outcome=sent]")).to_be_visible()
    expect(page.locator("[data-stage=accepted]")).to_have_attribute("data-verdict", "ok")
    expect(page.locator("[data-plato-email-state=verified]")).to_be_visible()
    watched.keep_picture("settings-tested")

    page.goto("/mailbox/")
    page.get_by_role("link", name="admin@grove.example").click()
    expect(page.locator("pre")).to_contain_text("If you can read it, outgoing email works.")
    watched.keep_picture("mailbox-test-mail")


def test_refused_test_mail_says_which_step_failed(site: DemoSite, open_page: OpenPage) -> None:
    """A recipient that the server refuses fails the recipient step and shows the server's words."""
    watched = open_page(site)
    page = watched.page
    page.goto("/admin/email/settings")
    page.locator("[name=recipient]").fill("nobody@grove.example")
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.locator("[data-outcome=failed]")).to_be_visible()
    refused = page.locator("[data-stage=recipient]")
    expect(refused).to_have_attribute("data-verdict", "failed")
    expect(refused).to_contain_text("Nobody has this address here")
    watched.keep_picture("settings-refused")


def test_mentions_and_recovery_do_not_wait_for_the_interval(
    site: DemoSite, open_page: OpenPage, record_property: Callable[[str, object], None]
) -> None:
    """Mail that a form queues shows on the open mailbox page well before the interval is over."""
    reader = open_page(site).page
    reader.goto("/mailbox/")
    watched = open_page(site)
    writer = watched.page
    since = time.monotonic()
    write_on_board(watched, "@hypatia, have you read this?")
    writer.goto("/recover")
    writer.get_by_label("Your mail address").fill("ada@grove.example")
    writer.get_by_role("button", name="Mail me a link").click()
    expect(writer.get_by_role("status").first).to_contain_text("on its way")
    mails = reader.locator("#mails")
    expect(mails).to_contain_text("to hypatia@grove.example", timeout=SOON)
    expect(mails).to_contain_text("Your new password for Grove", timeout=SOON)
    record_property("seconds_until_both_mails_showed", time.monotonic() - since)


def test_recovery_link_sets_a_new_password_once(site: DemoSite, open_page: OpenPage) -> None:
    """The link in the mail leads to a new password that signs in; used again, it does nothing."""
    visitor = open_page(site, signed_in=False).page
    visitor.goto("/recover")
    visitor.get_by_label("Your mail address").fill("emmy@grove.example")
    visitor.get_by_role("button", name="Mail me a link").click()
    reader = open_page(site).page
    reader.goto("/mailbox/")
    mail = reader.get_by_role("link").filter(has_text="Your new password")
    mail.filter(has_text="to emmy@grove.example").first.click(timeout=SOON)
    link = reader.locator("pre a").get_attribute("href") or ""
    visitor.goto(link)
    visitor.get_by_label("New password").fill("symmetry-1918")
    visitor.get_by_role("button", name="Change it").click()
    visitor.get_by_label("Name").fill("emmy")
    visitor.get_by_label("Password").fill("symmetry-1918")
    visitor.locator("main").get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("button", name="Sign out emmy")).to_be_visible()
    visitor.goto(link)
    expect(visitor.get_by_role("alert")).to_contain_text("used before")


def test_statistics_follow_by_themselves(site: DemoSite, open_page: OpenPage) -> None:
    """The numbers of an open settings page rise when mail goes out, without a reload."""
    watcher = open_page(site).page
    watcher.goto("/admin/email/settings")
    before = sent_count(watcher)
    write_on_board(open_page(site), "@ada @emmy, the numbers move.")
    expect(watcher.locator("[data-stat=sent]")).to_have_text(str(before + 2), timeout=25_000)


def test_attachment_arrives_byte_for_byte(site: DemoSite, open_page: OpenPage) -> None:
    """The board that the administrator asks for comes as a table that can be saved."""
    page = open_page(site).page
    page.goto("/admin/")
    to = page.get_by_label("To", exact=True)
    mine = to.input_value()
    to.fill("no address")
    page.get_by_role("button", name="Mail the board").click()
    expect(to).to_have_value("no address")
    to.fill(mine)
    page.get_by_role("button", name="Mail the board").click()
    page.goto("/mailbox/")
    page.get_by_role("link", name="A copy of the board").first.click(timeout=SOON)
    with page.expect_download() as download:
        page.get_by_role("link", name="board.csv").click()
    rows = download.value.path().read_bytes().splitlines()
    assert rows[0] == b"when,who,text"


def test_settings_work_without_javascript(fresh_site: DemoSite, open_page: OpenPage) -> None:
    """With scripts off, a test mail is a plain form post and the same result is on the page."""
    page = open_page(fresh_site, java_script_enabled=False).page
    page.goto("/admin/email/settings")
    page.locator("[name=host]").fill(fresh_site.smtp_host)
    page.locator("[name=port]").fill(str(fresh_site.smtp_port))
    page.locator("[name=recipient]").fill("hypatia@grove.example")
    page.get_by_role("button", name="Send Test Email").click()
    expect(page.locator("[data-outcome=sent]")).to_be_visible()
    expect(page.locator("[data-stage=accepted]")).to_have_attribute("data-verdict", "ok")


def test_member_without_rights_gets_no_page(site: DemoSite, open_page: OpenPage) -> None:
    """Somebody who is signed in and no administrator is refused, and sees no banner."""
    page = open_page(site, signed_in=False).page
    page.goto("/sign-in?next=//elsewhere.example/")
    page.get_by_label("Name").fill("hypatia")
    page.get_by_label("Password").fill("only-for-this-test")
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/")
    answer = page.goto("/admin/email/settings")
    assert answer is not None
    assert answer.status == 403


def test_hostile_mail_runs_nothing(site: DemoSite, open_page: OpenPage) -> None:
    """A mail with script, a remote picture and a form is shown without any of it happening."""
    hostile = EmailMessage()
    hostile["From"] = "mallory@grove.example"
    hostile["Subject"] = "<img src=x onerror=alert(1)>"
    hostile.set_content("<script>alert(1)</script>")
    hostile.add_alternative(
        '<p>shown</p><script>parent.document.title = "taken"</script>'
        '<img src="/mailbox/?tracked"><meta http-equiv="refresh" content="0;url=/sign-in">'
        '<form action="/sign-out" method="post"><button>Press</button></form>',
        subtype="html",
    )
    with SMTP(site.smtp_host, site.smtp_port) as smtp:
        smtp.send_message(hostile, to_addrs=["ada@grove.example"])
    watched = open_page(site)
    page = watched.page
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.goto("/mailbox/")
    page.get_by_role("link", name="onerror").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("shown")).to_be_visible()
    frame.get_by_role("button", name="Press").click()
    page.reload()
    expect(page.get_by_role("button", name="Sign out admin")).to_be_visible()
    assert [url for url in asked if "tracked" in url or "sign-" in url] == []
    # Chromium reports what the mail tried; on any other page that would be a trouble.
    assert watched.troubles
    watched.troubles.clear()
