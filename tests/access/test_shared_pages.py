"""Whoever something is shared with finds no link that leads to a refusal."""

import re
from collections import deque
from html import unescape

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


@pytest.mark.parametrize("level", list(Level))
def test_no_link_leads_to_a_refusal_and_nothing_else_is_shown(
    mailing: Mailing, alice: User, bob: User, bob_client: Client, level: Level
) -> None:
    shared = ClientList.objects.get()
    for thing in (mailing, mailing.message, shared):
        assert thing is not None
        permissions.share(thing, to=bob, level=level, by=alice)
    pages = crawl(bob_client)
    assert {page: status for page, status in pages.items() if status != 200} == {}
    for thing in (mailing, mailing.message, shared):
        assert thing is not None
        assert thing.get_absolute_url() in pages
    assert any(page.startswith("/deliveries/") for page in pages)


def test_a_manager_finds_no_link_that_leads_to_a_refusal(
    mailing: Mailing, manager_client: Client
) -> None:
    mailing.title = "News"
    Mailing.objects.exclude(pk=mailing.pk).delete()
    pages = crawl(manager_client)
    refused = {page: status for page, status in pages.items() if status != 200}
    assert refused == {}
    assert len(pages) > 20


def test_an_editor_is_offered_the_owners_things_only_as_far_as_they_are_shared(
    mailing: Mailing, alice: User, bob: User, bob_client: Client
) -> None:
    permissions.share(mailing, to=bob, level=Level.CHANGE, by=alice)
    answer = bob_client.get(f"/mailings/{mailing.pk}/edit/")
    assert answer.status_code == 200
    assert "Secret" not in answer.content.decode()
    for kind in ("clients", "lists"):
        options = bob_client.get(f"/{kind}/options/?q=e").content.decode()
        assert "Secret" not in options
        assert "Listed" not in options
