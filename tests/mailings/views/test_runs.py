import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from mailings.delivery.replies import Phase
from mailings.models import Run
from mailings.tables.runs import PHASES
from tests import recipes
from tests.mailings.views.conftest import Things
from users.models import User


def test_a_run_shows_its_books_as_an_equation(
    alice_client: Browser, things: Things
) -> None:
    answer = alice_client.get(things.run.get_absolute_url())
    figures = {name: count for name, _badge, count in answer.context["states"]}
    assert {name: count for name, count in figures.items() if count} == {
        "accepted": 1,
        "refused": 1,
    }
    assert sum(figures.values()) == things.run.planned


def test_deliveries_are_filtered_by_state(
    alice_client: Browser, things: Things
) -> None:
    url = things.run.get_absolute_url()
    answer = alice_client.get(url, {"state": "refused"})
    assert list(answer.context["object_list"]) == [things.delivery]
    assert "550 5.1.1 No such user" in answer.content.decode()


def test_only_an_open_run_is_looked_at_again(
    alice: User, alice_client: Browser, things: Things
) -> None:
    under_way = recipes.run(recipes.mailing(alice), sending=1)
    for run, is_live in ((things.run, False), (under_way, True)):
        page = alice_client.get(run.get_absolute_url()).content.decode()
        assert ("hx-trigger" in page) == is_live


def test_a_missed_run_says_why_there_is_nothing(
    alice: User, alice_client: Browser
) -> None:
    missed = {"state": Run.State.MISSED, "finished_at": timezone.now()}
    run = recipes.run(recipes.mailing(alice), values=missed)
    page = alice_client.get(run.get_absolute_url()).content.decode()
    assert "too old to be made up for" in page


def test_a_delivery_shows_every_attempt(alice: User, alice_client: Browser) -> None:
    run = recipes.run(recipes.mailing(alice), accepted=1)
    delivery = run.deliveries.get()
    recipes.attempt(delivery, outcome="deferred", reply="<b>not now</b>")
    url = reverse("mailings:delivery-detail", args=[delivery.pk])
    page = alice_client.get(url).content.decode()
    assert "2.0.0 Ok: queued" in page
    assert "&lt;b&gt;not now&lt;/b&gt;" in page


def test_a_delivery_outlives_its_client(alice_client: Browser, things: Things) -> None:
    assert things.delivery.client is not None
    things.delivery.client.delete()
    url = reverse("mailings:delivery-detail", args=[things.delivery.pk])
    assert alice_client.get(url).status_code == 200


def test_the_list_shows_one_mailings_runs(
    alice: User, alice_client: Browser, things: Things
) -> None:
    recipes.run(recipes.mailing(alice), accepted=1)
    url = reverse("mailings:run-list")
    answer = alice_client.get(url, {"mailing": things.mailing.pk})
    assert list(answer.context["object_list"]) == [things.run]


@pytest.mark.parametrize("mailing", ["x", "9" * 30, "-1", "1.5"])
def test_a_mailing_that_is_none_finds_no_run(
    alice_client: Browser, things: Things, mailing: str
) -> None:
    answer = alice_client.get(reverse("mailings:run-list"), {"mailing": mailing})
    assert (answer.status_code, list(answer.context["object_list"])) == (200, [])


def test_the_list_does_not_show_foreign_runs(
    charlie_client: Browser, things: Things
) -> None:
    answer = charlie_client.get(reverse("mailings:run-list"))
    assert list(answer.context["object_list"]) == []


def test_an_empty_list_leads_on(alice_client: Browser) -> None:
    page = alice_client.get("/runs/").content.decode()
    assert "No runs yet." in page
    assert f'href="{reverse("mailings:mailing-list")}">To the mailings</a>' in page


def test_a_search_that_finds_nothing_leads_back(alice_client: Browser) -> None:
    page = alice_client.get("/runs/", {"q": "nothing"}).content.decode()
    assert "Nothing was found." in page
    assert '<a href="/runs/">Show all</a>' in page


def test_each_phase_of_an_attempt_has_words() -> None:
    assert set(PHASES) == set(Phase)
