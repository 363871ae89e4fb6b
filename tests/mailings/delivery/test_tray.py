"""No letter is lost between two threads, and a stopped run's lie aside."""

from datetime import UTC, datetime

from mailings.delivery.journal import Result
from mailings.delivery.letter import Letter
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.delivery.throttle import Throttle
from mailings.delivery.tray import Tray


def accepted(number: int) -> Result:
    outcome = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "", "Ok")
    return Result(number, outcome, datetime.now(UTC), 5)


def letter(number: int, run: int = 1) -> Letter:
    return Letter(number, run, "news@example.com", f"c{number}@example.com", b"")


def test_letters_come_out_as_they_went_in() -> None:
    tray = Tray(Throttle(8))
    tray.put([letter(1), letter(2)])
    assert [tray.take(), tray.take(), tray.take()] == [letter(1), letter(2), None]


def test_a_letter_is_unfinished_until_it_is_done() -> None:
    tray = Tray(Throttle(8))
    tray.put([letter(1)])
    tray.take()
    assert (tray.backlog, tray.unfinished) == (0, 1)
    tray.done(letter(1), accepted(1))
    assert tray.unfinished == 0


def test_what_is_given_back_comes_last() -> None:
    tray = Tray(Throttle(8))
    tray.put([letter(1), letter(2)])
    first = tray.take()
    assert first is not None
    tray.give_back(first)
    assert [tray.take(), tray.take()] == [letter(2), letter(1)]


def test_the_letters_of_a_stopped_run_lie_aside() -> None:
    tray = Tray(Throttle(8))
    tray.put([letter(1, run=1), letter(2, run=2), letter(3, run=1)])
    tray.stop(1)
    assert [tray.take(), tray.take()] == [letter(2, run=2), None]
    assert (tray.backlog, tray.unfinished) == (0, 3)
    tray.let_go_on(1)
    assert [tray.take(), tray.take()] == [letter(1), letter(3)]


def test_letters_that_come_for_a_stopped_run_wait_too() -> None:
    tray = Tray(Throttle(8))
    tray.stop(1)
    tray.put([letter(1)])
    assert tray.take() is None
    assert tray.unfinished == 1


def test_letters_are_recalled_from_wherever_they_lie() -> None:
    tray = Tray(Throttle(8))
    tray.put([letter(n, run=n % 2) for n in range(6)])
    tray.stop(0)
    tray.take()
    recalled = tray.recall(lambda each: each.delivery_id > 2)
    assert sorted(each.delivery_id for each in recalled) == [3, 4, 5]
    assert tray.recall(lambda each: each.delivery_id > 2) == []
    assert tray.unfinished == 3


def announced_behind(tray: Tray) -> tuple[Letter, Letter]:
    """One that is in hand, and the one that its connection will begin next."""
    first = tray.take()
    assert first is not None
    then = tray.announce(first)
    assert then is not None
    return first, then


def test_what_is_announced_is_recalled_like_any_other_until_it_is_begun() -> None:
    tray = Tray(Throttle(8))
    tray.put([letter(1), letter(2), letter(3)])
    first, second = announced_behind(tray)
    assert (tray.backlog, tray.unfinished) == (1, 3)
    assert tray.recall(lambda each: each.delivery_id < 3) == [second]
    assert not tray.begin(second)
    assert tray.unfinished == 2
    tray.done(first, accepted(1))
    assert tray.unfinished == 1


def test_what_is_announced_may_be_left_where_it_is() -> None:
    tray = Tray(Throttle(8))
    tray.put([letter(1), letter(2), letter(3)])
    first, second = announced_behind(tray)
    assert tray.recall(lambda each: True, announced=False) == [letter(3)]
    tray.done(first, accepted(1))
    assert tray.begin(second)
    tray.done(second, accepted(2))
    assert tray.unfinished == 0


def test_what_is_announced_of_a_stopped_run_lies_aside() -> None:
    tray = Tray(Throttle(8))
    tray.put([letter(1), letter(2)])
    first, second = announced_behind(tray)
    tray.stop(1)
    tray.done(first, accepted(1))
    assert not tray.begin(second)
    assert tray.unfinished == 1
    tray.let_go_on(1)
    assert tray.take() == letter(2)


def test_what_is_announced_and_not_begun_takes_nobodys_place() -> None:
    one_at_once = Tray(Throttle(8, per_domain=1))
    elsewhere = Letter(2, 1, "news@example.com", "dan@example.org", b"")
    again = Letter(3, 1, "news@example.com", "eve@example.org", b"")
    one_at_once.put([letter(1), elsewhere, again])
    _first, second = announced_behind(one_at_once)
    assert second == elsewhere
    assert one_at_once.take() is None  # there is one for its domain
    assert one_at_once.recall(lambda each: each == elsewhere) == [elsewhere]
    assert one_at_once.take() == again
