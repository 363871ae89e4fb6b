"""A statement that is put into words once does what it would do put so anew."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from mailings.delivery.plan import expand
from mailings.models import Delivery, Run
from mailsvc.statements import Change, Parameter, Statement
from tests.mailings.delivery.conftest import GivenRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(given_run: GivenRun) -> Run:
    made = given_run(5)
    expand(made.pk, timezone.now())
    return made


def test_a_selection_is_filled_in_anew_each_time(run: Run) -> None:
    now = timezone.now()
    wanted = Statement(
        lambda: (
            Delivery.objects.claimable(Parameter("now"))
            .filter(run=Parameter("run"))
            .order_by("pk")
            .values_list("pk", "email")[:3]
        )
    )
    asked = Delivery.objects.filter(run=run).order_by("pk")[:3]
    assert wanted.rows(now=now, run=run.pk) == list(asked.values_list("pk", "email"))
    assert wanted.rows(now=now - timedelta(days=1), run=run.pk) == []
    assert wanted.rows(now=now, run=run.pk + 1) == []


def test_one_blank_may_be_a_list_and_another_a_moment(run: Run) -> None:
    keys = list(run.deliveries.order_by("pk").values_list("pk", flat=True))
    later = timezone.now() + timedelta(hours=1)
    put_off = Change(
        lambda: Delivery.objects.filter(pk__among=Parameter("keys")),
        due_at=Parameter("due_at"),
        attempt_count=F("attempt_count") + Parameter("tries"),
    )
    assert put_off.run(keys=keys[:2], due_at=later, tries=2) == 2
    assert put_off.run(keys=keys[1:2], due_at=later, tries=3) == 1
    assert put_off.run(keys=[], due_at=later, tries=1) == 0
    moved = run.deliveries.filter(due_at=later).order_by("pk")
    assert [each.attempt_count for each in moved] == [2, 5]


def test_words_in_a_list_stay_as_they_are(run: Run) -> None:
    odd = 'o"d\\d,{}@example.com'
    Delivery.objects.filter(pk=run.deliveries.first().pk).update(email=odd)
    found = Statement(
        lambda: Delivery.objects.filter(email__among=Parameter("emails")).values_list(
            "email"
        )
    )
    assert found.rows(emails=[odd, "nobody@example.com"]) == [(odd,)]


def test_one_that_locks_is_put_together_in_a_transaction(run: Run) -> None:
    with transaction.atomic():
        locked = Statement(
            lambda: (
                Delivery.objects.filter(run=Parameter("run"))
                .select_for_update()
                .values_list("pk")
            )
        )
        assert len(locked.rows(run=run.pk)) == 5
