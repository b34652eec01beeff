"""What is worth knowing of a mail that was accepted."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ..smtp.catchers import catcher_in
from ..smtp.reply import printable
from .rule import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..smtp import Receipt
    from .rule import SettingsLike

_PARTLY = Diagnosis(
    code="partly-refused",
    field="",
    title="Some recipients were refused",
    why="The others have the mail. {refused}",
    steps=("Check the addresses that were refused.",),
)
_CATCHER = Diagnosis(
    code="catcher",
    field="host",
    title="{host} seems to catch mail, not to deliver it",
    why="It calls itself {name}, as mail catchers for tests do.",
    steps=(
        "Read the mail in the catcher's own window.",
        "For a live site, type the Server Address of the mail provider.",
    ),
)
_QUEUED = Diagnosis(
    code="queued",
    field="",
    title="{host} has the mail in its queue as {name}",
    why="Accepted is not yet delivered: from here on the mail is the server's business.",
    steps=(
        "If it does not arrive, look into the spam folder.",
        "Then ask the server's operator, who can follow the mail by the name {name}.",
    ),
)
REMARKS = (_PARTLY, _CATCHER, _QUEUED)

_QUEUED_AS = re.compile(r"queued (?:mail )?as:? (?:id )?(?P<id>[\w.@<>+/=-]{4,80})", re.IGNORECASE)


def remark(
    receipt: Receipt, settings: SettingsLike, transcript: Iterable[str] = ()
) -> Diagnosis | None:
    """What is to be said of a mail that was accepted; nothing, where all is as it should be.

    Args:
        receipt: as returned by a session.
        settings: those that were used, or a :class:`~plato_email.smtp.Server`.
        transcript: of the whole session, for what the server called itself.
    """
    if receipt.refused:
        said = (f"{who}: {each.code} {each.reply}" for who, each in receipt.refused.items())
        return _filled(_PARTLY, refused="; ".join(said))
    called = " ".join((settings.host, *_greetings(transcript), receipt.reply))
    if catcher := catcher_in(called):
        return _filled(_CATCHER, host=settings.host, name=catcher)
    if queued := _QUEUED_AS.search(receipt.reply):
        return _filled(_QUEUED, host=settings.host, name=queued["id"].rstrip("."))
    return None


def _greetings(transcript: Iterable[str]) -> Iterator[str]:
    return (line for line in transcript if line.startswith("S: 220"))


def _filled(template: Diagnosis, **words: str) -> Diagnosis:
    shown = {name: printable(word) for name, word in words.items()}
    return replace(
        template,
        title=template.title.format_map(shown),
        why=template.why.format_map(shown),
        steps=tuple(step.format_map(shown) for step in template.steps),
    )
