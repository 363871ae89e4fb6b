"""The table of faults is whole, and docs/reliability.md has it as the tests say."""

from tests.faults.catalogue import PAGE, page, rows

FAULTS_OF_A_SERVER = range(1, 33)


def test_every_fault_of_a_mail_server_has_its_test() -> None:
    numbers = {row.number for row in rows() if row.kind == "S"}
    assert numbers == set(FAULTS_OF_A_SERVER)


def test_the_page_is_written_from_the_tests() -> None:
    assert PAGE.read_text() == page()
