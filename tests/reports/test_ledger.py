from reports.ledger import COUNTERS, figures_of
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
