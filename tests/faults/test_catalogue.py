"""The tables of faults are whole, and docs/reliability.md has them as the tests say."""

from tests.faults.catalogue import NOT_BUILT, PAGE, page, rows
from tests.faults.conftest import NO_ENVELOPE

FAULTS = {"S": set(range(1, 33)), "Y": set(range(1, 31))}


def numbers(kind: str) -> set[int]:
    return {number for row in rows(kind) for number in row.numbers}


def test_every_fault_of_a_mail_server_has_its_test() -> None:
    assert numbers("S") == FAULTS["S"]


def test_every_fault_of_our_systems_has_its_test_or_a_reason() -> None:
    assert numbers("Y") | NOT_BUILT.keys() == FAULTS["Y"]


def test_the_page_is_written_from_the_tests() -> None:
    assert PAGE.read_text() == page()


def test_what_runs_once_is_there() -> None:
    names = {row.test.partition(": ")[2] for row in rows("S")}
    assert names >= NO_ENVELOPE
