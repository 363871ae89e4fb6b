"""Every page of the reports costs the same with one row and with three: 10 at most."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from mailings.models import Client as Recipient
from mailings.models import Mailing, Run
from tests import recipes
from users.models import User

pytestmark = pytest.mark.django_db

# Session, user and permissions. On a page, how the installation does.
FRAME = 3
CONDITION = 1
_FAILED = ("refused", "deferred", "unknown", "expired")


def runs_of(owner: User, to: Recipient, rows: int) -> Mailing:
    """A mailing with so many runs of so many recipients in each state, one of them
    the same in all."""
    mailing = recipes.mailing(owner, periodicity="daily")
    for day in range(rows):
        at = timezone.now() - timedelta(days=day)
        states = dict.fromkeys(("accepted", *_FAILED), rows)
        run = recipes.run(mailing, values={"scheduled_for": at}, **states)
        first = run.deliveries.earliest("pk")
        run.deliveries.filter(pk=first.pk).update(
            email=to.email, full_name=to.full_name, client=to
        )
    return mailing


def last_run(mailing: Mailing) -> Run:
    return mailing.runs.latest("scheduled_for")


# name of the page, whose key it has, what is asked for, queries beside the frame
PAGES = [
    # The table's rows and their number; the totals, what is shared with the reader.
    ("overview", "", "", 5),
    ("overview", "", "?since=2020-01-01&q=a&status=created", 5),
    # The mailing; its books; replies, ends, days; the runs.
    ("mailing", "mailing", "", 6),
    # The mailing (or the run), the version of the figures (the run's own), the figures.
    ("mailing-chart", "mailing", "", 3),
    # The mailing, which runs have such attempts, their number, the rows.
    ("mailing-attempts", "mailing", "", 4),
    ("mailing-attempts", "mailing", "?outcome=refused&code=550&sort=code", 4),
    ("mailing-attempts", "mailing", "?since=2020-01-01T00:00", 4),
    ("mailing-attempts", "mailing", "?email=ivan@example.com", 3),
    ("mailing-recipients", "mailing", "", 4),
    ("mailing-recipients", "mailing", "?state=refused&q=a", 4),
    # The run with its books; replies, ends, quarters of an hour.
    ("run", "run", "", 4),
    ("run-chart", "run", "", 2),
    ("run-attempts", "run", "", 4),
    ("run-attempts", "run", "?outcome=refused&code=550&sort=code", 4),
    ("run-attempts", "run", "?email=ivan@example.com", 3),
    # The run; is the mailing to go on; whom.
    ("run-retry", "run", "", 2),
    # The client; deliveries, attempts; the server's state; what may be tried again.
    ("story", "", "?email=ivan@example.com", 4),
    ("client", "client", "", 4),
]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("name", "of", "query", "queries"), PAGES)
def test_a_page(
    alice: User,
    alice_client: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
    name: str,
    of: str,
    query: str,
    queries: int,
    rows: int,
) -> None:
    ivan = recipes.client(alice, email="ivan@example.com")
    for _ in range(rows):
        mailing = runs_of(alice, ivan, rows)
    keys = {"mailing": mailing.pk, "run": last_run(mailing).pk, "client": ivan.pk}
    address = reverse(f"reports:{name}", args=[keys[of]] if of else [])
    if not name.endswith("-chart"):  # there is no page around it
        queries += CONDITION
    assert FRAME + queries <= 10
    with django_assert_num_queries(FRAME + queries):
        assert alice_client.get(f"{address}{query}").status_code == 200
