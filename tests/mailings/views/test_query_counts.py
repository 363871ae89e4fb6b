"""A list costs the same with one row and with three."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from mailings.models import Delivery, Run
from tests import recipes
from users import permissions
from users.models import User
from users.permissions import Level

# Session and user; how the installation does; the permissions of the user.
FRAME = 2 + 1 + 1


def _whole_mailing(owner: User, **values: object) -> Run:
    """A mailing with a finished run, and a client and a list of its own."""
    client = recipes.client(owner)
    mailing = recipes.mailing(
        owner, lists=[recipes.client_list(owner, client)], **values
    )
    return recipes.run(mailing, accepted=1)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("name", "queries"),
    [
        ("mailings:client-list", 6),
        ("mailings:list-list", 2),
        ("mailings:message-list", 2),
        ("mailings:mailing-list", 2),
        ("mailings:run-list", 2),
        ("home", 6),
    ],
)
def test_a_list(
    alice: User,
    alice_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    name: str,
    queries: int,
    rows: int,
) -> None:
    for _ in range(rows):
        _whole_mailing(alice, periodicity="daily")
    with django_assert_num_queries(FRAME + queries):
        assert alice_client.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("rows", [1, 3])
def test_the_deliveries_of_a_run(
    alice: User,
    alice_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    run = recipes.run(recipes.mailing(alice), accepted=rows)
    url = reverse("mailings:run-detail", args=[run.pk])
    # The run, its files, its deliveries; their number is in the books.
    with django_assert_num_queries(FRAME + 3):
        alice_client.get(url)


@pytest.mark.parametrize("rows", [1, 3])
def test_the_runs_of_a_mailing(
    alice: User,
    alice_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    mailing = recipes.mailing(alice)
    for hour in range(rows):
        moment = recipes.moment(f"2026-01-01 0{hour}:00")
        recipes.run(mailing, values={"scheduled_for": moment}, accepted=1)
    # The mailing, runs, recipients (counted), picked clients and lists, last release,
    # deeds of the timeline.
    with django_assert_num_queries(FRAME + 7):
        alice_client.get(mailing.get_absolute_url())


@pytest.mark.parametrize("rows", [1, 3])
def test_the_attempts_of_a_delivery(
    alice: User,
    alice_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    run = recipes.run(recipes.mailing(alice), pending=1)
    delivery = Delivery.objects.get(run=run)
    for _ in range(rows):
        recipes.attempt(delivery, outcome="deferred")
    with django_assert_num_queries(FRAME + 3):
        alice_client.get(reverse("mailings:delivery-detail", args=[delivery.pk]))


@pytest.mark.parametrize("rows", [5, 200])
@pytest.mark.parametrize("kind", ["mailing", "message", "list"])
def test_a_list_of_shared_things(
    alice: User,
    bob: User,
    alice_client: Client,
    bob_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    kind: str,
    rows: int,
) -> None:
    make = {
        "mailing": recipes.mailing,
        "message": recipes.message,
        "list": recipes.client_list,
    }[kind]
    for _ in range(rows):
        permissions.share(make(alice), to=bob, level=Level.VIEW, by=alice)
    for client in (alice_client, bob_client):
        with django_assert_num_queries(FRAME + 2):
            page = client.get(reverse(f"mailings:{kind}-list"))
        assert page.status_code == 200


@pytest.fixture
def filled_in(alice: User) -> dict[str, object]:
    """A form about a new mailing to two lists and a client, with a file."""
    clients = recipes.clients(alice, 4)
    lists = [recipes.client_list(alice, *some) for some in (clients[:2], clients[1:])]
    message = recipes.message(alice)
    recipes.attachment(message, content=b"x")
    return {
        "message": message.pk,
        "lists": [each.pk for each in lists],
        "clients": [clients[3].pk],
        "start_at": "2090-01-01T10:00",
        "end_at": "2090-12-01T10:00",
        "periodicity": "daily",
    }


MOST = 12  # queries of a page


@pytest.mark.parametrize("changes", [{}, {"show": "1"}, {"start_at": "?"}])
def test_a_form_that_is_looked_at_before_the_start(
    alice_client: Client,
    filled_in: dict[str, object],
    django_assert_max_num_queries: DjangoAssertNumQueries,
    changes: dict[str, str],
) -> None:
    with django_assert_max_num_queries(MOST):
        page = alice_client.post(
            reverse("mailings:mailing-create"), filled_in | changes
        )
    assert page.status_code == 200


def test_a_dry_run(
    alice: User,
    alice_client: Client,
    filled_in: dict[str, object],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    mailing = recipes.mailing(
        alice, lists=filled_in["lists"], clients=filled_in["clients"]
    )
    with django_assert_max_num_queries(MOST):
        page = alice_client.get(reverse("mailings:mailing-dry-run", args=[mailing.pk]))
    assert page.status_code == 200
