"""Not visible: 404. Visible but not allowed: 403, nothing changed, nothing offered."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailings import lifecycle
from mailings.models import Mailing, Message
from tests import recipes
from users import permissions
from users.models import User
from users.permissions import Level

pytestmark = pytest.mark.django_db

CHANGES = [
    ("get", "mailing-update"),
    ("post", "mailing-update"),
    ("post", "mailing-pause"),
    ("post", "mailing-stop"),
    ("post", "mailing-send"),
]
OWNERS = [("get", "mailing-delete"), ("post", "mailing-delete")]


@pytest.fixture
def mailing(alice: User) -> Mailing:
    return recipes.mailing(alice, title="A mailing of Alice's")


def status(client: Client, method: str, name: str, mailing: Mailing) -> int:
    url = reverse(f"mailings:{name}", args=[mailing.pk])
    response: Any = getattr(client, method)(url)
    return int(response.status_code)


def snapshot() -> list[dict[str, Any]]:
    return [*Mailing.objects.order_by("pk").values(), *Message.objects.values()]


@pytest.mark.parametrize(("method", "name"), [*CHANGES, *OWNERS])
def test_a_stranger_finds_nothing(
    method: str, name: str, mailing: Mailing, charlie_client: Client
) -> None:
    assert status(charlie_client, method, name, mailing) == 404


@pytest.mark.parametrize("who", ["manager_client", "bob_client"])
@pytest.mark.parametrize(("method", "name"), [*CHANGES, *OWNERS])
def test_who_may_only_look_is_refused(
    method: str,
    name: str,
    who: str,
    mailing: Mailing,
    alice: User,
    bob: User,
    request: pytest.FixtureRequest,
) -> None:
    permissions.share(mailing, to=bob, level=Level.VIEW, by=alice)
    before = snapshot()
    client = request.getfixturevalue(who)
    assert status(client, method, name, mailing) == 403
    assert snapshot() == before


@pytest.mark.parametrize(("method", "name"), OWNERS)
def test_an_editor_does_not_delete(
    method: str, name: str, mailing: Mailing, alice: User, bob: User, bob_client: Client
) -> None:
    permissions.share(mailing, to=bob, level=Level.CHANGE, by=alice)
    assert status(bob_client, method, name, mailing) == 403


@pytest.mark.parametrize(
    ("who", "offered"),
    [
        ("alice_client", {"update", "delete", "pause", "stop", "send"}),
        ("bob_client", {"update", "pause", "stop", "send"}),
        ("manager_client", set()),
    ],
)
def test_the_page_offers_what_is_allowed(
    who: str,
    offered: set[str],
    mailing: Mailing,
    alice: User,
    bob: User,
    request: pytest.FixtureRequest,
) -> None:
    permissions.share(mailing, to=bob, level=Level.CHANGE, by=alice)
    page = request.getfixturevalue(who).get(mailing.get_absolute_url())
    shown = {
        action
        for action in ("update", "delete", "pause", "stop", "send")
        if reverse(f"mailings:mailing-{action}", args=[mailing.pk])
        in page.content.decode()
    }
    assert shown == offered


def test_an_editors_form_shows_nothing_else_of_the_owners(
    mailing: Mailing, alice: User, bob: User, bob_client: Client
) -> None:
    recipes.client_list(alice, name="Secret list")
    recipes.client(alice, full_name="Secret client")
    recipes.message(alice, subject="Secret message")
    permissions.share(mailing, to=bob, level=Level.CHANGE, by=alice)
    url = reverse("mailings:mailing-update", args=[mailing.pk])
    page = bob_client.get(url)
    assert page.status_code == 200
    assert "Secret" not in page.content.decode()


def test_lists_show_managers_their_own_work(
    mailing: Mailing, manager_client: Client
) -> None:
    page = manager_client.get(reverse("mailings:mailing-list"))
    assert "A mailing of" not in page.content.decode()


def test_the_owner_reads_who_held_the_mailing_and_why_and_cannot_lift_it(
    mailing: Mailing, manager: User, alice_client: Client, manager_client: Client
) -> None:
    lifecycle.hold(mailing, by=manager, reason="Too many complaints")
    owners = alice_client.get(mailing.get_absolute_url()).content.decode()
    assert "Too many complaints" in owners
    assert "manager@example.com" in owners
    release = reverse("reports:manage-mailing-release", args=[mailing.pk])
    assert release not in owners
    assert alice_client.post(release).status_code == 403
    managers = manager_client.get(mailing.get_absolute_url()).content.decode()
    assert release in managers
