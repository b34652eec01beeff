"""A second opinion on verdicts: the table of RFC 5321 and of what providers do, read anew.

Written from the table and not from the code, so that both have to be wrong to agree on an error.
It holds for servers in step: those that give one answer to each question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from plato_email.errors import Stage, Verdict

from .liar import Action, Say

LOGIN_WANTED = {530, 534, 535, 538}
NAME_REFUSED = {501, 504, 550, 553}
GRAVEST_FIRST = (
    *(Verdict.SETUP, Verdict.SERVER, Verdict.QUOTA, Verdict.TEMPORARY, Verdict.PERMANENT),
)


class Expected(NamedTuple):
    """How an attempt must end."""

    stage: Stage
    verdict: Verdict | None
    """``None``: accepted."""
    accepted: tuple[int, ...] = ()
    """The positions of the recipients that have it."""
    goes_on: bool = False
    """Whether the connection can carry another mail, as far as RSET allows."""


def judged(stage: Stage, action: Action) -> Verdict:
    """Whose fault it is when ``action`` is the answer at ``stage`` and not the one hoped for."""
    lost = Verdict.UNKNOWN if stage is Stage.ACCEPTED else Verdict.SERVER
    if not isinstance(action, Say):
        return lost
    code, kind = action.code, action.code // 100
    if code == 421 or stage is Stage.GREETING:
        return Verdict.SERVER
    if stage is Stage.EHLO:
        return Verdict.SETUP if code in NAME_REFUSED else Verdict.SERVER
    if stage is Stage.LOGIN:
        return Verdict.SERVER if kind == 4 else Verdict.SETUP
    if kind in (2, 3):
        return lost
    if kind == 4:
        return Verdict.TEMPORARY
    if code in LOGIN_WANTED:
        return Verdict.SETUP
    if code == 503 and stage is Stage.SENDER:
        return Verdict.SERVER
    # RFC 5321 section 4.5.3.1.10 has it of 552; servers say it with other codes.
    return Verdict.TEMPORARY if "too many recipients" in action.words else Verdict.PERMANENT


def opening(said: Callable[[str], Action], mechanism: str = "") -> Expected | None:
    """How the opening ends; ``None`` when the session is ready."""
    greeting, ehlo, helo = said("greeting"), said("EHLO"), said("HELO")
    if not positive(greeting):
        return Expected(Stage.GREETING, judged(Stage.GREETING, greeting))
    if positive(ehlo):
        return _login(said, mechanism) if mechanism else None
    if not isinstance(ehlo, Say) or ehlo.code // 100 != 5:
        return Expected(Stage.EHLO, judged(Stage.EHLO, ehlo))
    if not positive(helo):
        # A server that refuses EHLO and will not hear HELO has said what it has to say.
        last = helo if isinstance(helo, Say) else ehlo
        return Expected(Stage.EHLO, judged(Stage.EHLO, last))
    # HELO has no extensions, so there is no login.
    return Expected(Stage.LOGIN, Verdict.SETUP) if mechanism else None


def _login(said: Callable[[str], Action], mechanism: str) -> Expected | None:
    """PLAIN is one turn; LOGIN is asked for the name and then for the password."""
    turns = [said("AUTH")]
    for key in ("response0", "response1") if mechanism == "LOGIN" else ():
        if _asks(turns[-1]):
            turns.append(said(key))
    if mechanism == "LOGIN" and len(turns) < 3 and positive(turns[-1]):
        # Let in without a password: it is not LOGIN that is spoken here.
        return Expected(Stage.LOGIN, Verdict.SETUP)
    last = turns[-1]
    return None if positive(last) else Expected(Stage.LOGIN, judged(Stage.LOGIN, last))


def mail(said: Callable[[str], Action], people: int, *, pipelined: bool) -> Expected:
    """How one mail ends.

    With PIPELINING the server answers all commands even where the first of them has failed, and
    an answer that no server in step would give still ends the session.
    """
    expected = _mail(said, people)
    if expected.verdict in (None, Verdict.SERVER, Verdict.UNKNOWN):
        return expected
    if not pipelined or expected.stage in (Stage.DATA, Stage.ACCEPTED):
        return expected
    rest = [f"RCPT{n}" for n in range(people)] if expected.stage is Stage.SENDER else []
    return _drained(expected, said, [*rest, "DATA"])


def _mail(said: Callable[[str], Action], people: int) -> Expected:
    sender, data, dot = said("MAIL"), said("DATA"), said(".")
    if not positive(sender):
        return _refused(Stage.SENDER, sender)
    recipients = [said(f"RCPT{n}") for n in range(people)]
    for each in recipients:
        if not isinstance(each, Say) or each.code == 421 or each.code // 100 == 3:
            return Expected(Stage.RECIPIENT, Verdict.SERVER)
    accepted = tuple(n for n, each in enumerate(recipients) if positive(each))
    if not accepted:
        verdicts = {judged(Stage.RECIPIENT, each) for each in recipients}
        gravest = next(each for each in GRAVEST_FIRST if each in verdicts)
        return Expected(Stage.RECIPIENT, gravest, goes_on=gravest is not Verdict.SERVER)
    if not (isinstance(data, Say) and data.code == 354):
        return _refused(Stage.DATA, data)
    if not positive(dot):
        return _refused(Stage.ACCEPTED, dot)
    return Expected(Stage.ACCEPTED, None, accepted, goes_on=True)


def _drained(expected: Expected, said: Callable[[str], Action], rest: Sequence[str]) -> Expected:
    for key in rest:
        action = said(key)
        if not isinstance(action, Say):
            return expected._replace(goes_on=False)
        stage = Stage.DATA if key == "DATA" else Stage.RECIPIENT
        if action.code // 100 == (2 if key == "DATA" else 3):
            return Expected(stage, Verdict.SERVER)
        if key == "DATA" and action.code == 354 and not isinstance(said("."), Say):
            return expected._replace(goes_on=False)
    return expected


def _refused(stage: Stage, action: Action) -> Expected:
    verdict = judged(stage, action)
    goes_on = verdict not in (Verdict.SERVER, Verdict.UNKNOWN)
    return Expected(stage, verdict, goes_on=goes_on)


def _asks(action: Action) -> bool:
    return isinstance(action, Say) and action.code == 334


def positive(action: Action) -> bool:
    """Whether it is a 2yz."""
    return isinstance(action, Say) and action.positive
