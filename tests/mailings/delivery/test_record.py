"""What becomes of a delivery when its outcome is written down."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailings.delivery.journal import Result
from mailings.delivery.record import not_composed, record
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.models import Attempt, Delivery, Lease, Mailing, Run
from tests import recipes
from tests.mailings.delivery.conftest import ledger
from users.models import User

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(microsecond=0)
ACCEPTED = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0", "2.0.0 queued")
REFUSED = Outcome(Verdict.REFUSED, Phase.DOT, 554, "5.6.0", "5.6.0 Not like this")
NOBODY = Outcome(Verdict.REFUSED, Phase.RCPT, 550, "5.1.1", "5.1.1 No such user")
LATER = Outcome(Verdict.DEFERRED, Phase.RCPT, 451, "4.7.1", "4.7.1 Later")
LOST = Outcome(Verdict.UNKNOWN, Phase.DOT, None, "", "It broke off.")


@pytest.fixture
def lease() -> Lease:
    return recipes.lease()


def taken(owner: User, lease: Lease, number: int, **values: Any) -> list[Delivery]:
    """Deliveries of a run that are being sent under the lease."""
    run = recipes.run(recipes.mailing(owner), sending=number)
    run.deliveries.update(lease=lease, **values)
    return list(run.deliveries.order_by("pk"))


def write(
    lease: Lease, *outcomes: tuple[Delivery, Outcome], delays: Any = (60,), **more: Any
) -> int:
    results = [Result(one.pk, outcome, NOW, 7) for one, outcome in outcomes]
    return record(lease, results, now=NOW, retry_delays=delays, **more)


def fate(one: Delivery) -> tuple[str, str, int, int | None]:
    one.refresh_from_db()
    return (one.state, one.reason, one.attempt_count, one.lease_id)


def test_an_attempt_keeps_all_that_is_known(alice: User, lease: Lease) -> None:
    (one,) = taken(alice, lease, 1, attempt_count=2)
    assert write(lease, (one, REFUSED)) == 1
    row = Attempt.objects.get()
    assert (row.delivery_id, row.run_id, row.number) == (one.pk, one.run_id, 3)
    assert (row.started_at, row.duration_ms) == (NOW, 7)
    assert (row.outcome, row.phase, row.code) == ("refused", "dot", 554)
    assert (row.enhanced_code, row.reply) == ("5.6.0", "5.6.0 Not like this")
    assert fate(one) == ("refused", "", 3, None)


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (ACCEPTED, "accepted", ""),
        (REFUSED, "refused", ""),
        (not_composed("No name"), "refused", "not_composed"),
        (LATER, "deferred", ""),
        (LOST, "unknown", "no_reply"),
    ],
)
def test_each_outcome_leads_somewhere(
    alice: User, lease: Lease, outcome: Outcome, state: str, reason: str
) -> None:
    (one,) = taken(alice, lease, 1)
    write(lease, (one, outcome))
    assert fate(one) == (state, reason, 1, None)
    assert ledger(one.run) == {"planned": 1, state: 1, "attempts": 1}


def test_what_was_not_composed_has_our_words_and_no_code(
    alice: User, lease: Lease
) -> None:
    (one,) = taken(alice, lease, 1)
    write(lease, (one, not_composed("No name")))
    row = Attempt.objects.get()
    assert (row.phase, row.code, row.enhanced_code, row.reply) == (
        "compose",
        None,
        "",
        "No name",
    )


def test_a_later_try_has_its_moment(alice: User, lease: Lease) -> None:
    first, second = taken(alice, lease, 2)
    Delivery.objects.filter(pk=second.pk).update(attempt_count=1)
    write(lease, (first, LATER), (second, LATER), delays=(60, 3600))
    for one, seconds in ((first, 60), (second, 3600)):
        one.refresh_from_db()
        assert 0.79 * seconds < (one.due_at - NOW).total_seconds() < 1.21 * seconds


def test_no_try_is_left_or_no_time(alice: User, lease: Lease) -> None:
    (spent,) = taken(alice, lease, 1, attempt_count=1)
    (late,) = taken(alice, lease, 1)
    (just,) = taken(alice, lease, 1)
    Run.objects.filter(pk=late.run_id).update(closes_at=NOW + timedelta(seconds=30))
    Run.objects.filter(pk=just.run_id).update(closes_at=NOW + timedelta(seconds=90))
    write(lease, (spent, LATER), (late, LATER), (just, LATER))
    assert fate(spent) == ("expired", "tries_over", 2, None)
    assert fate(late) == ("expired", "window_over", 1, None)
    assert fate(just) == ("deferred", "", 1, None)


def test_a_mailing_that_sends_again_does_so_while_there_is_time(
    alice: User, lease: Lease
) -> None:
    (again,) = taken(alice, lease, 1)
    (late,) = taken(alice, lease, 1)
    (spent,) = taken(alice, lease, 1, attempt_count=1)
    Mailing.objects.update(when_unknown="resend")
    (kept,) = taken(alice, lease, 1)
    Run.objects.filter(pk=late.run_id).update(closes_at=NOW + timedelta(seconds=30))
    write(lease, *((each, LOST) for each in (again, late, spent, kept)))
    assert fate(again) == ("pending", "", 1, None)
    assert again.due_at > NOW + timedelta(seconds=45)
    assert fate(late) == ("unknown", "no_reply", 1, None)
    assert fate(spent) == ("unknown", "no_reply", 2, None)
    assert fate(kept) == ("unknown", "no_reply", 1, None)


def test_why_nobody_knows_is_what_the_caller_says(alice: User, lease: Lease) -> None:
    (one,) = taken(alice, lease, 1)
    write(lease, (one, LOST), unknown_reason=Delivery.Reason.WORKER_DIED)
    assert fate(one) == ("unknown", "worker_died", 1, None)


def test_what_is_leased_to_another_or_to_nobody_does_not_count(
    alice: User, lease: Lease
) -> None:
    mine, theirs, over = taken(alice, lease, 3)
    other = recipes.lease()
    Delivery.objects.filter(pk=theirs.pk).update(lease=other)
    write(lease, (over, ACCEPTED))
    assert write(lease, (theirs, REFUSED), (over, REFUSED)) == 0
    assert write(lease, (theirs, REFUSED), (mine, ACCEPTED)) == 1
    assert fate(theirs) == ("sending", "", 0, other.pk)
    assert fate(over) == ("accepted", "", 1, None)
    assert Attempt.objects.count() == 2
    assert write(lease) == 0


def test_the_books_of_each_run_are_moved(alice: User, lease: Lease) -> None:
    one, two = taken(alice, lease, 3), taken(alice, lease, 2)
    Delivery.objects.filter(pk=one[2].pk).update(attempt_count=1)
    write(
        lease,
        *((each, ACCEPTED) for each in one),
        (two[0], REFUSED),
        delays=(60, 60),
    )
    assert ledger(one[0].run) == {"planned": 3, "accepted": 3, "attempts": 3}
    assert [fate(each)[2] for each in one] == [1, 1, 2]
    assert ledger(two[0].run) == {
        "planned": 2,
        "refused": 1,
        "sending": 1,
        "attempts": 1,
    }


def test_whoever_waits_at_a_refused_address_ends_in_the_books_too(
    alice: User, lease: Lease
) -> None:
    first, second = taken(alice, lease, 2)
    other = recipes.run(recipes.mailing(alice), pending=1, deferred=1)
    for one, refused in zip(
        other.deliveries.order_by("pk"), (first, second), strict=True
    ):
        Delivery.objects.filter(pk=one.pk).update(email=refused.email)
    write(lease, (first, NOBODY), (second, NOBODY))
    assert ledger(other) == {"planned": 2, "suppressed": 2, "attempts": 1}
    assert ledger(first.run) == {"planned": 2, "refused": 2, "attempts": 2}
    reasons = other.deliveries.values_list("reason", flat=True)
    assert set(reasons) == {"address_refused"}
    assert other.end_counts.get(reason="address_refused").deliveries == 2


def test_a_line_for_each_attempt_where_it_is_asked_for(
    alice: User, lease: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the reply, in which servers like to repeat the address."""
    first, second = taken(alice, lease, 2)
    with caplog.at_level(logging.DEBUG, "mailings.delivery.record"):
        write(lease, (first, REFUSED), (second, LOST))
    lines = [each for each in caplog.records if each.msg.startswith("Attempt")]
    assert [each.getMessage() for each in lines] == [
        "Attempt: refused at dot, 554 5.6.0, 7 ms",
        "Attempt: unknown at dot, no code -, 7 ms",
    ]
    named = [(vars(each)["run"], vars(each)["delivery"]) for each in lines]
    assert named == [(first.run_id, first.pk), (first.run_id, second.pk)]
    assert [vars(each)["attempt"] for each in lines] == [1, 1]


def test_nobody_asks_for_such_lines_usually(
    alice: User, lease: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    (one,) = taken(alice, lease, 1)
    with caplog.at_level(logging.INFO, "mailings.delivery.record"):
        write(lease, (one, REFUSED))
    assert not caplog.records
