import pytest
from django.test import Client as Browser
from django.urls import reverse

from mailings.models import Client, ClientList
from tests import recipes
from tests.mailings.views.conftest import Things
from users.models import User


def test_a_new_list_belongs_to_who_is_signed_in(
    alice: User, alice_client: Browser
) -> None:
    answer = alice_client.post(reverse("mailings:list-create"), {"name": "Friends"})
    made = ClientList.objects.get()
    assert (made.owner, answer["Location"]) == (alice, made.get_absolute_url())


def test_a_name_is_taken_once(alice_client: Browser, things: Things) -> None:
    answer = alice_client.post(reverse("mailings:list-create"), {"name": "tsars"})
    assert answer.context["form"].errors == {
        "name": ["You already have a list of this name."]
    }


def test_a_deleted_list_leaves_its_clients(
    alice_client: Browser, things: Things
) -> None:
    alice_client.post(reverse("mailings:list-delete", args=[things.list.pk]))
    assert not ClientList.objects.exists()
    assert Client.objects.filter(pk=things.client.pk).exists()


def test_a_list_shows_who_is_on_it_and_offers_the_others(
    alice: User, alice_client: Browser, things: Things
) -> None:
    members = reverse("mailings:list-detail", args=[things.list.pk])
    others = reverse("mailings:list-candidates", args=[things.list.pk])
    rest = set(Client.objects.owned_by(alice).exclude(pk=things.client.pk))
    assert list(alice_client.get(members).context["object_list"]) == [things.client]
    assert set(alice_client.get(others).context["object_list"]) == rest


def _add(browser: Browser, to: ClientList, **data: object) -> None:
    url = reverse("mailings:list-add", args=[to.pk])
    assert browser.post(url, data)["Location"] == to.get_absolute_url()


def test_ticked_clients_are_added_and_taken_off(
    alice: User, alice_client: Browser
) -> None:
    first, second, _third = recipes.clients(alice, 3)
    friends = recipes.client_list(alice)
    _add(alice_client, friends, clients=[first.pk, second.pk])
    assert set(friends.clients.all()) == {first, second}
    _add(alice_client, friends, clients=[first.pk])
    url = reverse("mailings:list-remove", args=[friends.pk])
    alice_client.post(url, {"clients": [first.pk]})
    assert set(friends.clients.all()) == {second}


def test_everybody_who_was_found_is_added(alice: User, alice_client: Browser) -> None:
    found = recipes.clients(alice, 30, comment="conference")
    recipes.client(alice)
    friends = recipes.client_list(alice)
    _add(alice_client, friends, everybody="1", q="conference")
    assert set(friends.clients.all()) == set(found)


def test_a_search_that_makes_no_sense_adds_nobody(
    alice: User, alice_client: Browser
) -> None:
    recipes.client(alice)
    friends = recipes.client_list(alice)
    _add(alice_client, friends, everybody="1", q="x" * 201)
    assert not friends.clients.exists()


@pytest.mark.parametrize("name", ["list-add", "list-remove"])
def test_foreign_clients_are_neither_added_nor_taken_off(
    alice: User, alice_client: Browser, bob: User, name: str
) -> None:
    foreign, friends = recipes.client(bob), recipes.client_list(alice)
    url = reverse(f"mailings:{name}", args=[friends.pk])
    alice_client.post(url, {"clients": [foreign.pk, "x", "-1", "9" * 30]})
    assert not friends.clients.exists()
    assert Client.objects.filter(pk=foreign.pk).exists()


def test_everybody_is_everybody_of_ones_own(
    alice: User, alice_client: Browser, bob: User
) -> None:
    own, _foreign = recipes.client(alice), recipes.client(bob)
    friends = recipes.client_list(alice)
    _add(alice_client, friends, everybody="1", q="")
    assert list(friends.clients.all()) == [own]
