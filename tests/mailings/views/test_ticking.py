"""What can be done with the clients that are ticked in the table."""

from typing import Any

import pytest
from django.test import Client as Browser

from mailings.models import Client, Delivery
from tests import recipes
from tests.mailings.views.conftest import Things
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db

CLIENTS = "/clients/"
TICKED = "/clients/ticked/"


def do(browser: Browser, what: str, *clients: Client, **more: Any) -> Any:
    keys = [client.pk for client in clients]
    return browser.post(TICKED, {"do": what, "clients": keys, **more}, follow=True)


def test_the_ticked_go_on_a_list_and_off_it(alice: User, alice_client: Browser) -> None:
    anna, boris, _other = recipes.clients(alice, 3)
    vips = recipes.client_list(alice, anna, name="VIPs")
    page = do(alice_client, "add", anna, boris, list=vips.pk).content.decode()
    assert "VIPs: 1 client was added." in page
    assert set(vips.clients.all()) == {anna, boris}
    do(alice_client, "remove", anna, list=vips.pk)
    assert set(vips.clients.all()) == {boris}


def test_deleting_asks_by_name_first(alice_client: Browser, things: Things) -> None:
    page = do(alice_client, "delete", things.client).content.decode()
    assert "Delete 1 client?" in page
    assert things.client.email in page
    assert Client.objects.filter(pk=things.client.pk).exists()


def test_the_deleted_are_gone_and_what_waited_for_them_is_cancelled(
    alice: User, alice_client: Browser
) -> None:
    clients = recipes.clients(alice, 2)
    run = recipes.run(recipes.mailing(alice), pending=1)
    Delivery.objects.filter(run=run).update(client=clients[0])
    do(alice_client, "delete", *clients, sure="1")
    assert not Client.objects.filter(pk__in=[each.pk for each in clients]).exists()
    assert Delivery.objects.get(run=run).state == Delivery.State.CANCELLED
    entries = AuditEntry.objects.filter(action=AuditEntry.Action.CLIENT_DELETED)
    assert entries.count() == 2


def test_a_new_mailing_to_the_ticked_has_them_picked(
    alice: User, bob: User, alice_client: Browser
) -> None:
    anna, boris, _other = recipes.clients(alice, 3)
    recipes.message(alice)
    page = do(alice_client, "write", anna, boris)
    assert page.context["form"]["clients"].value() == [anna.pk, boris.pk]
    stranger = recipes.client(bob)
    page = alice_client.get("/mailings/new/", {"client": [stranger.pk, "x"]})
    assert page.context["form"]["clients"].value() == []


def test_a_file_has_the_ticked_and_nobody_else(
    alice: User, alice_client: Browser
) -> None:
    anna, boris, other = recipes.clients(alice, 3)
    answer = do(alice_client, "csv", anna, boris)
    text = b"".join(answer.streaming_content).decode()
    assert (anna.email in text, boris.email in text) == (True, True)
    assert other.email not in text


@pytest.mark.parametrize("what", ["add", "remove", "delete", "csv"])
def test_others_clients_can_be_ticked_in_vain(
    alice: User, bob: User, bob_client: Browser, what: str
) -> None:
    hers = recipes.client(alice)
    his_list = recipes.client_list(bob)
    page = do(bob_client, what, hers, list=his_list.pk, sure="1").content.decode()
    assert "Tick some clients first." in page
    assert not his_list.clients.exists()
    assert Client.objects.filter(pk=hers.pk).exists()


def test_others_lists_can_be_chosen_in_vain(
    alice: User, bob: User, bob_client: Browser
) -> None:
    hers = recipes.client_list(alice)
    page = do(bob_client, "add", recipes.client(bob), list=hers.pk).content.decode()
    assert "Choose a list first." in page
    assert not hers.clients.exists()


def test_lists_are_badges_that_filter(alice: User, alice_client: Browser) -> None:
    anna, boris = recipes.clients(alice, 2)
    vips = recipes.client_list(alice, anna, name="VIPs")
    page = alice_client.get(CLIENTS).content.decode()
    assert f'href="{CLIENTS}?list={vips.pk}">VIPs</a>' in page
    found = alice_client.get(f"{CLIENTS}?list={vips.pk}").content.decode()
    assert (anna.email in found, boris.email in found) == (True, False)


def test_who_is_suppressed_is_shown_with_the_evidence_and_a_way_back(
    alice: User, alice_client: Browser
) -> None:
    client = recipes.client(alice)
    gone = recipes.suppression(alice, email=client.email)
    page = alice_client.get(CLIENTS).content.decode()
    assert gone.words in page
    assert f"/suppressed/{gone.pk}/allow/" in page


def test_what_was_picked_is_forgotten_by_the_next_search(
    alice: User, alice_client: Browser
) -> None:
    one, _other = recipes.clients(alice, 2)
    answer = alice_client.get(CLIENTS, {"pick": [one.pk]})
    assert list(answer.context["table"].data) == [one]
    assert 'name="pick"' not in answer.content.decode()
