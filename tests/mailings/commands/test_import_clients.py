from pathlib import Path

import pytest

from mailings.models import Client, ClientList
from tests.support.commands import call
from users.models import AuditEntry, User

TEXT = "email;ФИО;comment\na@example.com;Анна;\nnobody;x;\nA@example.com;again;\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clients.csv"
    path.write_text(TEXT, encoding="cp1251")
    return path


def test_the_figures_come_as_json(alice: User, file: Path) -> None:
    called = call(
        "import_clients", file, "--owner", "ALICE@example.com", "--list=L", "--json"
    )
    assert called.failure == ""
    assert called.data == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "rejected": 2,
        "errors": [
            {"row": 3, "reason": "e-mail: “nobody” is not an e-mail address."},
            {"row": 4, "reason": "The same address is in row 2; that one counts."},
        ],
    }
    assert ClientList.objects.get(name="L").clients.get().full_name == "Анна"


def test_people_read_the_reasons_and_the_figures(alice: User, file: Path) -> None:
    called = call("import_clients", file, "--owner", alice.email)
    assert called.out.splitlines() == [
        "row 3: e-mail: “nobody” is not an e-mail address.",
        "row 4: The same address is in row 2; that one counts.",
        "Clients created: 1, updated: 0, unchanged: 0, rejected: 2",
    ]
    assert called.err == ""


def test_a_long_list_of_reasons_is_cut(alice: User, file: Path) -> None:
    file.write_text("email\n" + "".join(f"bad{n}\n" for n in range(30)))
    lines = call("import_clients", file, "--owner", alice.email).out.splitlines()
    assert lines[20:] == [
        "… and 10 more rows",
        "Clients created: 0, updated: 0, unchanged: 0, rejected: 30",
    ]


def test_a_dry_run_changes_nothing(alice: User, file: Path) -> None:
    called = call("import_clients", file, "--owner", alice.email, "--dry-run")
    assert called.out.splitlines()[-1].startswith("Would be created: 1,")
    assert not Client.objects.exists()


@pytest.mark.parametrize("json", [["--json"], []])
def test_an_unknown_owner_is_a_failure_in_words(
    db: None, file: Path, json: list[str]
) -> None:
    called = call("import_clients", file, "--owner", "nobody@example.com", *json)
    assert called.failure == "There is no user nobody@example.com."
    assert not json or called.data == {"error": called.failure}


def test_a_missing_file_is_a_failure_in_words(alice: User, tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    called = call("import_clients", path, "--owner", alice.email)
    assert called.failure == f"{path}: No such file or directory"
    called = call("import_clients", tmp_path, "--owner", alice.email)
    assert called.failure == f"{tmp_path}: Is a directory"


def test_a_file_without_addresses_is_a_failure_in_words(
    alice: User, file: Path
) -> None:
    file.write_text("name,comment\nAnna,x\n")
    called = call("import_clients", file, "--owner", alice.email)
    assert called.failure.startswith(f"{file}: There is no column “email”.")


def test_an_impossible_list_name_is_a_failure_in_words(alice: User, file: Path) -> None:
    called = call("import_clients", file, "--owner", alice.email, "--list", "x" * 101)
    assert called.failure.startswith("--list: Ensure this value has at most 100")


def test_an_import_is_on_the_audit_log_and_a_rehearsal_is_not(
    alice: User, file: Path
) -> None:
    call("import_clients", file, "--owner", alice.email, "--dry-run")
    assert not AuditEntry.objects.exists()
    call("import_clients", file, "--owner", alice.email)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == (alice, "imported")
    assert entry.reason == (
        "clients.csv: created 1, updated 0, unchanged 0, rejected 2"
    )
