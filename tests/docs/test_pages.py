"""The pages say what is so: keys, commands, names, links, numbers, programs that compile."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import click
import pytest

import plato_email
from plato_email import Message, QueuedMessage
from plato_email.cli import email_commands
from plato_email.config import OPTIONS
from plato_email.delivery import PAUSES, SLICE, backoff
from plato_email.delivery.courier import ALIKE
from plato_email.delivery.crew import LOGIN_PAUSES, MAILS_WORTH_A_CONNECTION, SLICE_SECONDS
from plato_email.delivery.judge import FIRST_KEY_RETRY, FIRST_RETRY, LONGEST_KEY_RETRY
from plato_email.delivery.rounds import CONNECTION_IDLE, CONNECTION_MAILS, PROVEN
from plato_email.encryption import KeyRing
from plato_email.errors import Cause, Stage, Verdict
from plato_email.lifecycle import GRACE
from plato_email.outbox import LEASE
from plato_email.outbox.claiming import TAKES_KEPT, UNKNOWN_RETRY
from plato_email.sender_domain.dkim import WEAKEST_BITS
from plato_email.sender_domain.inspector import MOST_A_MINUTE, REMEMBERED, REMEMBERED_FAILING
from plato_email.sender_domain.lookup import SECONDS
from plato_email.sender_domain.spf import MOST_LOOKUPS
from plato_email.status import Condition
from plato_email.testing import capture_messages, deliver_due
from plato_email.views import ROUTES
from tests.support.documents import DOCS, PAGES, ROOT, anchors, blocks, links, name, read

each_page = pytest.mark.parametrize("page", PAGES, ids=name)


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link to a file finds it, and its anchor is a heading there."""
    broken = []
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached() -> None:
    """The index leads to every page of the documentation."""
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "index.md")}
    pages = {page for page in PAGES if page.is_relative_to(DOCS)} - {DOCS / "index.md"}
    assert pages - linked == set()


