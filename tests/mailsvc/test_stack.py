"""Calls that are many calls deep cost what others do."""

import sys
from collections.abc import Callable

import pytest

from mailsvc.stack import with_room


def depth_then(calls: int, then: Callable[[], int]) -> int:
    return then() if not calls else depth_then(calls - 1, then)


def test_what_is_called_gets_its_arguments_and_its_answer_comes_back() -> None:
    assert with_room(divmod, 7, 2) == (3, 1)
    assert with_room(int, "11", base=2) == 3


def test_what_goes_wrong_is_told_to_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        with_room(divmod, 1, 0)


def test_calls_may_be_as_deep_as_anywhere() -> None:
    deep = sys.getrecursionlimit() // 2
    assert with_room(depth_then, deep, lambda: 5) == 5


def test_room_is_asked_for_all_of_a_page_at_once() -> None:
    """More than the usual 16 KB, in words of 8 bytes."""
    assert with_room.__code__.co_stacksize * 8 > 100_000
