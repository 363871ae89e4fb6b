import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mailings.models import Attempt, Delivery, EndCount, PeriodCount, ReplyCount, Run
from reports.recount import Drift, drifts
from tests import recipes
from users.models import User


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


def test_a_lost_attempt_is_found_wherever_it_counts(run: Run) -> None:
    lost = Attempt.objects.order_by("pk")[0]
    Attempt.objects.filter(pk=lost.pk).delete()
    found = list(drifts())
    assert found[:2] == [
        Drift(run.pk, "attempts", 4, 3),
        Drift(run.pk, f"attempts of delivery {lost.delivery_id}", 1, 0),
    ]
    statistics = [drift.figure.split(" ")[0] for drift in found[2:]]
    assert statistics == ["PeriodCount", "ReplyCount"]


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


def test_statistics_that_are_off_are_found(run: Run) -> None:
    EndCount.objects.create(
        run=run, state="expired", reason="window_over", deliveries=2
    )
    ReplyCount.objects.filter(code=550).update(attempts=3)
    (period,) = PeriodCount.objects.all()
    PeriodCount.objects.update(accepted=0)
    found = {drift.figure.split(" ")[0]: drift for drift in drifts()}
    assert found.keys() == {"EndCount", "PeriodCount", "ReplyCount"}
    assert found["EndCount"].figure == "EndCount expired window_over"
    assert (found["EndCount"].counter, found["EndCount"].counted) == ("2", "0")
    assert str(period.period) in found["PeriodCount"].figure
    assert found["PeriodCount"].counter == "0, 1, 1, 1"
    assert str(found["ReplyCount"].counter).startswith("3, ")


def test_a_run_is_counted_once_and_not_once_per_recipient(run: Run) -> None:
    """A subquery beside what is grouped is run for each row: minutes for 20,000."""
    with CaptureQueriesContext(connection) as queries:
        list(drifts())
    assert [each["sql"] for each in queries if each["sql"].count("SELECT") > 1] == []
