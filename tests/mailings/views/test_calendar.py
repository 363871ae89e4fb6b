"""The calendar shows the runs that the scheduler will make, and what stops them."""

import re
from datetime import timedelta
from itertools import takewhile
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from mailings import lifecycle, schedules
from mailings.agenda import Planned
from mailings.models import Attempt, Mailing, Run
from mailings.views import calendar
from tests import recipes
from tests.conftest import empty_cache
from users import permissions
from users.models import User
from users.permissions import Level

pytestmark = pytest.mark.django_db

CALENDAR = "/mailings/calendar/"
DAY = timedelta(days=1)


def coming(owner: User, **values: Any) -> Mailing:
    """It begins tomorrow at noon, and ends an hour later."""
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) + DAY
    return recipes.mailing(
        owner, **{"start_at": noon, "end_at": noon + timedelta(hours=1)} | values
    )


def runs_on(browser: Browser, address: str = CALENDAR) -> list[Planned]:
    empty_cache()
    context = browser.get(address).context
    return [run for _, runs in context["days"] for run in runs]


def sent(run: Run, *, letters: int, apart: timedelta) -> None:
    """So many letters left, one after the other."""
    delivery = run.deliveries.latest("pk")
    begin = timezone.now() - timedelta(minutes=10)
    rows = [
        Attempt(
            delivery=delivery,
            run=run,
            number=number + 10,
            started_at=begin + number * apart,
            duration_ms=1,
            outcome="accepted",
            phase="dot",
            code=250,
        )
        for number in range(letters)
    ]
    Attempt.objects.bulk_create(rows)


@pytest.fixture
def one_a_second(alice: User) -> None:
    run = recipes.run(recipes.mailing(alice), accepted=1)
    sent(run, letters=20, apart=timedelta(seconds=1))


def test_it_shows_the_runs_that_the_scheduler_makes(
    alice: User, alice_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar, "SHOWN", 200)
    start = timezone.now() + DAY
    for periodicity in ("daily", "weekly", "monthly", "once"):
        recipes.mailing(
            alice, periodicity=periodicity, start_at=start, end_at=start + 400 * DAY
        )
    shown = runs_on(alice_client)
    now = timezone.now()
    for mailing in Mailing.objects.all():
        mine = [run.moment for run in shown if run.mailing == mailing]
        ahead = mailing.occurrences_after(now)
        assert mine == list(takewhile(lambda each: each < now + 90 * DAY, ahead))
        assert mine[0] == schedules.next_alarm(mailing, now)


