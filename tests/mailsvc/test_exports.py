"""Tables as files: what the reader sees, all of it, and harmless."""

import csv
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from mailsvc.exports import safe_cell
from tests import recipes
from users import blocking, permissions
from users.models import AuditEntry, User
from users.permissions import Level


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+7 495 000", "'+7 495 000"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("  =1", "'  =1"),
        ("\r=1", "'\r'=1"),
        ("\x00=1", "' =1"),
        ("x,=1+1", "x,'=1+1"),
        ("x; +7 495", "x;' +7 495"),
        ('x,"=1+1"', 'x,\'"=1+1"'),
        ("x\n=1+1", "x\n'=1+1"),
        ("one, two; three - four", "one, two; three - four"),
        ("a=1", "a=1"),
        ("", ""),
        (None, ""),
        (0, 0),
        (-5, -5),
        (1.5, 1.5),
        ("one\x0btwo", "one two"),
        (mark_safe("<b>=A1 &amp; B</b>"), "'=A1 & B"),
        (mark_safe("—"), ""),
    ],
)
def test_no_cell_is_taken_for_a_formula(value: Any, cell: Any) -> None:
    assert safe_cell(value) == cell


@given(st.lists(st.text(alphabet=",;\t\n\"' =+-@a"), min_size=1, max_size=4))
def test_nor_is_one_whatever_separator_it_is_read_with(row: list[str]) -> None:
    for written in ",;":
        file = StringIO()
        csv.writer(file, delimiter=written).writerow([safe_cell(each) for each in row])
        for read in ",;\t":
            lines = csv.reader(StringIO(file.getvalue(), newline=""), delimiter=read)
            cells = [cell.lstrip() for line in lines for cell in line]
            assert not any(cell.startswith(tuple("=+-@")) for cell in cells)


def test_times_stay_times_on_the_readers_clock() -> None:
    moment = datetime(2026, 5, 1, 12, 30, 15, 99, tzinfo=UTC)
    assert safe_cell(moment) == datetime(2026, 5, 1, 12, 30, 15)  # noqa: DTZ001


def rows_of(answer: Any, delimiter: str = ",") -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(StringIO(text[1:]), delimiter=delimiter))


@pytest.fixture
def clients(alice: User, bob: User) -> None:
    recipes.client(alice, full_name="=cmd()", email="ann@example.com")
    recipes.client(alice, full_name="Ben", email="ben@example.com", comment="x" * 99)
    recipes.client(bob, full_name="Secret", email="sue@example.com")


