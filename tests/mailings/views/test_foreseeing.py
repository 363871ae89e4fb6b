from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from mailings.models import Mailing
from tests import recipes
from tests.mailings.views.conftest import Things
from users import permissions
from users.models import User
from users.permissions import Level

URL = "/mailings/foresee/"
TIMES = {
    "start_at": "2099-01-31T09:00",
    "end_at": "2099-12-31T00:00",
    "periodicity": "monthly",
}


def foreseen(browser: Browser, **values: Any) -> Any:
    answer = browser.post(URL, TIMES | values)
    assert answer.status_code == 200
    return answer


def test_everybody_counts_once_and_the_suppressed_are_left_out(
    alice: User, alice_client: Browser
) -> None:
    one, two, gone, _other = recipes.clients(alice, 4)
    recipes.suppression(alice, email=gone.email)
    friends = recipes.client_list(alice, one, gone)
    context = foreseen(
        alice_client, lists=[friends.pk], clients=[one.pk, two.pk]
    ).context
    assert (context["total"], context["receiving"]) == (3, 2)
    context = foreseen(alice_client, all_clients="on").context
    assert (context["total"], context["receiving"]) == (4, 3)


def test_what_it_counts_is_what_the_mailing_has(
    alice: User, alice_client: Browser, things: Things
) -> None:
    recipes.suppression(alice, email=things.client.email)
    context = foreseen(alice_client, lists=[things.list.pk]).context
    counts = (context["total"], context["suppressed"])
    assert counts == things.mailing.reach().figures() == (1, 1)


def test_nobody_elses_clients_are_counted(alice_client: Browser, bob: User) -> None:
    foreign = recipes.client(bob)
    context = foreseen(
        alice_client,
        clients=[foreign.pk],
        lists=[recipes.client_list(bob, foreign).pk],
    ).context
    assert context["total"] == 0


def test_runs_are_shown_on_the_clock_of_the_mailing(
    alice: User, alice_client: Browser, things: Things
) -> None:
    Mailing.objects.filter(pk=things.mailing.pk).update(timezone=ZoneInfo("Asia/Tokyo"))
    answer = alice_client.post(f"{URL}?mailing={things.mailing.pk}", TIMES)
    text = answer.content.decode()
    assert "On the clock of Asia/Tokyo." in text
    assert "31 Jan 2099, 18:00" in text  # 09:00 on the reader's clock, UTC
    assert "In a month without a day 31 it runs on the last day." in text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"end_at": "2099-01-01T00:00"}, "The end must be after the start."),
        ({"start_at": "tomorrow"}, "Enter a valid date/time."),
        ({"periodicity": "yearly"}, "Select a valid choice."),
    ],
)
def test_wrong_times_get_words_at_their_field(
    alice_client: Browser, values: dict[str, str], words: str
) -> None:
    answer = foreseen(alice_client, **values)
    assert answer.context["outlook"] is None
    (name,) = values
    at_field = answer.content.decode().partition(f'id="{name}-said"')[2]
    assert words in at_field.partition("</div>")[0]


def test_without_a_script_a_button_shows_the_same_and_saves_nothing(
    alice_client: Browser, things: Things
) -> None:
    before = Mailing.objects.values().get()
    data = TIMES | {"show": "1", "all_clients": "on", "title": "Other"}
    for address in ("mailing-create", "mailing-update"):
        arguments = [things.mailing.pk] if address == "mailing-update" else []
        answer = alice_client.post(reverse(f"mailings:{address}", args=arguments), data)
        assert answer.context["receiving"] == 3
        assert len(answer.context["outlook"].moments) == 5
    assert Mailing.objects.values().get() == before


def test_an_editor_foresees_and_a_viewer_does_not(
    alice: User, bob: User, bob_client: Browser, things: Things
) -> None:
    url = f"{URL}?mailing={things.mailing.pk}"
    permissions.share(things.mailing, to=bob, level=Level.VIEW, by=alice)
    assert bob_client.post(url, TIMES).status_code == 404
    permissions.share(things.mailing, to=bob, level=Level.CHANGE, by=alice)
    assert bob_client.post(url, TIMES).status_code == 200


def test_picked_ones_that_are_too_many_to_show_are_counted(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice, clients=recipes.clients(alice, 401))
    answer = alice_client.post(f"{URL}?mailing={mailing.pk}", TIMES)
    assert answer.context["total"] == 401


@pytest.mark.parametrize("number", [1, 3])
def test_it_costs_the_same_however_many_there_are(
    alice: User,
    alice_client: Browser,
    django_assert_num_queries: DjangoAssertNumQueries,
    number: int,
) -> None:
    recipes.clients(alice, number)
    for _ in range(number):
        recipes.message(alice)
    # Session, user; the messages; the counts.
    with django_assert_num_queries(2 + 1 + 1):
        foreseen(alice_client, all_clients="on")
