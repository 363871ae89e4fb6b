from datetime import timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError
from django.utils import timezone

from mailings.models import Mailing
from mailings.recurrence import CATCH_UP_LIMITS, Periodicity
from tests import recipes
from tests.recipes import moment
from users.models import User

pytestmark = pytest.mark.django_db


def test_recipients_are_those_of_lists_and_those_picked_each_once(alice: User) -> None:
    ann, ben, cid, _dan = recipes.clients(alice, 4)
    mailing = recipes.mailing(
        alice,
        clients=[ann, ben],
        lists=[recipes.client_list(alice, ben, cid), recipes.client_list(alice, cid)],
    )
    assert list(mailing.recipients().order_by("pk")) == [ann, ben, cid]


def test_all_clients_are_all_of_the_owners_and_nobody_elses(
    alice: User, bob: User
) -> None:
    hers = recipes.clients(alice, 3)
    recipes.client(bob)
    mailing = recipes.mailing(alice, all_clients=True, clients=hers[:1])
    assert list(mailing.recipients().order_by("pk")) == hers


def test_somebody_elses_client_is_never_a_recipient(alice: User, bob: User) -> None:
    his = recipes.client(bob)
    mailing = recipes.mailing(
        alice, clients=[his], lists=[recipes.client_list(bob, his)]
    )
    assert list(mailing.recipients()) == []


def test_nobody_chosen_is_nobody(alice: User) -> None:
    recipes.client_list(alice, recipes.client(alice))
    assert list(recipes.mailing(alice).recipients()) == []


def test_one_mailing_and_the_set_of_them_agree_on_who_is_live(
    alice: User, bob: User
) -> None:
    now = timezone.now()
    bob.is_active = False
    bob.save()
    for owner, status, paused, held, deleted in product(
        (alice, bob),
        Mailing.Status,
        (None, now),
        ({}, {"held_at": now, "hold_reason": "spam"}),
        (None, now),
    ):
        recipes.mailing(
            owner, status=status, paused_at=paused, deleted_at=deleted, **held
        )

    everything = Mailing.objects.select_related("owner")
    live = {mailing for mailing in everything if mailing.is_live}
    assert live == set(Mailing.objects.live())
    assert {(m.owner, m.status) for m in live} == {
        (alice, "created"),
        (alice, "running"),
    }
    assert len(live) == 2
    assert Mailing.objects.count() == 48


def test_the_window_begins_with_its_start_and_ends_before_its_end(alice: User) -> None:
    start, end = moment("2026-03-01 09:00"), moment("2026-03-02 09:00")
    mailing = recipes.mailing(alice, start_at=start, end_at=end)
    second = timedelta(seconds=1)
    assert [
        mailing.is_window_open(now)
        for now in (start - second, start, end - second, end, end + second)
    ] == [False, True, True, False, False]


def test_it_repeats_in_its_own_zone_not_in_the_owners_present_one(alice: User) -> None:
    mailing = recipes.mailing(
        alice,
        start_at=moment("2026-03-28 08:00"),
        end_at=moment("2026-03-31 00:00"),
        periodicity="daily",
        timezone=ZoneInfo("Europe/Berlin"),
    )
    alice.timezone = ZoneInfo("Asia/Tokyo")
    alice.save()
    mailing.refresh_from_db()

    assert list(mailing.occurrences_after(None)) == [
        moment("2026-03-28 08:00"),
        moment("2026-03-29 07:00"),
        moment("2026-03-30 07:00"),
    ]
    assert mailing.next_occurrence(moment("2026-03-29 07:00")) == moment(
        "2026-03-30 07:00"
    )
    assert mailing.next_occurrence(moment("2026-03-30 07:00")) is None


def test_what_happens_once_may_be_made_up_for_as_long_as_the_window_is_open(
    alice: User,
) -> None:
    once = recipes.mailing(alice)
    assert once.catch_up_limit == once.end_at - once.start_at


@pytest.mark.parametrize("periodicity", CATCH_UP_LIMITS)
def test_what_repeats_is_made_up_for_only_before_it_comes_again(
    alice: User, periodicity: Periodicity
) -> None:
    mailing = recipes.mailing(alice, periodicity=periodicity)
    first = mailing.start_at
    mailing.end_at = first + timedelta(days=100)
    again = mailing.next_occurrence(first)
    assert again is not None
    assert timedelta(0) < mailing.catch_up_limit < again - first


def test_an_end_before_the_start_is_told_in_words(alice: User) -> None:
    mailing = recipes.mailing(alice)
    mailing.end_at = mailing.start_at
    with pytest.raises(ValidationError) as refusal:
        mailing.full_clean()
    assert refusal.value.messages == ["The end must be after the start."]


def test_what_is_in_the_books_cannot_be_deleted_from_under_them(alice: User) -> None:
    run = recipes.run(recipes.mailing(alice), accepted=1)
    message = run.mailing.message
    assert message is not None
    for row in (message, run.mailing, alice):
        with pytest.raises(ProtectedError):
            row.delete()