@pytest.mark.usefixtures("clients")
def test_a_table_is_had_as_csv(alice_client: Client) -> None:
    answer = alice_client.get("/clients/?export=csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'attachment; filename="client-list-' in answer["Content-Disposition"]
    head, *rows = rows_of(answer)
    assert head[:4] == ["Full name", "E-mail", "Mail", "Comment"]
    assert sorted(row[0] for row in rows) == ["'=cmd()", "Ben"]
    assert "x" * 99 in {row[3] for row in rows}
    assert head[4:] == ["Lists", "Created"]  # no column of buttons


@pytest.mark.usefixtures("clients")
def test_and_as_xlsx_with_texts_that_are_texts(alice_client: Client) -> None:
    answer = alice_client.get("/clients/?export=xlsx")
    sheet = load_workbook(BytesIO(b"".join(answer.streaming_content))).active
    cells = list(sheet.iter_rows(min_row=2))
    assert sorted(row[0].value for row in cells) == ["=cmd()", "Ben"]
    assert {row[0].data_type for row in cells} == {"s"}
    assert isinstance(cells[0][5].value, datetime)


HOSTILE = [*("=1+1", "@SUM(A1)", "#N/A", "+7 495", "-1"), "  =1", "=", "&lt;b>"]


def test_in_xlsx_a_text_is_typed_as_one_and_needs_no_mark_before_it(
    alice: User, alice_client: Client
) -> None:
    for number, text in enumerate(HOSTILE):
        recipes.client(alice, full_name=f"{number}", comment=text)
    answer = alice_client.get("/clients/?sort=full_name&export=xlsx")
    content = b"".join(answer.streaming_content)
    sheet = load_workbook(BytesIO(content)).active
    cells = [row[3] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == HOSTILE
    assert {cell.data_type for cell in cells} == {"s"}
    with ZipFile(BytesIO(content)) as parts:
        [name] = [name for name in parts.namelist() if "sheet" in name.split("/")[-1]]
        markup = parts.read(name)
    kinds = set(re.findall(rb'<c [^>]*?t="(\w+)"', markup))
    assert (kinds - {b"d", b"n"}, b"<f" in markup) == ({b"inlineStr"}, False)


def test_russian_csv_has_the_semicolons_that_russian_spreadsheets_want(
    alice: User, alice_client: Client
) -> None:
    recipes.client(alice, full_name="=1;2", email="a@example.com")
    type(alice).objects.update(language="ru")
    head, row = rows_of(alice_client.get("/clients/?export=csv"), delimiter=";")
    assert head[:2] == ["Полное имя", "Адрес эл. почты"]
    assert row[:2] == ["'=1;2", "a@example.com"]


@pytest.mark.usefixtures("clients")
def test_as_it_is_filtered_and_sorted_and_more_than_one_page(
    alice: User, alice_client: Client
) -> None:
    for number in range(60):
        recipes.client(alice, full_name=f"Zoe {number:02}")
    answer = alice_client.get("/clients/?q=zoe&sort=-full_name&export=csv&page=2")
    names = [row[0] for row in rows_of(answer)[1:]]
    assert names == [f"Zoe {number:02}" for number in reversed(range(60))]


@pytest.mark.usefixtures("clients")
def test_in_the_readers_language_and_zone(alice: User, alice_client: Client) -> None:
    type(alice).objects.update(language="ru", timezone="Asia/Tokyo")
    alice.clients.update(created_at=datetime(2026, 1, 1, 20, 0, tzinfo=UTC))
    head, row, *_ = rows_of(alice_client.get("/clients/?export=csv"), delimiter=";")
    assert head[1] == "Адрес эл. почты"
    assert row[5] == "2026-01-02 05:00:00"


@pytest.mark.django_db
def test_what_is_no_kind_of_file_is_refused(alice_client: Client) -> None:
    for kind in ("xls", "ods", "", "json"):
        assert alice_client.get(f"/clients/?export={kind}").status_code == 400


@pytest.mark.usefixtures("clients")
def test_who_took_what_away_is_on_the_audit_log(
    alice: User, alice_client: Client
) -> None:
    alice_client.get("/clients/?q=ben&export=csv")
    entry = AuditEntry.objects.get(action="exported")
    assert (entry.actor, entry.reason) == (alice, "csv: /clients/?q=ben&export=csv")


PAGES = [
    *("/clients/", "/lists/", "/messages/", "/mailings/", "/runs/", "/reports/"),
    *("/manage/", "/manage/users/", "/manage/audit/"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_every_list_can_be_had(
    alice: User, admin: User, admin_client: Client, path: str, kind: str
) -> None:
    for owner in (alice, admin):
        recipes.client_list(owner).clients.add(recipes.client(owner))
        run = recipes.run(recipes.mailing(owner, title="=News"), accepted=1, refused=1)
    answer = admin_client.get(f"{path}?export={kind}")
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content)
    if kind == "csv":
        lines = content.decode()[1:].splitlines()
        assert len(lines) > 1
        assert "<" not in "".join(lines)
    page = admin_client.get(path).content.decode()
    assert "?export=csv" in page
    run_page = admin_client.get(f"{run.get_absolute_url()}?export=csv")
    assert b"No such user" in b"".join(run_page.streaming_content)


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_a_cell_of_a_file_is_made_for_files(
    alice: User, admin: User, admin_client: Client, path: str
) -> None:
    """Each is plain: never what the page shows, with its tags taken out."""
    for owner in (alice, admin):
        recipes.client_list(owner).clients.add(recipes.client(owner))
        recipes.run(recipes.mailing(owner), accepted=1, refused=1)
    shared = recipes.mailing(alice)
    permissions.share(shared, to=admin, level=Level.VIEW, by=alice)
    head, *rows = admin_client.get(path).context["table"].as_values()
    of_pages = [
        (name, cell)
        for row in rows
        for name, cell in zip(head, row, strict=True)
        if isinstance(cell, SafeString)
    ]
    assert (bool(rows), of_pages) == (True, [])


@pytest.mark.django_db
def test_users_have_their_address_their_name_and_why_they_are_blocked_apart(
    alice: User, admin: User, admin_client: Client
) -> None:
    blocking.block(alice, by=admin, reason="Spam")
    answer = admin_client.get("/manage/users/?q=alice&export=csv")
    shown = [
        (row["E-mail"], row["Full name"], row["State"], row["Reason of the block"])
        for row in _named(rows_of(answer))
    ]
    assert shown == [("alice@example.com", "Alice", "Blocked", "Spam")]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/mailings/", "/reports/", "/manage/"])
def test_several_states_of_a_mailing_are_words_with_commas(
    admin: User, admin_client: Client, path: str
) -> None:
    now = timezone.now()
    recipes.mailing(admin, held_at=now, hold_reason="Spam", paused_at=now)
    [row] = _named(rows_of(admin_client.get(f"{path}?export=csv")))
    assert row["Status"] == "Created, Held, Paused"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/reports/", "/mailings/"])
def test_the_next_run_is_a_moment_in_a_file(
    alice: User, alice_client: Client, path: str
) -> None:
    person = recipes.client(alice)
    start = timezone.now().replace(microsecond=0) + timedelta(days=3)
    values = {"start_at": start, "end_at": start + timedelta(days=1)}
    recipes.mailing(alice, clients=[person], **values)
    answer = alice_client.get(f"{path}?export=xlsx")
    sheet = load_workbook(BytesIO(b"".join(answer.streaming_content))).active
    head, row = sheet.iter_rows(values_only=True)
    next_run = dict(zip(head, row, strict=True))["Next run"]
    assert next_run == timezone.localtime(start, alice.timezone).replace(tzinfo=None)


@pytest.mark.django_db
def test_clients_have_the_names_of_their_lists(
    alice: User, alice_client: Client, django_assert_num_queries: Any
) -> None:
    ann, ben, joe = (
        recipes.client(alice, full_name=it) for it in ("Ann", "Ben", "Joe")
    )
    recipes.client_list(alice, ann, ben, name="ёлка, 2026")
    recipes.client_list(alice, ann, name="=Press")
    answer = alice_client.get("/clients/?export=csv")
    with django_assert_num_queries(1):
        rows = rows_of(answer)
    lists = {row["Full name"]: row["Lists"] for row in _named(rows)}
    assert lists == {"Ann": "'=Press, ёлка, 2026", "Ben": "ёлка, 2026", "Joe": ""}
    assert joe.lists.count() == 0


def _named(rows: list[list[str]]) -> list[dict[str, str]]:
    head, *others = rows
    return [dict(zip(head, row, strict=True)) for row in others]


@pytest.mark.django_db
def test_all_rows_are_read_in_one_statement(
    alice: User, alice_client: Client, django_assert_num_queries: Any
) -> None:
    for _ in range(40):
        recipes.client(alice)
    spent = []
    answer = alice_client.get("/clients/?export=csv")
    with django_assert_num_queries(1):
        spent.append(len(rows_of(answer)))
    assert spent == [41]
