"""The search box: what may be typed, and what is said about the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plato_email.outbox import KEYS, SearchError, read_search
from plato_email.outbox.fault import fault_of
from plato_email.outbox.grammar import LONGEST, Comparison


def terms(text: str) -> list[tuple[str, object, bool]]:
    return [(term.key, term.value, term.negated) for term in read_search(text).terms]


def test_everything_that_is_documented_can_be_typed() -> None:
    """The example of each key is read as a term of that key."""
    for key in KEYS:
        assert [key.name] == [name for name, _, _ in terms(key.example)]


def test_words_and_keys_stand_in_any_order() -> None:
    """Words, quoted words, keys with quoted values, and a minus before each."""
    typed = 'invoice status:failed "two words" -to:@acme.com reply:"mailbox full" -"not this" -x'
    assert terms(typed) == [
        ("", "invoice", False),
        ("status", "failed", False),
        ("", "two words", False),
        ("to", "@acme.com", True),
        ("reply", "mailbox full", False),
        ("", "not this", True),
        ("", "x", True),
    ]


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("STATUS:Failed", "failed"),
        ("older:90m", timedelta(minutes=90)),
        ("newer:2W", timedelta(weeks=2)),
        ("priority:high", 0),
        ("attempts:>2", Comparison(">", 2)),
        ("attempts:3", Comparison("=", 3)),
        ("code:5.7.", "5.7"),
        ("code:4", "4"),
        ("id:12", 12),
        ("id:x@example.com", "<x@example.com>"),
        ("id:99999999999999999999", 2**63 - 1),
    ],
)
def test_value_is_read_in_the_language_of_its_key(typed: str, value: object) -> None:
    """Case does not matter where it means nothing; no number is too large to be read."""
    assert [value] == [each for _, each, _ in terms(typed)]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("statsu:failed", "There is no key statsu:. Did you mean status:?"),
        ("re:order", 'To look for the words themselves: "re:order".'),
        ("status:lost", "status: lost is none of queued, deferred"),
        ("older:soon", "older: soon is no age"),
        ("code:999", "code: 999 is no reply code"),
        ("attempts:many", "attempts: many is no number"),
        ("id:me", "id: me is neither a message's number nor a Message-ID."),
        ("to:", "to: has no value. Write it without a blank: to:@acme.com."),
        ("x" * (LONGEST + 1), "at most 500 characters"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_cure(typed: str, said: str) -> None:
    """One sentence a problem: the fact, the value, what to write instead."""
    with pytest.raises(SearchError) as refused:
        read_search(typed)
    assert said in str(refused.value)


def test_every_problem_is_told_at_once() -> None:
    """Nobody mends a search three times."""
    with pytest.raises(SearchError, match=r"foo:.*bar:.*status: x"):
        read_search("foo:1 ok bar:2 status:x")


def test_state_can_be_exchanged_and_the_rest_stays() -> None:
    """What a tab does: everything else that was typed is kept as it was."""
    search = read_search('status:failed "two words" -to:@acme.com')
    assert search.status is not None
    assert search.without("status") == '"two words" -to:@acme.com'


ALIKE = [
    "No such user here: ada@example.com (queue id 4AF33BC01)",
    "no such user here: <bob@example.org> (queue id 77B)",
    "No such user here: 'carol@x.example' (queue id 9)",
]


def test_same_trouble_has_the_same_mark() -> None:
    """Addresses, numbers, quotes and links do not tell two failures apart."""
    assert len({fault_of("recipient", 550, "5.1.1", reply) for reply in ALIKE}) == 1


def test_other_trouble_has_another_mark() -> None:
    """The words, the codes and the stage do."""
    assert (
        len(
            {
                fault_of("recipient", 550, "5.1.1", "No such user"),
                fault_of("recipient", 550, "5.1.1", "Mailbox full"),
                fault_of("recipient", 552, "5.1.1", "No such user"),
                fault_of("recipient", 550, "5.1.2", "No such user"),
                fault_of("data", 550, "5.1.1", "No such user"),
                fault_of("connect", None, "", "timed out"),
            }
        )
        == 6
    )
