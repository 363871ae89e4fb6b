"""Whoever something is shared with finds no link that leads to a refusal."""

import re
from collections import deque
from html import unescape
from typing import Any

import pytest
from django.test import Client

from mailings.models import ClientList, Mailing
from tests import recipes
from users import permissions
from users.models import User
from users.permissions import Level

pytestmark = pytest.mark.django_db

# What leaves the site's own pages, or ends the session.
_ELSEWHERE = ("/static/", "/accounts/", "/admin/", "/outbox/", "/profile/")


@pytest.fixture
def mailing(alice: User) -> Mailing:
    """Of Alice, to a list of two and to one more client; with a run behind it."""
    listed = recipes.client_list(alice, name="Friends")
    for name in ("Ann", "Ben"):
        listed.clients.add(recipes.client(alice, full_name=f"Listed {name}"))
    mailing = recipes.mailing(alice, title="Shared news")
    mailing.lists.add(listed)
    mailing.clients.add(recipes.client(alice, full_name="Picked Cora"))
    recipes.run(mailing, accepted=1, refused=1, unknown=1, deferred=1)
    recipes.client(alice, full_name="Secret Sue")
    recipes.mailing(alice, title="Secret plans")
    return mailing


def crawl(client: Client) -> dict[str, int]:
    """Every address that is reached by links from the home page -> its status."""
    found: dict[str, int] = {}
    waiting = deque(["/"])
    while waiting:
        address = waiting.popleft()
        if address in found or address.startswith(_ELSEWHERE):
            continue
        answer = client.get(address)
        found[address] = answer.status_code
        html = answer.content.decode() if answer.status_code == 200 else ""
        assert "Secret" not in html, address
        links = re.findall(r'(?:href|hx-get|src)="(/[^"#]*)"', html)
        waiting.extend(unescape(link) for link in links if "?" not in link)
    return found


ALL_OF_THEM = ("mailing", "message", "list")


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("shared", [ALL_OF_THEM, *((one,) for one in ALL_OF_THEM)])
def test_no_link_leads_to_a_refusal_and_nothing_else_is_shown(
    mailing: Mailing,
    alice: User,
    bob: User,
    bob_client: Client,
    level: Level,
    shared: tuple[str, ...],
) -> None:
    things: dict[str, Any] = {
        "mailing": mailing,
        "message": mailing.message,
        "list": ClientList.objects.get(),
    }
    for name in shared:
        permissions.share(things[name], to=bob, level=level, by=alice)
    pages = crawl(bob_client)
    assert {page: status for page, status in pages.items() if status != 200} == {}
    for name, thing in things.items():
        assert (thing.get_absolute_url() in pages) == (name in shared)
    seen = any(page.startswith("/deliveries/") for page in pages)
    assert seen == ("mailing" in shared)


def test_a_manager_finds_no_link_that_leads_to_a_refusal(
    mailing: Mailing, manager_client: Client
) -> None:
    mailing.title = "News"
    Mailing.objects.exclude(pk=mailing.pk).delete()
    pages = crawl(manager_client)
    refused = {page: status for page, status in pages.items() if status != 200}
    assert refused == {}
    assert len(pages) > 20


@pytest.mark.parametrize("kind", ["clients", "lists"])
def test_an_editors_search_finds_the_owners_things_only_as_far_as_they_are_shared(
    mailing: Mailing, alice: User, bob: User, bob_client: Client, kind: str
) -> None:
    recipes.client_list(alice, name="Secret list")
    recipes.client(bob, full_name="Of Bob himself")
    recipes.client_list(bob, name="Of Bob himself")
    address = f"/{kind}/options/?mailing={mailing.pk}"
    assert bob_client.post(address).status_code == 404
    permissions.share(mailing, to=bob, level=Level.VIEW, by=alice)
    assert bob_client.post(address).status_code == 404
    permissions.share(mailing, to=bob, level=Level.CHANGE, by=alice)
    page = bob_client.get(f"/mailings/{mailing.pk}/edit/").content.decode()
    assert f'hx-post="{address}"' in page
    options = bob_client.post(address).content.decode()
    for html in (page, options):
        assert "Secret" not in html
        assert "Of Bob" not in html
    assert {"clients": "Picked Cora", "lists": "Friends"}[kind] in options
    for nonsense in ("x", "9" * 30, "0"):
        answer = bob_client.post(f"/{kind}/options/?mailing={nonsense}")
        assert answer.status_code == 404


