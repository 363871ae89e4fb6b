import pytest
from django.db.models import Count

from mailings.models import Attempt, Client, Delivery, Mailing
from mailings.models.run import STATES
from tests import recipes
from users.models import User

pytestmark = pytest.mark.django_db


def test_a_mailing_is_live_and_valid(alice: User) -> None:
    friends = recipes.clients(alice, 2)
    mailing = recipes.mailing(
        alice,
        clients=[recipes.client(alice)],
        lists=[recipes.client_list(alice, *friends)],
    )

    mailing.full_clean()
    assert mailing.recipients().count() == 3
    assert list(Mailing.objects.live()) == [mailing]


def test_a_run_has_the_deliveries_and_the_books_it_was_asked_for(alice: User) -> None:
    wanted = {state: number for number, state in enumerate(STATES, start=1)}
    run = recipes.run(recipes.mailing(alice), **wanted)

    counted = (
        run.deliveries.order_by("state").values_list("state").annotate(Count("pk"))
    )
    assert dict(counted) == wanted
    assert Client.objects.count() == Delivery.objects.count() == run.planned
    assert Attempt.objects.count() == run.attempts
    assert (run.is_open, run.state) == (True, "sending")


def test_a_run_with_nothing_open_is_finished(alice: User) -> None:
    run = recipes.run(recipes.mailing(alice), accepted=1)

    assert (run.is_open, run.state) == (False, "finished")
    assert run.finished_at is not None
