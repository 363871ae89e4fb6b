"""Clients from real files: every encoding and separator, and whatever goes wrong."""

import codecs
import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mailings.importing import (
    ImportReport,
    UnreadableFile,
    import_clients,
    read_rows,
    saving,
)
from mailings.models import Client, ClientList
from tests import recipes
from users.models import User

HEADER = "email,full_name,comment\n"
GOOD = "ok@example.com,Ольга,\n"


def load(owner: User, text: str | bytes, **options: object) -> ImportReport:
    data = text.encode() if isinstance(text, str) else text
    return import_clients(owner, io.BytesIO(data), **options)


def figures(report: ImportReport) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.rejected


def clients_of(owner: User) -> list[tuple[str, str, str]]:
    rows = Client.objects.owned_by(owner).order_by("email")
    return list(rows.values_list("email", "full_name", "comment"))


def reasons(report: ImportReport) -> dict[int, str]:
    return {error.row: error.reason for error in report.errors}


# --- what files look like ---


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_usual_form_of_csv_is_read(
    alice: User, separator: str, encoding: str, line_end: str
) -> None:
    rows = [
        ("comment", "email", "full_name"),
        ('"Ключевой, важный; и\tверный"', "anna@example.com", "Анна Каренина"),
        ("", "max@example.com", "Max"),
    ]
    text = line_end.join(separator.join(row) for row in rows) + line_end
    assert figures(load(alice, text.encode(encoding))) == (2, 0, 0, 0)
    assert clients_of(alice) == [
        ("anna@example.com", "Анна Каренина", "Ключевой, важный; и\tверный"),
        ("max@example.com", "Max", ""),
    ]


@pytest.mark.parametrize(
    "header",
    ["E-Mail;ФИО;Комментарий", " Почта ;Имя;Примечание", '"email";"name";"note"'],
)
def test_columns_may_have_the_names_that_people_give_them(
    alice: User, header: str
) -> None:
    load(alice, f"{header}\nanna@example.com;Анна;да\n")
    assert clients_of(alice) == [("anna@example.com", "Анна", "да")]


def test_other_columns_are_left_alone(alice: User) -> None:
    load(alice, "id,email,phone,full_name\n7,a@example.com,+7 900,Анна\n")
    assert clients_of(alice) == [("a@example.com", "Анна", "")]


def test_a_quoted_cell_may_have_lines_and_quotation_marks(alice: User) -> None:
    report = load(
        alice, HEADER + 'a@example.com,"Анна ""Аня"" К.","one\r\ntwo"\n' + GOOD
    )
    assert figures(report) == (2, 0, 0, 0)
    assert clients_of(alice)[0] == ("a@example.com", 'Анна "Аня" К.', "one\ntwo")


def test_excels_hint_and_empty_rows_and_columns_are_skipped(alice: User) -> None:
    report = load(
        alice, "sep=;\nemail;full_name;;\n;;;\na@example.com;Анна;;\n\nbad;x;;\n"
    )
    assert figures(report) == (1, 0, 0, 1)
    assert list(reasons(report)) == [6]


def test_a_pipe_is_read_like_a_file(alice: User) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write((HEADER + GOOD).encode("cp1251"))
        assert figures(import_clients(alice, file)) == (1, 0, 0, 0)
    assert clients_of(alice) == [("ok@example.com", "Ольга", "")]


def test_the_file_stays_open_and_is_read_from_where_it_stands(alice: User) -> None:
    file = io.BytesIO(("junk" + HEADER + GOOD).encode())
    file.seek(4)
    import_clients(alice, file)
    assert not file.closed
    assert clients_of(alice) == [("ok@example.com", "Ольга", "")]


def test_one_broken_byte_does_not_spoil_the_encoding_of_the_others(
    alice: User,
) -> None:
    data = (HEADER + GOOD).encode() + b"b@example.com,\xff\xfe,\n"
    report = load(alice, data)
    assert clients_of(alice) == [("ok@example.com", "Ольга", "")]
    assert reasons(report) == {
        3: "There are characters that can't be read in this encoding."
    }


# --- files that are none ---

NEITHER = "This is neither CSV nor an Excel file"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b"\n \n\r\n", "The file is empty."),
        (codecs.BOM_UTF8, "The file is empty."),
        (b"a@example.com,Anna\n", "There is no column “email”."),
        (b"full_name,comment\nAnna,x\n", "There is no column “email”."),
        (b"PK\x03\x04\x14\x00", "This workbook (XLSX) can't be read"),
        (b"\x00\x01\x02\x03", NEITHER),
        ("email\na@example.com".encode("utf-16-le"), NEITHER),
        ("email\na@example.com".encode("utf-32"), NEITHER),
        (b"email," * 100_000, "The row of the column names is too long."),
        (b"email," + b"x," * 60 + b"x\n", "Too many columns: 62"),
        (b"\x89PNG\r\n\x1a\n", NEITHER),
        (b'"email,full_name\na@example.com,A\n', "There is no column “email”."),
    ],
)
def test_a_file_without_addresses_is_one_clear_error(
    alice: User, content: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableFile) as caught:
        load(alice, content)
    assert str(caught.value).startswith(reason)


