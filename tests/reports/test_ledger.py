import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailings.models import Attempt, Delivery, Run
from reports.ledger import COUNTERS, Drift, drifts, figures_of
from tests import recipes
from users.models import User


def test_figures_are_per_run_and_in_total(alice: User) -> None:
    mailing = recipes.mailing(alice)
    first = recipes.run(mailing, accepted=2, refused=1, deferred=1)
    second = recipes.run(
        mailing,
        values={"scheduled_for": recipes.moment("2100-01-01 09:00")},
        accepted=3,
        expired=1,
    )
    figures = figures_of(mailing)
    zeros = dict.fromkeys(COUNTERS, 0)
    one = zeros | {"planned": 4, "accepted": 2, "refused": 1, "deferred": 1}
    two = zeros | {"planned": 4, "accepted": 3, "expired": 1}
    assert figures == {
        "mailing": mailing.pk,
        "status": "created",
        "runs": [
            {
                "run": first.pk,
                "scheduled_for": first.scheduled_for,
                **one,
                "attempts": 4,
            },
            {
                "run": second.pk,
                "scheduled_for": second.scheduled_for,
                **two,
                "attempts": 3,
            },
        ],
        "totals": zeros
        | {"planned": 8, "accepted": 5, "refused": 1, "deferred": 1}
        | {"expired": 1, "attempts": 7},
    }


@pytest.fixture
def run(alice: User) -> Run:
    return recipes.run(
        recipes.mailing(alice),
        **dict.fromkeys(Delivery.State.values, 1),
    )


def test_right_books_show_no_drift(run: Run) -> None:
    assert list(drifts()) == []


@pytest.mark.parametrize("state", ["accepted", "refused", "unknown", "expired"])
def test_a_counter_that_is_off_is_found(run: Run, state: str) -> None:
    Run.objects.update(planned=10, **{state: 2})
    assert list(drifts()) == [
        Drift(run.pk, "planned", 10, 9),
        Drift(run.pk, state, 2, 1),
    ]


def test_a_state_that_moved_without_its_counter_is_found(run: Run) -> None:
    Delivery.objects.filter(state="pending").update(state="cancelled")
    assert list(drifts()) == [
        Drift(run.pk, "pending", 1, 0),
        Drift(run.pk, "cancelled", 1, 2),
    ]


def test_a_lost_attempt_is_found_twice(run: Run) -> None:
    lost = Attempt.objects.order_by("pk")[0]
    Attempt.objects.filter(pk=lost.pk).delete()
    assert list(drifts()) == [
        Drift(run.pk, "attempts", 4, 3),
        Drift(run.pk, f"attempts of delivery {lost.delivery_id}", 1, 0),
    ]


def test_a_run_without_recipients_balances(alice: User) -> None:
    recipes.run(recipes.mailing(alice))
    assert list(drifts()) == []


def test_all_runs_are_looked_at(alice: User) -> None:
    for _ in range(120):
        recipes.run(recipes.mailing(alice))
    Run.objects.update(attempts=1)
    assert len(list(drifts())) == 120


def test_the_statements_do_not_grow_with_the_deliveries(alice: User) -> None:
    counts = []
    for size in (1, 20):
        Run.objects.all().delete()
        recipes.run(recipes.mailing(alice), accepted=size)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert list(drifts()) == []
        counts.append(len(queries))
    assert counts[0] == counts[1]