@each_page
def test_every_key_that_is_named_exists(page: Path) -> None:
    """No page speaks of a PLATO_EMAIL_ key that there is none of."""
    known = {option.key for option in OPTIONS}
    named = set(re.findall(r"PLATO_EMAIL_[A-Z][A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))
    assert named - known == set()


def test_every_key_is_documented() -> None:
    """The reference has a row for each key."""
    text = read("docs/reference/configuration.md")
    assert [option.key for option in OPTIONS if f"| `{option.key}` |" not in text] == []


@each_page
def test_every_command_that_is_named_exists(page: Path) -> None:
    """Whatever stands behind "flask email" is a command, down to its subcommand."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"flask(?: --app \w+)? email ([a-z-]+)(?: ([a-z]+)\b)?", text)
    assert [words for words in named if not _is_command(*words)] == []


def _is_command(first: str, second: str) -> bool:
    command = email_commands.commands.get(first)
    if isinstance(command, click.Group):
        return not second or second in command.commands
    return command is not None


@each_page
def test_python_compiles(page: Path) -> None:
    """Every Python example is Python."""
    for number, code in enumerate(blocks(page.read_text(encoding="utf-8"), "python"), 1):
        compile(code, f"{page.name} example {number}", "exec")


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current() -> None:
    """The reference pages are what docs/generate.py would write now."""
    pages = _script("generate").pages()
    stale = [name(path) for path, text in pages.items() if path.read_text("utf-8") != text]
    assert stale == [], "run: make docs"


def test_every_picture_can_be_taken_again() -> None:
    """docs/pictures.py knows each picture that a page shows, and takes none that no page shows."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = set(re.findall(r"images/([a-z-]+)\.png", text))
    assert shown == set(_script("pictures").PICTURES)
    assert shown == {each.stem for each in (DOCS / "images").iterdir()}


def test_the_api_page_names_everything_public() -> None:
    """Every public name, argument of a message, stage, verdict and endpoint is on the API page."""
    text = read("docs/reference/api.md")
    wanted = [*plato_email.__all__, *Stage, *Verdict]
    wanted += list(inspect.signature(Message).parameters)
    wanted += [each.name for each in fields(QueuedMessage)]
    wanted += [f"{each.__name__}(app)" for each in (capture_messages, deliver_due)]
    wanted += [f"plato_email.{route.endpoint}` | `{route.action}" for route in ROUTES]
    assert [each for each in wanted if not re.search(rf"\b{re.escape(each)}(?!\w)", text)] == []


def test_the_actions_are_those_that_are_asked_for() -> None:
    """The README's table says of each action whether a page asks for it."""
    rows = re.findall(r"^\| (`.+?`) \| (.+) \|$", read("README.md"), re.MULTILINE)
    assert {route.action for route in ROUTES} <= {action.strip("`") for action, _ in rows}


def test_the_errors_are_a_tree() -> None:
    """The tree of errors on the API page is the one in the code."""
    tree = next(each for each in blocks(read("docs/reference/api.md"), "") if "├" in each)
    shown = set(re.findall(r"\w+Error\b|SettingsConflict|SecretUnreadable", tree))
    errors = {
        each
        for each in plato_email.__all__
        if isinstance(found := getattr(plato_email, each), type)
        and issubclass(found, plato_email.PlatoEmailError)
    }
    assert shown - {"ValueError"} == errors


def test_waits_are_those_of_the_code() -> None:
    """The waiting times in the guarantees are the ones that senders keep."""
    text = " ".join(read("docs/explanation/delivery-guarantees.md").split())
    minutes = [backoff(n, 30, spread=1.0) / 60 for n in range(1, 6)]
    assert minutes == [1, 4, 16, 64, 240]
    assert "1 minute, then 4 minutes, 16 minutes, 64 minutes, and from then on 4 hours" in text
    assert PAUSES == {
        Verdict.SERVER: (1, 900),
        Verdict.SETUP: (60, 3600),
        Verdict.QUOTA: (3600, 14400),
    }
    for words in ("1 second at first", "up to 15 minutes", "1 minute up to 1 hour"):
        assert words in text
    assert LOGIN_PAUSES[Cause.LOGIN_TOO_OFTEN] == (300, 3600)
    assert "After too many logins it is 5 minutes up to 1 hour" in text
    assert LOGIN_PAUSES[Cause.LOGIN_UNAVAILABLE] == LOGIN_PAUSES[Cause.LOGIN_LOST] == (15, 900)
    assert "15 seconds up to 15 minutes" in text
    assert (ALIKE, PROVEN) == (10, 300)
    assert "ten different messages in a row" in text
    assert "in the last five minutes" in text
    assert "1 hour up to 4 hours" in text
    assert LEASE == 60
    assert "lease of 60 seconds" in text
    assert FIRST_RETRY == UNKNOWN_RETRY == 60
    assert (FIRST_KEY_RETRY, LONGEST_KEY_RETRY) == (900, 3600)
    assert "puts it back for a minute" in text
    assert "looked at again after 15 minutes, later every hour, no attempt charged" in text
    assert TAKES_KEPT == 3600
    assert "remembered for an hour" in text
    assert SLICE_SECONDS == 5
    assert "every five seconds" in text
    assert GRACE == 5
    assert "a web process for five seconds" in text


def test_the_numbers_of_the_connections_are_those_of_the_code() -> None:
    """What the decision says of slices and connections is what senders do."""
    text = " ".join(read("docs/decisions/0011-connections-and-group-commit.md").split())
    assert (SLICE, MAILS_WORTH_A_CONNECTION) == (50, 3)
    assert "up to 50 messages for each" in text
    assert "one connection for every three" in text
    assert (CONNECTION_MAILS, CONNECTION_IDLE) == (100, 60)
    assert "after 100 mails or a minute" in text


def test_the_numbers_of_the_lookups_are_those_of_the_code() -> None:
    """What the pages say of the look-ups in DNS is what the process keeps to."""
    text = " ".join(read("docs/how-to/make-your-mail-arrive.md").split())
    assert SECONDS == 4.5
    assert "for 4.5 seconds at most" in text
    assert "4.5 seconds at most" in " ".join(
        read("docs/decisions/0013-judging-the-senders-domain.md").split()
    )
    assert (REMEMBERED, REMEMBERED_FAILING, MOST_A_MINUTE) == (300, 30, 30)
    assert "kept for five minutes, failures for half a minute" in text
    assert "30 domains a minute" in text
    assert WEAKEST_BITS == 1024
    assert "Below 1,024 receivers take none" in text
    assert MOST_LOOKUPS == 10
    assert "ten look-ups at most" in text


def test_style_properties_and_states_exist() -> None:
    """The page on looks names the stylesheet's properties, all of them, and the banner's states."""
    text = read("docs/how-to/customise-look.md")
    css = read("plato_email/static/plato_email.css")
    defined = set(re.findall(r"^\s+(--pe-[a-z-]+):", css.split("}")[0], re.MULTILINE))
    assert set(re.findall(r"`(--pe-[a-z-]+)`", text)) == defined
    assert [state for state in Condition if f"`{state}`" not in text] == []


def test_the_policy_is_the_one_that_is_sent() -> None:
    """The Content Security Policy on the page is the header, word for word."""
    from plato_email.views.security import CONTENT_SECURITY_POLICY

    text = " ".join(read("docs/explanation/security.md").split())
    assert CONTENT_SECURITY_POLICY in text


def test_the_key_that_the_page_makes_can_be_used() -> None:
    """What the command prints is a value for PLATO_EMAIL_KEYS."""
    (words,) = re.findall(
        r"^    python (-m plato_email\..+)$", read("docs/how-to/deploy.md"), re.MULTILINE
    )
    made = subprocess.run(
        [sys.executable, *words.split()], cwd=ROOT, text=True, capture_output=True, check=True
    )
    assert made.stderr == ""
    assert len(KeyRing.parse(made.stdout).ids) == 1


def test_no_page_names_a_machine() -> None:
    """No page holds a path of the machine that it was written on."""
    for page in PAGES:
        assert str(ROOT) not in page.read_text(encoding="utf-8")