def test_pages_follow_each_other_without_a_gap_or_a_double(
    alice: User, alice_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        coming(alice, periodicity="daily", end_at=timezone.now() + 5 * DAY)
    everything = [(run.moment, run.mailing.pk) for run in runs_on(alice_client)]
    monkeypatch.setattr(calendar, "SHOWN", 2)
    address: str | None = CALENDAR
    found = []
    while address:
        found += [
            (run.moment, run.mailing.pk) for run in runs_on(alice_client, address)
        ]
        page = alice_client.get(address).content.decode()
        link = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"{CALENDAR}{link[1].replace('&amp;', '&')}" if link else None
    assert found == everything
    assert len(found) > 10


def test_what_does_not_run_by_itself_is_not_shown(
    alice: User, alice_client: Browser
) -> None:
    paused, held, done = coming(alice), coming(alice), coming(alice)
    lifecycle.pause(paused, by=alice)
    admin = User.objects.create_superuser("root@example.com", "x")
    lifecycle.hold(held, by=admin, reason="Complaints")
    recipes.run(done, accepted=1)
    assert runs_on(alice_client) == []
    page = alice_client.get(CALENDAR).content.decode()
    assert "2 mailings are paused or held" in page
    assert reverse("mailings:mailing-create") in page


def test_others_mailings_are_not_there_and_shared_ones_are(
    alice: User, bob: User, bob_client: Browser
) -> None:
    shared, _secret = coming(alice), coming(alice)
    permissions.share(shared, to=bob, level=Level.VIEW, by=alice)
    assert [run.mailing for run in runs_on(bob_client)] == [shared]


def test_the_text_to_find_is_in_the_address(alice: User, alice_client: Browser) -> None:
    found, _other = coming(alice, title="Осенняя"), coming(alice, title="Spring")
    assert [run.mailing for run in runs_on(alice_client, f"{CALENDAR}?q=осенн")] == [
        found
    ]
    page = alice_client.get(f"{CALENDAR}?q=nothing").content.decode()
    assert "Nothing was found." in page


@pytest.mark.parametrize("wrong", ["from=x", "from=9999-12-31", "at=x", "at=2026~x"])
def test_an_address_that_says_nothing_begins_today(
    alice: User, alice_client: Browser, wrong: str
) -> None:
    mailing = coming(alice)
    runs = runs_on(alice_client, f"{CALENDAR}?{wrong}")
    assert [run.mailing for run in runs] == [mailing]


def test_recipients_are_counted_by_owner_list_and_pick(
    alice: User, alice_client: Browser
) -> None:
    clients = recipes.clients(alice, 5)
    news = recipes.client_list(alice, *clients[:3])
    to_all = coming(alice, all_clients=True)
    to_list = coming(alice, lists=[news])
    to_both = coming(alice, lists=[news], clients=clients[4:])
    found = {run.mailing: run.recipients for run in runs_on(alice_client)}
    assert found == {to_all: 5, to_list: 3, to_both: 4}


@pytest.mark.usefixtures("one_a_second")
def test_a_run_that_takes_longer_than_its_window_says_so(
    alice: User, alice_client: Browser
) -> None:
    clients = recipes.clients(alice, 120)
    soon = timezone.now() + DAY
    coming(alice, clients=clients, end_at=soon + timedelta(days=1))
    late = coming(alice, clients=clients)
    Mailing.objects.filter(pk=late.pk).update(
        end_at=late.start_at + timedelta(minutes=1)
    )
    fits, does_not = sorted(runs_on(alice_client), key=lambda run: run.too_many)
    assert (fits.lasts, fits.too_many) == (timedelta(seconds=120), 0)
    assert (does_not.mailing, does_not.too_many) == (late, 60)
    page = alice_client.get(CALENDAR).content.decode()
    assert "It will not fit before its end" in page
    assert "about 60 recipients will get nothing." in page


@pytest.mark.usefixtures("one_a_second")
def test_runs_whose_times_overlap_name_each_other(
    alice: User, alice_client: Browser
) -> None:
    clients = recipes.clients(alice, 120)
    first = coming(alice, clients=clients, title="First")
    second = coming(
        alice,
        clients=clients,
        title="Second",
        start_at=first.start_at + timedelta(seconds=90),
    )
    coming(alice, title="Later", start_at=first.start_at + timedelta(minutes=30))
    found = {run.mailing.title: run.clashes for run in runs_on(alice_client)}
    assert found == {"First": ["Second"], "Second": ["First"], "Later": []}
    assert second.title in alice_client.get(CALENDAR).content.decode()


def test_without_experience_no_length_is_made_up(
    alice: User, alice_client: Browser
) -> None:
    coming(alice, clients=recipes.clients(alice, 2))
    (run,) = runs_on(alice_client)
    assert (run.lasts, run.too_many) == (None, 0)
    assert "Too little has been sent yet" in alice_client.get(CALENDAR).content.decode()


@pytest.mark.parametrize("rows", [1, 40])
def test_the_calendar_costs_the_same_queries(
    alice: User, alice_client: Browser, django_assert_num_queries: Any, rows: int
) -> None:
    for _ in range(rows):
        coming(alice, lists=[recipes.client_list(alice, recipes.client(alice))])
        coming(alice, all_clients=True)
    empty_cache()
    with django_assert_num_queries(11):
        alice_client.get(CALENDAR)
