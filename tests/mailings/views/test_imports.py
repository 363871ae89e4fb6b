"""Clients from a file through the pages: what people see at each step."""

import csv
import io
import uuid
import zipfile
from random import Random
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django_q.models import OrmQ
from openpyxl import Workbook
from pytest_django import DjangoAssertNumQueries

from mailings import imports, tasks
from mailings.importing import workbook
from mailings.models import Client, ClientList, Import, ImportFile
from tests import recipes
from tests.mailings.views.test_query_counts import FRAME
from users.models import AuditEntry, User

UPLOAD = "/clients/import/"
RUSSIAN_EXCEL = "Почта;ФИО;Примечание\r\nanna@example.com;Анна;да\r\nbad;Б;\r\n"


def archive(*names: str) -> bytes:
    """A ZIP, as documents of other programs are, too."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in names:
            made.writestr(name, "")
    return buffer.getvalue()


def send(browser: Browser, content: bytes | str, **fields: Any) -> Any:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(fields.pop("name", "clients.csv"), data)
    return browser.post(UPLOAD, {"key": uuid.uuid4(), "file": file} | fields)


def uploaded(browser: Browser, content: bytes | str, **fields: Any) -> Import:
    answer = send(browser, content, **fields)
    assert answer.status_code == 302, answer.context["form"].errors
    return Import.objects.latest("pk")


def act(browser: Browser, verb: str, job: Import, **data: Any) -> Import:
    answer = browser.post(reverse(f"mailings:import-{verb}", args=[job.pk]), data)
    assert answer["Location"] == job.get_absolute_url()
    job.refresh_from_db()
    return job


def page(browser: Browser, job: Import) -> str:
    answer = browser.get(job.get_absolute_url())
    assert answer.status_code == 200
    return str(answer.content.decode())


def figures(job: Import) -> tuple[int, int, int, int]:
    return job.created, job.updated, job.unchanged, job.rejected


def names_of(owner: User) -> dict[str, str]:
    rows = Client.objects.owned_by(owner).order_by("email")
    return dict(rows.values_list("email", "full_name"))


def xlsx(*rows: tuple[object, ...]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.worksheets[0].append(row)
    book.save(file)
    return file.getvalue()


# --- upload and check ---


def test_what_russian_excel_saves_is_checked_and_nothing_is_saved(
    alice: User, alice_client: Browser
) -> None:
    job = uploaded(alice_client, RUSSIAN_EXCEL.encode("cp1251"))
    assert (job.owner, job.state, figures(job)) == (alice, "checked", (1, 0, 0, 1))
    assert names_of(alice) == {}
    text = page(alice_client, job)
    assert "Анна" in text
    assert "“bad” is not an e-mail address." in text
    assert "Import 1 row" in text


def test_a_workbook_is_read_like_a_file(alice_client: Browser, alice: User) -> None:
    content = xlsx(
        ("Имя", "Код", "E-mail"), ("Анна", 7.0, "anna@example.com"), (None, None, "x")
    )
    job = uploaded(alice_client, content, name="clients.xlsx")
    assert figures(job) == (1, 0, 0, 1)
    act(alice_client, "start", job)
    assert names_of(alice) == {"anna@example.com": "Анна"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04 nonsense", "is damaged or protected"),
        (archive("word/document.xml"), "This is neither CSV nor an Excel file"),
        (b"\x89PNG\r\n\x1a\n" + b"IHDR", "This is neither CSV nor an Excel file"),
        (b"%PDF-1.7\n1 0 obj\n", "This is neither CSV nor an Excel file"),
        (Random(1).randbytes(300), "This is neither CSV nor an Excel file"),
        (Random(2).randbytes(90_000), "This is neither CSV nor an Excel file"),
        (b"\x00\x01\x02", "This is neither CSV nor an Excel file"),
    ],
)
def test_what_is_no_file_of_clients_is_an_error_at_the_field(
    alice_client: Browser, content: bytes, words: str
) -> None:
    answer = send(alice_client, content)
    assert words in str(answer.context["form"].errors["file"])
    assert not Import.objects.exists()


def test_a_table_without_addresses_is_told_that_these_are_missing(
    alice_client: Browser,
) -> None:
    page = send(alice_client, "Name;City\nAnna;Rome\nMax;Bonn\n")
    text = alice_client.get(page["Location"]).content.decode()
    assert "No column of e-mail addresses was found." in text
    page = send(alice_client, "Wer;Wo\nAnna;anna@example.com\n")
    text = alice_client.get(page["Location"]).content.decode()
    assert "The file does not say which column is which." in text


def test_a_workbook_that_unpacks_to_too_much_is_refused(
    alice_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 1000)
    answer = send(alice_client, xlsx(("email",), ("a@example.com",)))
    assert "is larger than" in str(answer.context["form"].errors["file"])


def test_the_name_of_a_list_has_to_be_one(alice_client: Browser) -> None:
    answer = send(alice_client, RUSSIAN_EXCEL, list_name="x" * 101)
    assert list(answer.context["form"].errors) == ["list_name"]


def test_the_same_form_sent_twice_is_one_import(alice_client: Browser) -> None:
    key = uuid.uuid4()
    locations = {send(alice_client, RUSSIAN_EXCEL, key=key)["Location"] for _ in "12"}
    assert len(locations) == 1
    assert Import.objects.count() == 1


def test_new_changed_and_same_are_told_apart(
    alice: User, alice_client: Browser
) -> None:
    recipes.client(alice, email="a@example.com", full_name="Old", comment="")
    recipes.client(alice, email="b@example.com", full_name="Ben", comment="")
    recipes.suppression(alice, email="b@example.com")
    job = uploaded(
        alice_client, "email,name\nA@example.com,Ann\nb@example.com,Ben\nc@example.com,"
    )
    assert figures(job) == (1, 1, 1, 0)
    text = page(alice_client, job)
    assert "<del" in text
    assert "Old" in text
    assert "1 of these addresses is suppressed" in text


def test_a_file_that_names_no_columns_is_asked_about(
    alice: User, alice_client: Browser
) -> None:
    job = uploaded(alice_client, "Анна;anna@example.com\nБорис;boris@example.com\n")
    assert job.state == "columns"
    assert "B: anna@example.com" in page(alice_client, job)
    act(alice_client, "columns", job, email="1", full_name="0")
    assert (job.state, figures(job)) == ("checked", (2, 0, 0, 0))
    act(alice_client, "start", job)
    assert names_of(alice) == {
        "anna@example.com": "Анна",
        "boris@example.com": "Борис",
    }


def test_columns_that_were_guessed_wrong_can_be_chosen(
    alice: User, alice_client: Browser
) -> None:
    job = uploaded(alice_client, "email,name,nick\na@example.com,Smith,Bob\n")
    act(alice_client, "columns", job, email="0", full_name="2", has_names="on")
    act(alice_client, "start", job)
    assert names_of(alice) == {"a@example.com": "Bob"}


@pytest.mark.parametrize(
    "chosen", [{}, {"email": "9"}, {"email": "x"}, {"email": "0", "comment": "0"}]
)
def test_columns_that_make_no_sense_are_refused_in_words(
    alice_client: Browser, chosen: dict[str, str]
) -> None:
    job = uploaded(alice_client, "one,two\n1,2\n")
    assert act(alice_client, "columns", job, **chosen).state == "columns"
    assert "alert" in page(alice_client, job)


# --- saving ---


def test_what_is_confirmed_is_saved_once(alice: User, alice_client: Browser) -> None:
    job = uploaded(alice_client, RUSSIAN_EXCEL, list_name="Friends")
    for _click in "12":
        act(alice_client, "start", job)
    assert (job.state, figures(job)) == ("done", (1, 0, 0, 1))
    assert names_of(alice) == {"anna@example.com": "Анна"}
    assert ClientList.objects.get(name="Friends").clients.count() == 1
    entry = AuditEntry.objects.get(action="imported")
    assert (entry.actor, entry.reason) == (
        alice,
        "clients.csv: created 1, updated 0, unchanged 0, rejected 1",
    )


def test_without_rejected_rows_the_file_is_not_kept(alice_client: Browser) -> None:
    job = uploaded(alice_client, "email\na@example.com\n")
    act(alice_client, "start", job)
    assert not ImportFile.objects.exists()


def test_rejected_rows_come_back_as_they_were_without_formulas(
    alice_client: Browser,
) -> None:
    job = uploaded(
        alice_client, "Code;Почта;ФИО\n=1+1;bad;Б\n1;a@example.com;A\n2;3;4;5\n"
    )
    for _step in ("checked", "done"):
        answer = alice_client.get(f"{job.get_absolute_url()}rejected/?export=csv")
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text)))
        assert rows[0] == ["Code", "Почта", "ФИО", "Row", "Reason"]
        assert rows[1][:4] == ["'=1+1", "bad", "Б", "2"]
        assert rows[1][4] == "e-mail: “bad” is not an e-mail address."
        assert rows[2][:4] == ["2", "3", "4", "5"]
        act(alice_client, "start", job)


def test_in_russian_with_semicolons_and_such_a_file_can_be_uploaded_again(
    alice: User, alice_client: Browser
) -> None:
    type(alice).objects.update(language="ru")
    job = uploaded(alice_client, "email,name\nbad,Б\na@example.com,A\n")
    answer = alice_client.get(f"{job.get_absolute_url()}rejected/?export=csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert text.splitlines()[1].startswith("bad;Б;2;")
    again = uploaded(alice_client, text.replace("bad", "b@example.com"))
    assert figures(again) == (1, 0, 0, 0)


def test_a_large_file_is_the_workers(
    alice: User, alice_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 1)
    job = uploaded(alice_client, RUSSIAN_EXCEL)
    assert job.state == "checking"
    assert [row.func() for row in OrmQ.objects.all()] == [
        "mailings.tasks.work_on_import"
    ]
    assert "The worker is not running." in page(alice_client, job)
    tasks.work_on_import(job.pk)
    job.refresh_from_db()
    assert job.state == "checked"


def test_the_progress_is_looked_at_until_there_is_none(
    alice_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "AT_ONCE", 1)
    job = uploaded(alice_client, RUSSIAN_EXCEL)
    live = f"{job.get_absolute_url()}live/?was=checking"
    answer = alice_client.get(live)
    assert 'hx-trigger="every 2s"' in answer.content.decode()
    assert "HX-Refresh" not in answer
    tasks.work_on_import(job.pk)
    answer = alice_client.get(live)
    assert "hx-trigger" not in answer.content.decode()
    assert answer["HX-Refresh"] == "true"


def test_an_upload_can_be_discarded_until_it_is_saved(alice_client: Browser) -> None:
    job = uploaded(alice_client, RUSSIAN_EXCEL)
    act(alice_client, "start", job)
    act(alice_client, "discard", job)
    assert "undo the import instead" in page(alice_client, job)
    other = uploaded(alice_client, RUSSIAN_EXCEL)
    answer = alice_client.post(f"{other.get_absolute_url()}discard/")
    assert answer["Location"] == UPLOAD
    assert list(Import.objects.all()) == [job]


# --- undoing ---


def test_an_import_is_undone(alice: User, alice_client: Browser) -> None:
    recipes.client(alice, email="a@example.com", full_name="Old", comment="kept")
    member = recipes.client(alice, email="b@example.com", full_name="Ben", comment="")
    friends = recipes.client_list(alice, member, name="Friends")
    before = list(Client.objects.order_by("pk").values())
    job = uploaded(
        alice_client,
        "email,name\na@example.com,New\nb@example.com,Ben\nc@example.com,C\n",
        list_name="Friends",
    )
    act(alice_client, "start", job)
    assert friends.clients.count() == 3
    assert "Undo the import" in page(alice_client, job)
    act(alice_client, "undo", job)
    assert (job.state, job.undone, job.left) == ("undone", 2, {})
    assert list(Client.objects.order_by("pk").values()) == before
    assert list(friends.clients.all()) == [member]
    assert AuditEntry.objects.filter(action="import_undone", actor=alice).exists()


def test_what_was_used_since_stays_and_is_told(
    alice: User, alice_client: Browser
) -> None:
    recipes.client(alice, email="old@example.com", full_name="Old")
    names = ("old", "plain", "mailed", "edited", "listed", "chosen", "deleted")
    job = uploaded(
        alice_client,
        "email,name\n" + "".join(f"{name}@example.com,Name\n" for name in names),
    )
    act(alice_client, "start", job)
    made = {name: Client.objects.get(email=f"{name}@example.com") for name in names}
    run = recipes.run(recipes.mailing(alice))
    recipes.delivery(run, "accepted", client=made["mailed"])
    Client.objects.filter(pk=made["edited"].pk).update(full_name="Edited")
    Client.objects.filter(pk=made["old"].pk).update(comment="By hand")
    recipes.client_list(alice, made["listed"])
    recipes.mailing(alice, clients=[made["chosen"]])
    made["deleted"].delete()
    act(alice_client, "undo", job)
    assert job.undone == 1
    assert job.left == {"mailed": 1, "touched": 2, "used": 2, "gone": 1}
    assert not Client.objects.filter(email="plain@example.com").exists()
    text = page(alice_client, job)
    assert "2 were edited since, and stay." in text
    assert "1 is in a run already, and stays." in text


def test_there_is_nothing_to_undo_before_it_is_saved(alice_client: Browser) -> None:
    job = uploaded(alice_client, RUSSIAN_EXCEL)
    answer = alice_client.get(f"{job.get_absolute_url()}undo/")
    assert answer["Location"] == job.get_absolute_url()
    assert act(alice_client, "undo", job).state == "checked"
    assert "There is nothing to undo." in page(alice_client, job)


# --- whose it is, and what it costs ---


@pytest.mark.parametrize("part", ["", "live/", "undo/", "rejected/"])
def test_nobody_else_sees_an_import(
    alice_client: Browser, bob_client: Browser, manager_client: Browser, part: str
) -> None:
    job = uploaded(alice_client, RUSSIAN_EXCEL)
    for browser in (bob_client, manager_client):
        assert browser.get(job.get_absolute_url() + part).status_code == 404


@pytest.mark.parametrize("rows", [1, 30])
def test_pages_cost_the_same_with_more_rows(
    alice: User,
    alice_client: Browser,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    text = "email\n" + "".join(f"c{n}@example.com\nbad{n}\n" for n in range(rows))
    job = uploaded(alice_client, text)
    with django_assert_num_queries(FRAME + 2):
        alice_client.get(job.get_absolute_url())
    act(alice_client, "start", job)
    with django_assert_num_queries(FRAME + 3):
        alice_client.get(job.get_absolute_url())
    with django_assert_num_queries(FRAME + 1):
        alice_client.get(UPLOAD)


def test_reasons_are_in_the_readers_language(
    alice: User, alice_client: Browser
) -> None:
    alice.language = "ru"
    alice.save()
    job = uploaded(alice_client, RUSSIAN_EXCEL)
    assert "не адрес эл. почты" in page(alice_client, job)
