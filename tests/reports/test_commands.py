import pytest

from mailings.models import Delivery, Mailing, Run
from tests import recipes
from tests.support.commands import call
from users.models import User


@pytest.fixture
def run(alice: User) -> Run:
    mailing = recipes.mailing(
        alice, title="T", status="running", start_at=recipes.moment("2026-03-01 09:00")
    )
    return recipes.run(mailing, accepted=2, deferred=1)


def test_the_report_comes_as_json(run: Run) -> None:
    called = call("mailing_report", run.mailing_id, "--json")
    figures = {
        "planned": 3,
        "pending": 0,
        "sending": 0,
        "deferred": 1,
        "accepted": 2,
        "refused": 0,
        "unknown": 0,
        "expired": 0,
        "suppressed": 0,
        "cancelled": 0,
        "attempts": 3,
    }
    assert called.data == {
        "mailing": run.mailing_id,
        "status": "running",
        "runs": [{"run": run.pk, "scheduled_for": "2026-03-01T09:00:00Z", **figures}],
        "totals": figures,
    }


def test_people_get_a_table(run: Run) -> None:
    lines = call("mailing_report", run.mailing_id).out.splitlines()
    assert lines[0] == f"Mailing {run.mailing_id} “T”: running"
    assert lines[1].split()[:4] == ["run", "scheduled", "for", "planned"]
    assert lines[2].split()[:4] == [str(run.pk), "2026-03-01", "09:00", "3"]
    assert lines[3].split()[:2] == ["total", "3"]


def test_a_mailing_without_runs_has_a_report(alice: User) -> None:
    mailing = recipes.mailing(alice)
    assert call("mailing_report", mailing.pk, "--json").data["runs"] == []
    assert call("mailing_report", mailing.pk).out.endswith("No runs yet.\n")


def test_a_deleted_mailing_keeps_its_report(run: Run) -> None:
    Mailing.objects.update(deleted_at=run.scheduled_for, message=None)
    called = call("mailing_report", run.mailing_id, "--json")
    assert called.data["totals"]["planned"] == 3


def test_an_unknown_mailing_is_a_failure_in_words(db: None) -> None:
    assert call("mailing_report", 7).failure == "There is no mailing 7."


def test_right_books_are_a_success(run: Run) -> None:
    called = call("verify_stats", "--json")
    assert called.failure == ""
    assert called.data == {"runs": 1, "deliveries": 3, "differences": []}
    assert call("verify_stats").out == "1 runs, 3 deliveries checked\n"


def test_drift_is_a_failure_with_the_differences(run: Run) -> None:
    Delivery.objects.filter(state="deferred").update(state="expired")
    called = call("verify_stats", "--json")
    assert called.failure == "The books do not balance: 2 differences."
    assert called.data["differences"] == [
        {"run": run.pk, "figure": "deferred", "counter": 1, "counted": 0},
        {"run": run.pk, "figure": "expired", "counter": 0, "counted": 1},
    ]
    assert call("verify_stats").out.splitlines()[0] == (
        f"run {run.pk}: deferred is 1, counting gives 0"
    )
