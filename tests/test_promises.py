"""The table of promises in docs/reliability.md is whole; its commands can be run."""

import re

import pytest

from benchmarks.promises import PAGE, PROMISES, Promise, measured, written
from tests.conftest import ROOT


def test_there_are_eighteen() -> None:
    assert list(PROMISES) == [f"N{number}" for number in range(1, 19)]


def test_the_page_has_them_with_their_commands() -> None:
    page = PAGE.read_text()
    assert written(page, {}) == page
    assert measured(page).keys() == PROMISES.keys()


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_what_a_command_names_is_there(promise: Promise) -> None:
    named = re.findall(r"(?:tests|benchmarks)/[\w/.]+", promise.command)
    assert named
    assert all((ROOT / path).exists() for path in named)


def test_a_new_figure_replaces_the_old_one_and_no_other() -> None:
    page = written(PAGE.read_text(), {"N1": "one", "N2": "two"})
    page = written(page, {"N2": "three"})
    assert (measured(page)["N1"], measured(page)["N2"]) == ("one", "three")
