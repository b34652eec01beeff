"""Modes: who gets mail at all, decided just before it is handed to the server.

For staging sites and emergencies. Nothing in the queue is changed by a mode, so what waits goes
to its recipients once the mode is Live again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from email.header import Header
from email.utils import formataddr
from typing import TYPE_CHECKING

from .errors import Cause, DeliveryError, RecipientRefusal, Stage
from .message import Envelope
from .settings import Mode, is_allowed
from .tables import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .outbox import Result
    from .settings import Settings

NOT_ALLOWED = "Not sent: not on the allow-list (mode Allow-list only)."
HELD = "Not sent: mail is held (mode Hold)."
KEPT = (b"to", b"cc")
"""Header fields that go on as ``X-Original-``, so that nobody answers to all of them."""
_OURS = (b"x-original-to", b"x-original-cc", b"x-original-recipients")
_LONGEST = 998


@dataclass(frozen=True, slots=True)
class Routed:
    """What is handed to the server in place of a message; nobody is left where all are barred."""

    envelope: Envelope
    data: bytes


def route(settings: Settings, envelope: Envelope, data: bytes) -> Routed:
    """Return what a message becomes in the present mode.

    Args:
        settings: whose mode it is.
        envelope: who the message is from, and who is still to get it.
        data: the message as stored, in canonical form.

    Raises:
        DeliveryError: the mode lets nobody have it; ``recipients`` says why for each.
    """
    if settings.held:
        raise DeliveryError(Stage.SENDER, Cause.MAIL_HELD, HELD)
    if settings.mode == Mode.REDIRECT:
        to = (settings.redirect_to,)
        sent = _redirected(data, settings.redirect_to, envelope.recipients)
        return Routed(Envelope(envelope.sender, to), sent)
    barred = _barred(settings, envelope.recipients)
    if len(barred) == len(envelope.recipients):
        said = barred[envelope.recipients[0]]
        raise DeliveryError(
            Stage.RECIPIENT,
            said.cause,
            said.reply,
            code=said.code,
            enhanced=said.enhanced,
            recipients=barred,
        )
    allowed = tuple(each for each in envelope.recipients if each not in barred)
    return Routed(Envelope(envelope.sender, allowed), data)


def recorded(settings: Settings, result: Result) -> Result:
    """Return ``result`` of what `route` made, as it is to be recorded of the message itself.

    Who was barred from a message that others have got is refused for good. While it is still to
    be tried nothing is said of them: the mode may be another one by then.
    """
    if settings.mode == Mode.REDIRECT:
        outcome = "redirected" if result.state is State.SENT else result.outcome
        reply = f"To {settings.redirect_to}: {result.reply}"
        return replace(result, outcome=outcome, reply=reply, accepted=(), refused={})
    if settings.mode == Mode.ALLOW and result.state is State.SENT:
        barred = _barred(settings, result.message.recipients)
        if barred:
            return replace(result, outcome="partly", refused={**barred, **result.refused})
    return result


def _barred(settings: Settings, recipients: Sequence[str]) -> dict[str, RecipientRefusal]:
    if settings.mode != Mode.ALLOW:
        return {}
    said = RecipientRefusal(550, "5.7.1", NOT_ALLOWED, Cause.NOT_ON_ALLOW_LIST)
    return {each: said for each in recipients if not is_allowed(each, settings.allowed_recipients)}


def _redirected(data: bytes, to: str, recipients: Sequence[str]) -> bytes:
    """Address a message to ``to`` alone, and keep in its header who it was for."""
    head, _, body = data.partition(b"\r\n\r\n")
    fields = [field for each in _fields(head) if (field := _renamed(each))]
    fields += [_to(to, recipients), _original(recipients)]
    return b"\r\n".join(fields) + b"\r\n\r\n" + body


def _fields(head: bytes) -> Iterator[bytes]:
    """Split a header into its fields, each with the lines that it is folded into."""
    lines: list[bytes] = []
    for line in head.split(b"\r\n"):
        if lines and not line.startswith((b" ", b"\t")):
            yield b"\r\n".join(lines)
            lines = []
        lines.append(line)
    yield b"\r\n".join(lines)


def _renamed(field: bytes) -> bytes:
    """Rename To and Cc; leave out what would be taken for ours."""
    name, _, value = field.partition(b":")
    if name.strip().lower() in _OURS:
        return b""
    if name.strip().lower() not in KEPT:
        return field
    renamed = b"X-Original-" + name.strip().title() + b":"
    first = value.split(b"\r\n", 1)[0]
    fold = b"\r\n" if len(renamed) + len(first) > _LONGEST and first.strip() else b""
    return renamed + fold + value


def _to(to: str, recipients: Sequence[str]) -> bytes:
    """The address, under the name of who the message was for: every mail program shows it."""
    others = f" and {len(recipients) - 1} more" if len(recipients) > 1 else ""
    name = _printable(f"for {recipients[0]}{others}")
    return b"To: " + formataddr((name, to)).encode("utf-8")


def _original(recipients: Sequence[str]) -> bytes:
    """The whole envelope: who was in Bcc stands in no other field."""
    name = "X-Original-Recipients"
    text = _printable(", ".join(recipients))
    charset = "us-ascii" if text.isascii() else "utf-8"
    written = Header(text, charset, header_name=name).encode(linesep="\r\n")
    return f"{name}: {written}".encode("ascii")


def _printable(text: str) -> str:
    """No line break can come in, whatever an address holds."""
    return "".join(each if each.isprintable() else "?" for each in text)
