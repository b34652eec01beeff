"""The log in sentences: what was done, in the words that the pages have for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..audit import ACTIONS
from ..forms import BY_NAME
from ..trial.noted import BROKEN
from .bodies import PARTS

if TYPE_CHECKING:
    from ..audit import AuditEntry


class Told(NamedTuple):
    """One entry of the log: a sentence, in it the message that it links to, and the rest."""

    before: str
    subject: str
    message: int | None
    """The id of the message that ``subject`` names, where it names one."""
    after: str
    facts: Sequence[tuple[str, str]]
    """Label and value of what there is to say besides."""


SENTENCES: Mapping[str, str] = {
    "mode.changed": "Changed the mode to {}",
    "body.read": "Read {}",
    "message.retried": "Retried {}",
    "message.cancelled": "Cancelled {}",
    "message.restored": "Undid the cancellation of {}",
    "message.deleted": "Deleted {}",
    "message.undeleted": "Undid the deletion of {}",
    "message.readdressed": "Changed a recipient of {}",
    "message.redirected": "Sent {} on to another address",
    "queue.purged": "Purged {}",
}
"""Where the words of `ACTIONS` are not enough; ``{}`` is what it was done to."""
TESTS: Mapping[tuple[str, str], str] = {
    ("test.sent", "sent"): "Sent a test email",
    ("test.sent", "failed"): "Tried to send a test email: it failed",
    ("test.sent", BROKEN): "Tried to send a test email: the test was broken off",
    ("test.checked", "checked"): "Checked the connection: it works",
    ("test.checked", "failed"): "Checked the connection: it failed",
    ("test.checked", BROKEN): "Checked the connection: the check was broken off",
}
FACTS: Mapping[str, str] = {
    "fields": "Changed",
    "recipient": BY_NAME["recipient"].label,
    "server": "Server",
    "why": "Why",
    "before": "Mode before",
    "to": "To",
    "old": "Before",
    "new": "Now",
    "ids": "Messages",
    "count": "Messages",
    "search": "Search",
    "up_to": "Up to message",
    "states": "State",
    "days": "Days",
    "part": "Part",
    "file": "Name",
}
"""What each name of a detail is called."""
MODES = {name: label.partition(":")[0] for name, label in BY_NAME["mode"].choices}
READ = {**PARTS, "source": "Download .eml", "attachment": "Attachment"}
_ALL = {"all that match": "all messages that match", "all failed": "all failed messages"}


def told(entry: AuditEntry) -> Told:
    """Return what ``entry`` says; an action or a name that is not known stands as it is."""
    sentence = _sentence(entry)
    if entry.subject and "{}" not in sentence:
        sentence += " {}"
    before, _, after = sentence.partition("{}")
    facts = [(FACTS.get(name, name), _value(name, it)) for name, it in _detail(entry).items()]
    return Told(before, _subject(entry), _message(entry), after, facts)


def _sentence(entry: AuditEntry) -> str:
    outcome = str(entry.detail.get("outcome", ""))
    if entry.action == "mode.changed" and entry.detail.get("before") == entry.subject:
        return "Changed who gets mail in the mode {}"
    if entry.action == "message.resent":
        return f"Queued {{}} anew: the same as message {entry.detail.get('copy_of', '?')}"
    known = TESTS.get((entry.action, outcome)) or SENTENCES.get(entry.action)
    return known or ACTIONS.get(entry.action, entry.action)


def _subject(entry: AuditEntry) -> str:
    text = entry.subject
    if entry.action == "mode.changed":
        return MODES.get(text, text)
    if entry.action == "queue.purged":
        return f"{text} finished message{'' if text == '1' else 's'}"
    if _is_number(text):
        return f"message {text}"
    several = text and set(text) <= set("0123456789, ")
    return _ALL.get(text, f"messages {text}" if several else text)


def _message(entry: AuditEntry) -> int | None:
    there = entry.action.startswith(("message.", "body.")) and entry.action != "message.deleted"
    return int(entry.subject) if there and _is_number(entry.subject) else None


def _detail(entry: AuditEntry) -> Mapping[str, object]:
    """What the sentence does not say yet."""
    said = {"outcome"} if entry.action in {action for action, _ in TESTS} else set()
    if entry.action == "message.resent":
        said.add("copy_of")
    if entry.detail.get("before") == entry.subject:
        said.add("before")
    return {name: value for name, value in entry.detail.items() if name not in said}


def _value(name: str, value: object) -> str:
    if name == "days" and value is None:
        return "as configured"
    if isinstance(value, list):
        words = [_label(each) if name == "fields" else str(each) for each in value]
        return ", ".join(words) or "nothing"
    known = {"before": MODES, "part": READ}.get(name, {})
    return known.get(str(value), str(value))


def _label(name: str) -> str:
    return BY_NAME[name].label if name in BY_NAME else name


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
