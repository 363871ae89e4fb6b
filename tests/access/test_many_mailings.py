"""With 20,000 mailings a page costs as many queries as with a few."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm

from mailings.models import Mailing, MailingUserPermission
from tests import recipes
from tests.conftest import empty_cache
from users.models import User

pytestmark = pytest.mark.django_db

MANY = 20_000
LISTS = (
    *("/", "/mailings/", "/mailings/calendar/", "/runs/", "/messages/", "/clients/"),
    "/reports/",
)
PAGES = {
    "owner": LISTS,
    "sharer": LISTS,  # with whom half of them are shared
    "manager": (*LISTS, "/manage/", "/manage/users/", "/manage/?sort=-total_accepted"),
}


@pytest.fixture
def browsers(
    alice_client: Client, bob_client: Client, manager_client: Client
) -> dict[str, Client]:
    return {"owner": alice_client, "sharer": bob_client, "manager": manager_client}


def copies(of: Mailing, count: int) -> list[Mailing]:
    fields = {
        field.attname: getattr(of, field.attname)
        for field in Mailing._meta.concrete_fields
        if not field.primary_key
    }
    made = [Mailing(**fields) for _ in range(count)]
    return Mailing.objects.bulk_create(made, batch_size=2_000)


def costs(browsers: dict[str, Client]) -> Iterator[tuple[str, str, int]]:
    for who, pages in PAGES.items():
        for page in pages:
            empty_cache()
            browsers[who].get(page)  # what is cached for others is no gain of ours
            empty_cache()
            with CaptureQueriesContext(connection) as queries:
                assert browsers[who].get(page).status_code == 200
            yield who, page, len(queries)


def test_no_list_costs_more_queries(
    alice: User, bob: User, browsers: dict[str, Client]
) -> None:
    template = recipes.mailing(alice, periodicity="daily")
    recipes.run(template, accepted=1)
    assign_perm("mailings.view_mailing", bob, template)
    few = list(costs(browsers))
    made = copies(template, MANY)
    granted = MailingUserPermission.objects.get()
    MailingUserPermission.objects.bulk_create(
        [
            MailingUserPermission(
                user=bob, permission=granted.permission, content_object=each
            )
            for each in made[::2]
        ],
        batch_size=2_000,
    )
    assert list(costs(browsers)) == few
    assert Mailing.objects.at_hand(bob).count() == MANY // 2 + 1
    assert max(count for _, _, count in few) <= 12
