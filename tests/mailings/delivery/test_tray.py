"""No letter is lost between two threads, and a stopped run's lie aside."""

from mailings.delivery.smtp import Letter
from mailings.delivery.tray import Tray


def letter(number: int, run: int = 1) -> Letter:
    return Letter(number, run, "news@example.com", f"c{number}@example.com", b"")


def test_letters_come_out_as_they_went_in() -> None:
    tray = Tray()
    tray.put([letter(1), letter(2)])
    assert [tray.take(), tray.take(), tray.take()] == [letter(1), letter(2), None]


def test_a_letter_is_unfinished_until_it_is_done() -> None:
    tray = Tray()
    tray.put([letter(1)])
    tray.take()
    assert (tray.backlog, tray.unfinished) == (0, 1)
    tray.done()
    assert tray.unfinished == 0


def test_what_is_given_back_comes_last() -> None:
    tray = Tray()
    tray.put([letter(1), letter(2)])
    first = tray.take()
    assert first is not None
    tray.give_back(first)
    assert [tray.take(), tray.take()] == [letter(2), letter(1)]


def test_the_letters_of_a_stopped_run_lie_aside() -> None:
    tray = Tray()
    tray.put([letter(1, run=1), letter(2, run=2), letter(3, run=1)])
    tray.stop(1)
    assert [tray.take(), tray.take()] == [letter(2, run=2), None]
    assert (tray.backlog, tray.unfinished) == (0, 3)
    tray.let_go_on(1)
    assert [tray.take(), tray.take()] == [letter(1), letter(3)]


def test_letters_that_come_for_a_stopped_run_wait_too() -> None:
    tray = Tray()
    tray.stop(1)
    tray.put([letter(1)])
    assert tray.take() is None
    assert tray.unfinished == 1


def test_letters_are_recalled_from_wherever_they_lie() -> None:
    tray = Tray()
    tray.put([letter(n, run=n % 2) for n in range(6)])
    tray.stop(0)
    tray.take()
    recalled = tray.recall(lambda each: each.delivery_id > 2)
    assert sorted(each.delivery_id for each in recalled) == [3, 4, 5]
    assert tray.recall(lambda each: each.delivery_id > 2) == []
    assert tray.unfinished == 3


def test_what_is_announced_is_recalled_like_any_other_until_it_is_begun() -> None:
    tray = Tray()
    tray.put([letter(1), letter(2), letter(3)])
    first, second = tray.announce(), tray.announce()
    assert first is not None
    assert second is not None
    assert (tray.backlog, tray.unfinished) == (1, 3)
    assert tray.begin(first)
    assert tray.recall(lambda each: each.delivery_id < 3) == [second]
    assert not tray.begin(second)
    assert tray.unfinished == 2
    tray.done()
    assert tray.unfinished == 1


def test_what_is_announced_may_be_left_where_it_is() -> None:
    tray = Tray()
    tray.put([letter(1), letter(2)])
    announced = tray.announce()
    assert announced is not None
    assert tray.recall(lambda each: True, announced=False) == [letter(2)]
    assert tray.begin(announced)


def test_what_is_announced_of_a_stopped_run_lies_aside() -> None:
    tray = Tray()
    tray.put([letter(1)])
    announced = tray.announce()
    assert announced is not None
    tray.stop(1)
    assert not tray.begin(announced)
    assert tray.unfinished == 1
    tray.let_go_on(1)
    assert tray.take() == letter(1)
