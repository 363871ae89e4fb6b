from datetime import timedelta

import pytest
from django.utils import timezone

from mailings.models import Delivery, Lease, Run
from mailings.models.run import OPEN_STATES, STATES
from tests import recipes
from users.models import User

pytestmark = pytest.mark.django_db


def test_the_ledger_has_a_column_for_each_state_a_delivery_can_have() -> None:
    assert sorted(STATES) == sorted(Delivery.State.values)
    assert set(OPEN_STATES) <= set(STATES)


def test_the_ledger_of_a_run_adds_up(alice: User) -> None:
    run = recipes.run(recipes.mailing(alice), accepted=3, refused=2, pending=1)
    assert {name: number for name, number in run.ledger().items() if number} == {
        "planned": 6,
        "accepted": 3,
        "refused": 2,
        "pending": 1,
        "attempts": 5,
    }
    assert list(run.ledger()) == ["planned", *STATES, "attempts"]


@pytest.mark.parametrize("state", STATES)
def test_a_run_is_open_while_one_of_its_deliveries_is(alice: User, state: str) -> None:
    run = recipes.run(recipes.mailing(alice), **{state: 2})
    is_open = state in OPEN_STATES
    assert run.is_open == is_open
    assert run.open_deliveries == (2 if is_open else 0)
    assert Run.objects.with_open_deliveries().exists() == is_open
    assert [delivery.is_open for delivery in run.deliveries.all()] == [is_open] * 2


@pytest.mark.parametrize("state", STATES)
def test_a_run_has_errors_if_somebody_did_not_get_it_for_certain(
    alice: User, state: str
) -> None:
    run = recipes.run(recipes.mailing(alice), **{state: 1})
    assert run.has_errors == (state in ("refused", "unknown", "expired"))


def test_a_run_may_send_unless_somebody_says_no(alice: User, bob: User) -> None:
    now = timezone.now()
    free = recipes.run(recipes.mailing(alice), pending=1)
    recipes.run(recipes.mailing(alice, paused_at=now), pending=1)
    recipes.run(recipes.mailing(alice, held_at=now, hold_reason="spam"), pending=1)
    recipes.run(recipes.mailing(alice, deleted_at=now), pending=1)
    recipes.run(recipes.mailing(bob), pending=1)
    bob.is_active = False
    bob.save()
    assert list(Run.objects.allowed_to_send()) == [free]


def test_what_is_over_is_what_is_unfinished_and_has_no_time_left(alice: User) -> None:
    mailing = recipes.mailing(alice)
    end, second = mailing.end_at, timedelta(seconds=1)
    open_run = recipes.run(mailing, pending=1)
    recipes.run(mailing, values={"scheduled_for": end - second}, accepted=1)

    assert list(Run.objects.over(end - second)) == []
    assert list(Run.objects.over(end)) == [open_run]


def test_what_may_be_claimed_waits_and_is_due(alice: User) -> None:
    run = recipes.run(recipes.mailing(alice))
    now, second = timezone.now(), timedelta(seconds=1)
    due = [
        recipes.delivery(run, "pending", due_at=now),
        recipes.delivery(run, "deferred", due_at=now - second),
    ]
    later = recipes.delivery(run, "deferred", due_at=now + second)
    for state in set(STATES) - {"pending", "deferred"}:
        recipes.delivery(run, state, due_at=now - second)

    assert list(Delivery.objects.waiting()) == [*due, later]
    assert list(Delivery.objects.claimable(now)) == due


def test_a_message_id_cannot_be_guessed_from_another(alice: User) -> None:
    mailing = recipes.mailing(alice)
    keys = {
        recipes.run(mailing, values={"scheduled_for": timezone.now()}).key
        for _ in range(5)
    }
    assert len(keys) == 5
    assert {len(key) for key in keys} == {16}


def test_a_lease_is_current_or_expired() -> None:
    now, second = timezone.now(), timedelta(seconds=1)
    current = recipes.lease(expires_at=now + second)
    expired = recipes.lease(expires_at=now)
    assert list(Lease.objects.current(now)) == [current]
    assert list(Lease.objects.expired(now)) == [expired]


def test_everything_of_a_run_is_visible_to_its_owner_only(
    alice: User, bob: User
) -> None:
    run = recipes.run(recipes.mailing(alice), accepted=1)
    delivery = run.deliveries.get()
    for rows, hers in (
        (Run.objects, run),
        (Delivery.objects, delivery),
        (delivery.attempts, delivery.attempts.get()),
    ):
        assert list(rows.visible_to(alice)) == [hers]
        assert list(rows.visible_to(bob)) == []