@pytest.mark.parametrize("field", ["clients", "lists", "message"])
def test_what_an_editor_may_not_use_is_an_error_at_its_field(
    mailing: Mailing, alice: User, bob: User, bob_client: Client, field: str
) -> None:
    foreign = {
        "clients": recipes.client,
        "lists": recipes.client_list,
        "message": recipes.message,
    }[field]
    permissions.share(mailing, to=bob, level=Level.CHANGE, by=alice)
    for owner in (alice, bob):
        answer = bob_client.post(
            f"/mailings/{mailing.pk}/edit/", {field: [foreign(owner).pk]}
        )
        assert field in answer.context["form"].errors


def test_an_editor_does_not_send_to_all_of_the_owners_clients(
    mailing: Mailing, alice: User, bob: User, bob_client: Client
) -> None:
    permissions.share(mailing, to=bob, level=Level.CHANGE, by=alice)
    address = f"/mailings/{mailing.pk}/edit/"
    assert 'name="all_clients"' not in bob_client.get(address).content.decode()
    form = {
        "message": mailing.message_id,
        "lists": [each.pk for each in mailing.lists.all()],
        "start_at": "2030-01-01T09:00",
        "end_at": "2030-02-01T09:00",
        "periodicity": "once",
    }
    answer = bob_client.post(address, form | {"all_clients": "on"})
    assert answer.status_code == 302
    mailing.refresh_from_db()
    assert not mailing.all_clients
    to_nobody = bob_client.post(address, form | {"lists": [], "all_clients": "on"})
    assert list(to_nobody.context["form"].errors) == ["lists"]


def test_an_editor_leaves_all_clients_as_they_are_or_takes_them_back(
    mailing: Mailing, alice: User, bob: User, bob_client: Client
) -> None:
    Mailing.objects.filter(pk=mailing.pk).update(all_clients=True)
    permissions.share(mailing, to=bob, level=Level.CHANGE, by=alice)
    address = f"/mailings/{mailing.pk}/edit/"
    page = bob_client.get(address).content.decode()
    assert "all clients of Alice" in page
    form = {
        "message": mailing.message_id,
        "lists": [each.pk for each in mailing.lists.all()],
        "start_at": "2030-01-01T09:00",
        "end_at": "2030-02-01T09:00",
        "periodicity": "once",
    }
    bob_client.post(address, form | {"all_clients": "on"})
    mailing.refresh_from_db()
    assert mailing.all_clients
    bob_client.post(address, form)
    mailing.refresh_from_db()
    assert not mailing.all_clients


def test_an_editor_takes_clients_off_a_list_and_puts_none_of_the_owners_on_it(
    mailing: Mailing, alice: User, bob: User, bob_client: Client
) -> None:
    shared = ClientList.objects.get()
    permissions.share(shared, to=bob, level=Level.CHANGE, by=alice)
    ann, ben = shared.clients.order_by("full_name")
    page = bob_client.get(shared.get_absolute_url()).content.decode()
    assert f"/lists/{shared.pk}/clients/" not in page
    bob_client.post(f"/lists/{shared.pk}/remove/", {"clients": [ann.pk]})
    assert list(shared.clients.all()) == [ben]
    secret = alice.clients.get(full_name="Secret Sue")
    for data in ({"clients": [secret.pk]}, {"everybody": "1"}):
        bob_client.post(f"/lists/{shared.pk}/add/", data)
        assert list(shared.clients.all()) == [ben]
    others = recipes.client_list(alice, secret)
    bob_client.post(f"/lists/{shared.pk}/remove/", {"clients": [secret.pk]})
    assert list(others.clients.all()) == [secret]