def test_a_file_that_can_not_be_imported_makes_no_list(alice: User) -> None:
    with pytest.raises(UnreadableFile):
        load(alice, "nothing", list_name="New")
    assert not ClientList.objects.exists()


# --- rows that can't be clients ---


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Anna,", "e-mail: It is missing."),
        ("   ,Anna,", "e-mail: It is missing."),
        ("nobody", "e-mail: “nobody” is not an e-mail address."),
        ("a@b", "e-mail: “a@b” is not an e-mail address."),
        ("a b@example.com", "e-mail: “a b@example.com” is not an e-mail address."),
        ("a@exa\0mple.com,A,", "e-mail: Control characters are not allowed here."),
        ("анна@example.com", "e-mail: “анна@example.com” is not an e-mail address."),
        ("Anna <a@example.com>", "e-mail: “Anna <a@example.com>” is not an e-mail"),
        ("a@[127.0.0.1]", "e-mail: “a@[127.0.0.1]” is not an e-mail address."),
        ("a" * 65 + "@example.com", "e-mail: This e-mail address is too long."),
        ("a@" + "x" * 260 + ".com", "e-mail: 266 characters, at most 254 are"),
        ("a@example.com," + "x" * 151, "full name: 151 characters, at most 150"),
        ('a@example.com,"A\nB"', "full name: Line breaks and control characters"),
        ("a@example.com,A\x1bB", "full name: Control characters are not allowed"),
        ("a@example.com,A\u2028B", "full name: Line breaks and control characters"),
        ("a@example.com,A\0B", "full name: Control characters are not allowed here."),
        ("a@example.com,A," + "x" * 1001, "comment: 1001 characters, at most 1000"),
        ("a@example.com,A,x\0y", "comment: Control characters are not allowed here."),
        ("a@example.com,A,x\x08y", "comment: Control characters are not allowed"),
        ("a@example.com,Smith, Anna,x", "There are 4 cells, but only 3 columns"),
        ('a@example.com,"A', "A quotation mark is opened and not closed."),
        ("a@example.com,A,\ufffd", "There are characters that can't be read"),
        ("a@example.com,A," + "x" * 70_000, "The row is too long."),
        ("x" * 300_000, "The row is too long."),
        ("=cmd|' /C calc'!A0,A,", "e-mail: “=cmd|' /C calc'!A0” is not an e-mail"),
        ("a@example.com\r\n.\r\nquit,A,", "e-mail: “.” is not an e-mail address."),
    ],
)
def test_a_bad_row_is_rejected_in_words_and_stops_nothing(
    alice: User, row: str, reason: str
) -> None:
    report = load(alice, HEADER + GOOD + row + "\nlast@example.com,Max,\n")
    emails = {email for email, _name, _comment in clients_of(alice)}
    assert {"ok@example.com", "last@example.com"} <= emails
    assert any(each.startswith(reason) for each in reasons(report).values())
    assert min(reasons(report)) >= 3


def test_rows_are_numbered_as_a_spreadsheet_does(alice: User) -> None:
    report = load(alice, HEADER + "bad\n" + GOOD + '\nb@example.com,"A\nB",\nworse\n')
    assert list(reasons(report)) == [2, 5, 6]


def test_an_open_quotation_mark_spoils_its_own_row_only(alice: User) -> None:
    rows = "".join(f"c{n}@example.com,Client {n},\n" for n in range(200))
    report = load(alice, f'{HEADER}a@example.com,"Anna,\n{rows}')
    assert figures(report) == (200, 0, 0, 1)
    assert reasons(report) == {2: "A quotation mark is opened and not closed."}


def test_of_a_double_in_the_file_the_first_counts(alice: User) -> None:
    report = load(alice, HEADER + "a@example.com,First,\nA@Example.COM,Second,\n")
    assert figures(report) == (1, 0, 0, 1)
    assert clients_of(alice) == [("a@example.com", "First", "")]
    assert reasons(report) == {3: "The same address is in row 2; that one counts."}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_at_all_raise_anything_but_words(data: bytes) -> None:
    for content in (
        data,
        HEADER.encode() + data,
        "email;имя\n".encode("cp1251") + data,
    ):
        with suppress(UnreadableFile):
            assert all(row.number > 1 for row in read_rows(io.BytesIO(content)))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(alphabet="ab@.,;\"'\t\r\n\0 é\u2028\ufeffЯ", max_size=200))
def test_no_text_stops_the_good_row_before_it(alice: User, text: str) -> None:
    assume(text.count("\0") < 3)  # with more of them it is no text
    report = load(alice, HEADER + GOOD + text)
    assert report.created + report.updated + report.unchanged >= 1
    assert Client.objects.filter(owner=alice, email="ok@example.com").count() == 1


# --- what the owner has already ---


