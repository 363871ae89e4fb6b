"""Who gets which work: leases, turns, shares, and what goes back to the queue."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailings.delivery import identity
from mailings.delivery.claim import claim, due_runs, give_back, renew, take_lease
from mailings.models import Delivery, Installation, Lease, Mailing, Run
from tests import recipes
from tests.mailings.delivery.conftest import ledger, states
from users.models import User

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(microsecond=0)
SECOND = timedelta(seconds=1)


@pytest.fixture
def lease() -> Lease:
    return recipes.lease()


def waiting(owner: User, number: int, **values: Any) -> Run:
    mailing = recipes.mailing(owner, start_at=NOW - timedelta(minutes=1))
    return recipes.run(mailing, pending=number, values=values)


def shares(lease: Lease, size: int, **options: Any) -> Counter[int]:
    """Run -> how many are claimed of it."""
    claims = claim(lease, size=size, now=NOW, **options)
    return Counter(each.run_id for each in claims)


# --- leases ---


def test_a_lease_says_who_has_it_and_until_when() -> None:
    own = take_lease(host="w1", boot_id="b1", pid=7, journal="j1", now=NOW, seconds=60)
    own.refresh_from_db()
    assert (own.host, own.boot_id, own.pid, own.journal) == ("w1", "b1", 7, "j1")
    assert (own.started_at, own.expires_at) == (NOW, NOW + timedelta(minutes=1))
    assert own.claiming


def test_a_lease_is_renewed_while_it_is_there(lease: Lease) -> None:
    other = recipes.lease()
    assert renew(lease, now=NOW, seconds=90, claiming=False) is True
    lease.refresh_from_db()
    assert (lease.expires_at, lease.claiming) == (NOW + timedelta(seconds=90), False)
    assert Lease.objects.get(pk=other.pk).claiming
    Lease.objects.filter(pk=lease.pk).delete()
    assert renew(lease, now=NOW, seconds=90, claiming=True) is False


def test_without_its_lease_nobody_gets_work(alice: User, lease: Lease) -> None:
    waiting(alice, 1)
    recipes.lease()
    Lease.objects.filter(pk=lease.pk).delete()
    assert claim(lease, size=10, now=NOW) == []


# --- what is due ---


def test_a_claim_has_what_a_letter_needs(alice: User, lease: Lease) -> None:
    run = recipes.run(recipes.mailing(alice), pending=1, deferred=1)
    ids = []
    for state in ("pending", "deferred"):
        one = run.deliveries.filter(state=state)
        one.update(email=f"{state}@example.com", full_name=state, due_at=NOW)
        ids.append(one.get().pk)
    claims = claim(lease, size=10, now=NOW)
    assert sorted(
        (each.delivery_id, each.run_id, each.email, each.full_name, each.attempt_count)
        for each in claims
    ) == [
        (ids[0], run.pk, "pending@example.com", "pending", 0),
        (ids[1], run.pk, "deferred@example.com", "deferred", 1),
    ]
    rows = Delivery.objects.values_list("state", "lease")
    assert set(rows) == {("sending", lease.pk)}
    run.refresh_from_db()
    assert (run.pending, run.deferred, run.sending) == (0, 0, 2)


def test_the_longest_due_come_first(alice: User, lease: Lease) -> None:
    run = waiting(alice, 3)
    first, second, third = run.deliveries.order_by("pk")
    Delivery.objects.filter(pk=third.pk).update(due_at=NOW - timedelta(hours=1))
    claims = claim(lease, size=2, now=NOW)
    assert [each.delivery_id for each in claims] == [third.pk, first.pk]
    assert states(run)[second.email] == "pending"


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ({}, 1),
        ({"closes_at": NOW}, 0),
        ({"closes_at": NOW + SECOND}, 1),
        ({"waits_because": "No space", "waits_until": NOW + SECOND}, 0),
        ({"waits_because": "No space", "waits_until": NOW}, 1),
        ({"state": Run.State.PLANNING}, 1),
    ],
)
def test_which_runs_have_work(
    alice: User, values: dict[str, object], number: int
) -> None:
    run = waiting(alice, 1)
    Run.objects.update(**values)
    assert [each.run_id for each in due_runs(NOW)] == [run.pk] * number


def test_a_run_of_which_nobody_is_due_yet_has_no_work(alice: User) -> None:
    waiting(alice, 1)
    Delivery.objects.update(due_at=NOW + SECOND)
    assert due_runs(NOW) == []


def test_a_paused_mailing_has_no_work(alice: User) -> None:
    waiting(alice, 1)
    Mailing.objects.update(paused_at=NOW)
    assert due_runs(NOW) == []


def test_who_asks_for_some_runs_gets_no_others(alice: User, lease: Lease) -> None:
    one, _other = waiting(alice, 2), waiting(alice, 2)
    assert [each.run_id for each in due_runs(NOW, only=[one.pk])] == [one.pk]
    assert due_runs(NOW, only=[]) == []
    assert shares(lease, 10, only=[one.pk]) == {one.pk: 2}


# --- turns and shares ---


def test_owners_take_turns_however_many_runs_each_has(alice: User, bob: User) -> None:
    for _ in range(4):
        waiting(alice, 1)
    waiting(bob, 1)
    for _ in range(5):  # which of them is first is a matter of chance
        due = due_runs(NOW)
        assert len(due) == len({each.run_id for each in due}) == 5
        assert {each.owner_id for each in due[:2]} == {alice.pk, bob.pk}


def test_no_more_than_asked_for_is_claimed_in_equal_shares(
    alice: User, bob: User, lease: Lease
) -> None:
    runs = [waiting(owner, 5) for owner in (alice, alice, bob)]
    assert shares(lease, 7) == dict(
        zip((run.pk for run in runs), (3, 2, 2), strict=True)
    )


@pytest.mark.parametrize(
    ("numbers", "shares_of"), [((1, 10), (1, 5)), ((10, 1), (3, 1))]
)
def test_what_one_has_not_goes_to_those_after_it(
    alice: User, lease: Lease, numbers: tuple[int, int], shares_of: tuple[int, int]
) -> None:
    first, second = (waiting(alice, number) for number in numbers)
    assert shares(lease, 6) == {first.pk: shares_of[0], second.pk: shares_of[1]}


def test_sixteen_runs_share_one_claim(alice: User, lease: Lease) -> None:
    for _ in range(17):
        waiting(alice, 2)
    assert len(shares(lease, 34)) == 16


# --- addresses that are suppressed meanwhile ---


def test_whoever_is_suppressed_is_left_out_with_the_reason(
    alice: User, bob: User, lease: Lease
) -> None:
    run = waiting(alice, 4)
    first, second, third, fourth = run.deliveries.order_by("pk")
    Delivery.objects.filter(pk=first.pk).update(email="Gone@Example.com")
    recipes.suppression(alice, email="gone@example.com", kind="unsubscribed")
    recipes.suppression(alice, email=second.email, kind="by_hand")
    recipes.suppression(alice, email=third.email, kind="by_hand")
    recipes.suppression(bob, email=fourth.email, kind="by_hand")
    claims = claim(lease, size=10, now=NOW)
    assert [each.delivery_id for each in claims] == [fourth.pk]
    assert dict(run.deliveries.values_list("pk", "reason")) == {
        first.pk: "unsubscribed",
        second.pk: "by_hand",
        third.pk: "by_hand",
        fourth.pk: "",
    }
    assert ledger(run) == {"planned": 4, "sending": 1, "suppressed": 3}


def test_those_behind_them_are_claimed_instead(alice: User, lease: Lease) -> None:
    run = waiting(alice, 3)
    first, second, third = run.deliveries.order_by("pk")
    for each in (first, second):
        recipes.suppression(alice, email=each.email)
    claims = claim(lease, size=2, now=NOW)
    assert [each.delivery_id for each in claims] == [third.pk]
    assert ledger(run) == {"planned": 3, "sending": 1, "suppressed": 2}


# --- where work is not ours ---


def test_who_may_not_work_here_takes_nothing(alice: User, lease: Lease) -> None:
    run = waiting(alice, 2)
    Installation.objects.create(pk=1, held_at=NOW, held_by_host="other")
    with pytest.raises(identity.NotOurs):
        claim(lease, size=10, now=NOW)
    assert ledger(run) == {"planned": 2, "pending": 2}


# --- back to the queue ---


@pytest.mark.parametrize("due_at", [None, NOW + timedelta(minutes=5)])
def test_what_is_given_back_is_as_it_was_or_due_later(
    alice: User, lease: Lease, due_at: datetime | None
) -> None:
    run = waiting(alice, 2)
    tried = recipes.delivery(run, "deferred", due_at=NOW)
    Run.objects.update(planned=3, deferred=1)
    before = dict(run.deliveries.values_list("pk", "due_at"))
    claims = claim(lease, size=10, now=NOW)
    give_back(lease, [each.delivery_id for each in claims], due_at=due_at)
    after = {
        pk: (state, holder, due)
        for pk, state, holder, due in run.deliveries.values_list(
            "pk", "state", "lease", "due_at"
        )
    }
    assert after == {
        pk: ("deferred" if pk == tried.pk else "pending", None, due_at or before[pk])
        for pk in before
    }
    run.refresh_from_db()
    assert (run.pending, run.deferred, run.sending) == (2, 1, 0)


def test_only_who_holds_it_gives_it_back(alice: User, lease: Lease) -> None:
    one, other = waiting(alice, 2), waiting(alice, 2)
    ids = [each.delivery_id for each in claim(lease, size=4, now=NOW)]
    give_back(recipes.lease(), ids)
    assert ledger(one) == {"planned": 2, "sending": 2}
    give_back(lease, ids[:1])
    give_back(lease, ids[:1])  # for the second time
    give_back(lease, [])
    assert ledger(one) == {"planned": 2, "pending": 1, "sending": 1}
    assert ledger(other) == {"planned": 2, "sending": 2}
    give_back(lease, ids)
    assert ledger(one) == ledger(other) == {"planned": 2, "pending": 2}
