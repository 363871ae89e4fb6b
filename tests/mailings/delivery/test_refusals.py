"""When it is the message that a server refuses, and not a recipient."""

from mailings.delivery.refusals import Refusals
from mailings.delivery.replies import Outcome, Phase, Verdict

SPAM = Outcome(Verdict.REFUSED, Phase.DOT, 554, "5.7.1", "5.7.1 Spam 17")
OTHER = Outcome(Verdict.REFUSED, Phase.DOT, 554, "5.6.0", "5.6.0 Bad")
NOBODY = Outcome(Verdict.REFUSED, Phase.RCPT, 550, "5.1.1", "5.1.1 No such user")
ACCEPTED = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "", "Ok")


def heard(*outcomes: Outcome) -> list[bool]:
    refusals = Refusals()
    return [refusals.note(1, each) for each in outcomes]


def test_the_fifth_alike_is_one_too_many() -> None:
    assert heard(*[SPAM] * 6) == [False] * 4 + [True] * 2


def test_the_words_may_differ() -> None:
    again = Outcome(Verdict.REFUSED, Phase.DOT, 554, "5.7.1", "5.7.1 Spam 18")
    assert heard(*[SPAM, again] * 3)[4]


def test_different_refusals_are_not_added_up() -> None:
    assert not any(heard(*[SPAM, OTHER] * 4))


def test_refused_recipients_do_not_count() -> None:
    assert not any(heard(*[NOBODY] * 20))


def test_whoever_is_accepted_shows_that_it_is_not_the_message() -> None:
    assert not any(heard(SPAM, ACCEPTED, *[SPAM] * 20))


def test_each_run_is_counted_for_itself() -> None:
    refusals = Refusals()
    assert not any(refusals.note(run, SPAM) for run in range(20))


def test_a_run_that_goes_on_is_counted_anew() -> None:
    refusals = Refusals()
    for run in (1, 2):
        for _ in range(4):
            refusals.note(run, SPAM)
    refusals.forget(1)
    assert not refusals.note(1, SPAM)
    assert refusals.note(2, SPAM)
