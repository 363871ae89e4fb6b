from django.test import Client as Browser
from django.urls import reverse

from tests import recipes
from users.models import User

URL = "/clients/options/"


def test_a_search_keeps_what_is_picked_and_finds_others(
    alice: User, alice_client: Browser
) -> None:
    picked = recipes.client(alice, full_name="Zoe")
    found = recipes.client(alice, full_name="Adam")
    recipes.client(alice, full_name="Eve")
    data = {"clients": [picked.pk], "clients-search": "adam"}
    options = alice_client.post(URL, data).context["options"]
    assert (options.picked, options.others) == ([picked], [found])


def test_very_many_are_not_all_shown(alice: User, alice_client: Browser) -> None:
    recipes.clients(alice, 51)
    answer = alice_client.post(URL)
    assert len(answer.context["options"].others) == 50
    assert "The first 50 are shown." in answer.content.decode()


def test_foreign_rows_are_no_options(
    alice: User, alice_client: Browser, bob: User
) -> None:
    foreign = recipes.client(bob)
    options = alice_client.post(URL, {"clients": [foreign.pk]}).context["options"]
    assert (options.picked, options.others) == ([], [])


def test_nonsense_does_no_harm(alice_client: Browser) -> None:
    data = {"clients": ["x", "9" * 30], "clients-search": "\0%_"}
    assert alice_client.post(URL, data).status_code == 200


def test_lists_are_searched_too(alice: User, alice_client: Browser) -> None:
    found = recipes.client_list(alice, name="Friends")
    recipes.client_list(alice, name="Foes")
    answer = alice_client.post(
        reverse("mailings:list-options"), {"lists-search": "friend"}
    )
    assert answer.context["options"].others == [found]
