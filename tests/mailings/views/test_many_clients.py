"""A million clients: what a search finds is cut, and sorted by what has an index."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from mailings.forms import fields
from mailings.models import Mailing
from mailsvc.tables import BoundedTable
from tests import recipes
from users.models import User

pytestmark = pytest.mark.django_db

CLIENTS = "/clients/"


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedTable, "MOST", 3)


def names(answer: Any) -> list[str]:
    return [row.record.full_name for row in answer.context["table"].paginated_rows]


def people(owner: User, *names: str) -> list[Any]:
    return [recipes.client(owner, full_name=name) for name in names]


def test_all_clients_are_counted_and_shown_page_by_page(
    alice: User, alice_client: Browser
) -> None:
    people(alice, *(f"Anna {number:02}" for number in range(12)))
    answer = alice_client.get(CLIENTS, {"per_page": 10, "page": 2})
    assert names(answer) == ["Anna 10", "Anna 11"]
    assert "12 rows" in answer.content.decode()


def test_many_are_sorted_by_name_only(alice: User, alice_client: Browser) -> None:
    people(alice, "Dora", "Anna", "Berta", "Clara")
    assert "sort=email" not in alice_client.get(CLIENTS).content.decode()
    assert names(alice_client.get(CLIENTS, {"sort": "-email"}))[0] == "Anna"
    descending = alice_client.get(CLIENTS, {"sort": "-full_name"})
    assert names(descending) == ["Dora", "Clara", "Berta", "Anna"]


def test_of_what_a_search_finds_the_first_are_shown(
    alice: User, alice_client: Browser
) -> None:
    people(alice, "Anna 4", "Anna 2", "Anna 3", "Anna 1", "Berta")
    answer = alice_client.get(CLIENTS, {"q": "anna"})
    assert "The first 3 rows; a filter finds the others" in answer.content.decode()
    assert names(answer) == ["Anna 1", "Anna 2", "Anna 3"]


def test_the_few_that_a_search_finds_are_sorted_by_anything(
    alice: User, alice_client: Browser
) -> None:
    people(alice, "Anna 1", "Anna 2", "Berta", "Clara")
    answer = alice_client.get(CLIENTS, {"q": "anna", "sort": "-created_at"})
    assert names(answer) == ["Anna 2", "Anna 1"]
    assert "2 rows" in answer.content.decode()
    assert names(alice_client.get(CLIENTS, {"q": "anna"})) == ["Anna 1", "Anna 2"]


def test_a_file_has_all_that_a_search_finds(alice: User, alice_client: Browser) -> None:
    people(alice, "Anna 1", "Anna 2", "Anna 3", "Anna 4", "Berta")
    answer = alice_client.get(CLIENTS, {"q": "anna", "export": "csv"})
    text = b"".join(answer).decode("utf-8-sig")
    assert text.count("Anna") == 4
    assert "Berta" not in text


def test_a_list_and_who_is_not_on_it_are_counted_without_going_through_them(
    alice: User, alice_client: Browser
) -> None:
    anna, berta, *_others = people(alice, "Anna", "Berta", "Clara", "Dora", "Emma")
    page = recipes.client_list(alice, anna, berta).get_absolute_url()
    on_it, others = alice_client.get(page), alice_client.get(f"{page}clients/")
    assert (names(on_it), "2 rows" in on_it.content.decode()) == (
        ["Anna", "Berta"],
        True,
    )
    assert names(others) == ["Clara", "Dora", "Emma"]
    assert "3 rows" in others.content.decode()


def test_all_that_are_found_can_be_added_though_only_the_first_are_shown(
    alice: User, alice_client: Browser
) -> None:
    people(alice, "Anna 1", "Anna 2", "Anna 3", "Anna 4", "Berta")
    members = recipes.client_list(alice)
    page = members.get_absolute_url()
    shown = alice_client.get(f"{page}clients/", {"q": "anna"}).content.decode()
    assert "Add all clients found" in shown
    alice_client.post(f"{page}add/", {"q": "anna", "everybody": "1"})
    assert members.clients.count() == 4
    alice_client.post(f"{page}add/", {"everybody": "1"})
    rest = alice_client.get(f"{page}clients/").content.decode()
    assert "Nobody is left to add." in rest


def test_a_picker_finds_the_same_whether_few_or_many(
    alice: User, alice_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(alice, "Anna 3", "Anna 1", "Berta", "Anna 2")
    search = {"clients-search": "anna"}
    few = alice_client.post("/clients/options/", search).content.decode()
    monkeypatch.setattr(fields, "_FEW", 2)
    many = alice_client.post("/clients/options/", search).content.decode()
    assert few == many
    assert few.index("Anna 1") < few.index("Anna 2") < few.index("Anna 3")
    assert "Berta" not in few


def test_members_of_lists_are_asked_for_one_by_one_and_never_read_whole(
    alice: User,
) -> None:
    """PostgreSQL reads a sub-query that its memory can't hold anew for each client."""
    anna, berta, _clara = people(alice, "Anna", "Berta", "Clara")
    lists = [recipes.client_list(alice, anna), recipes.client_list(alice, anna)]
    mailing = recipes.mailing(alice, lists=lists, clients=[berta])
    with CaptureQueriesContext(connection) as queries:
        found = Mailing.objects.get(pk=mailing.pk).recipients()
        assert set(found) == {anna, berta}
    assert " IN (SELECT" not in queries[-1]["sql"]