def test_a_client_is_known_by_the_address_ignoring_case(alice: User) -> None:
    recipes.client(alice, email="Anna@example.com", full_name="Anna", comment="old")
    recipes.client(alice, email="max@example.com", full_name="Max", comment="old")
    report = load(alice, HEADER + "anna@example.com,Anna,new\nmax@EXAMPLE.com,Max,old")
    assert figures(report) == (0, 1, 1, 0)
    assert clients_of(alice) == [
        ("Anna@example.com", "Anna", "new"),
        ("max@example.com", "Max", "old"),
    ]


@pytest.mark.parametrize("text", ["email\na@example.com\n", HEADER + "a@example.com,,"])
def test_what_the_file_leaves_empty_erases_nothing(alice: User, text: str) -> None:
    recipes.client(alice, email="a@example.com", full_name="Anna", comment="old")
    assert figures(load(alice, text)) == (0, 0, 1, 0)
    assert clients_of(alice) == [("a@example.com", "Anna", "old")]


def test_a_new_client_without_a_name_gets_the_local_part(alice: User) -> None:
    load(alice, "email\nanna.k@example.com\n")
    assert clients_of(alice) == [("anna.k@example.com", "anna.k", "")]


def test_other_owners_clients_are_left_alone(alice: User, bob: User) -> None:
    recipes.client(bob, email="a@example.com", full_name="Bob's", comment="his")
    assert figures(load(alice, HEADER + "a@example.com,Alice's,hers")) == (1, 0, 0, 0)
    assert clients_of(bob) == [("a@example.com", "Bob's", "his")]


def test_the_second_import_of_a_file_changes_nothing(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "CHUNK", 3)
    text = HEADER + "".join(f"c{n}@example.com,C {n},\n" for n in range(10))
    assert figures(load(alice, text)) == (10, 0, 0, 0)
    assert figures(load(alice, text)) == (0, 0, 10, 0)
    changed = text.replace("C 7,", "C 7,seven")
    assert figures(load(alice, changed)) == (0, 1, 9, 0)


def test_an_address_that_somebody_else_saves_meanwhile_is_no_error(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = saving._matching
    looks = []

    def look_too_early(chunk: list[saving.Candidate], owner: User) -> object:
        looks.append(chunk)
        found = look(chunk, owner)
        return found.none() if len(looks) == 1 else found

    recipes.client(alice, email="a@example.com", full_name="Anna")
    monkeypatch.setattr(saving, "_matching", look_too_early)
    report = load(alice, HEADER + "a@example.com,,new\nb@example.com,B,")
    assert figures(report) == (1, 1, 0, 0)
    assert clients_of(alice) == [
        ("a@example.com", "Anna", "new"),
        ("b@example.com", "B", ""),
    ]


# --- lists ---


def test_all_good_rows_go_to_the_list(alice: User) -> None:
    recipes.client(alice, email="a@example.com", full_name="Anna", comment="")
    recipes.client(alice, email="b@example.com", full_name="Ben", comment="")
    text = HEADER + "a@example.com,Anna,\nb@example.com,Ben,new\nc@example.com,C,\nbad"
    load(alice, text, list_name=" Friends ")
    friends = ClientList.objects.get(owner=alice)
    assert friends.name == "Friends"
    assert sorted(friends.clients.values_list("email", flat=True)) == [
        "a@example.com",
        "b@example.com",
        "c@example.com",
    ]


def test_an_existing_list_is_found_in_whatever_case_and_kept(alice: User) -> None:
    friends = recipes.client_list(alice, recipes.client(alice), name="Friends")
    load(alice, HEADER + GOOD, list_name="FRIENDS")
    load(alice, HEADER + GOOD, list_name="friends")
    assert list(ClientList.objects.all()) == [friends]
    assert friends.clients.count() == 2


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines"])
def test_a_list_can_not_have_any_name(alice: User, name: str) -> None:
    with pytest.raises(ValidationError):
        load(alice, HEADER + GOOD, list_name=name)
    assert not Client.objects.exists()


def test_a_dry_run_says_the_same_and_changes_nothing(alice: User) -> None:
    recipes.client(alice, email="a@example.com", full_name="Anna", comment="old")
    before = clients_of(alice)
    text = HEADER + "a@example.com,Anna,new\n" + GOOD + "bad\nOK@example.com,,"
    dry = load(alice, text, list_name="New", dry_run=True)
    assert clients_of(alice) == before
    assert not ClientList.objects.exists()
    assert load(alice, text, list_name="New") == dry
    assert figures(dry) == (1, 1, 0, 2)


def test_progress_is_told_after_each_chunk(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "CHUNK", 2)
    seen: list[int] = []
    text = HEADER + "".join(f"c{n}@example.com,C,\n" for n in range(5))
    load(alice, text, after_chunk=lambda report: seen.append(report.rows))
    assert seen == [2, 4, 5]


def test_queries_do_not_grow_with_the_rows(
    alice: User,
    django_assert_num_queries: Callable[..., AbstractContextManager[object]],
) -> None:
    for count in (1, 50):
        text = HEADER + "".join(f"{count}.{n}@example.com,C,\n" for n in range(count))
        with django_assert_num_queries(
            6
        ):  # savepoint, look, last, insert, keys, release
            load(alice, text)
