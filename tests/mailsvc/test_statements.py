"""Queries that are put into words once give what their querysets give."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count, QuerySet
from django.utils import timezone
from model_bakery import baker

from mailings.models import Run
from mailsvc.statements import Parameter, Statement
from tests import recipes
from users.models import User

pytestmark = pytest.mark.django_db


def test_rows_are_those_of_the_values_that_are_given() -> None:
    ann, bob = baker.make(User, email="ann@example.com"), baker.make(User)
    known = Statement(
        lambda: User.objects.filter(pk=Parameter("pk")).values_list("pk", "email")
    )
    assert known.rows(pk=ann.pk) == [(ann.pk, "ann@example.com")]
    assert known.rows(pk=bob.pk) == [(bob.pk, bob.email)]
    assert known.rows(pk=0) == []


def test_objects_are_as_the_queryset_gives_them() -> None:
    user = baker.make(User, timezone="Asia/Tokyo", last_login=timezone.now())
    [found] = Statement(lambda: User.objects.filter(pk=Parameter("pk"))).objects(
        pk=user.pk
    )
    expected = User.objects.get(pk=user.pk)
    values = {field.attname: field.value_from_object(found) for field in _fields()}
    assert values == {
        field.attname: field.value_from_object(expected) for field in _fields()
    }
    found.full_name = "Ann"
    found.save()  # it is known to be in the database
    user.refresh_from_db()
    assert user.full_name == "Ann"


def _fields() -> Any:
    return User._meta.concrete_fields


def test_moments_lists_and_sums_keep_their_kinds() -> None:
    now = timezone.now()
    mailing = recipes.mailing(baker.make(User))
    for hours in (1, 2, 30):
        at = now - timedelta(hours=hours)
        recipes.run(mailing, values={"scheduled_for": at})

    def counted() -> "QuerySet[Any, Any]":
        runs = Run.objects.filter(
            mailing__pk__among=Parameter("mailings"),
            scheduled_for__gt=Parameter("after"),
        )
        return (
            runs.values("mailing").annotate(n=Count("pk")).values_list("mailing", "n")
        )

    statement = Statement(counted)
    day_ago = now - timedelta(days=1)
    assert statement.rows(mailings=[mailing.pk, 0], after=day_ago) == [(mailing.pk, 2)]
    assert statement.rows(mailings=[mailing.pk], after=now) == []
    assert statement.rows(mailings=[], after=day_ago) == []
    latest = Statement(
        lambda: (
            Run.objects.filter(mailing=Parameter("mailing"))
            .order_by("-scheduled_for")
            .values_list("scheduled_for")
        )
    )
    assert latest.rows(mailing=mailing.pk)[0] == (now - timedelta(hours=1),)


def test_the_words_are_made_once() -> None:
    made = []

    def build() -> "QuerySet[User]":
        made.append(1)
        return User.objects.filter(pk=Parameter("pk"))

    statement = Statement(build)
    for pk in (1, 2, 3):
        statement.objects(pk=pk)
        statement.rows(pk=pk)
    assert len(made) == 1


def test_a_value_that_is_missing_is_an_error() -> None:
    statement = Statement(lambda: User.objects.filter(pk=Parameter("pk")))
    with pytest.raises(KeyError):
        statement.rows(key=1)
