"""The report of a finished run is kept as a part of the page, and lets go in time."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from mailings.models import EndCount, Mailing, Run
from mailings.retrying import Failure, retry_failed
from tests import recipes
from tests.conftest import empty_cache
from users import permissions
from users.models import User
from users.permissions import Level

pytestmark = pytest.mark.django_db

FRAME = 4  # session, user, how the installation does, rights


@pytest.fixture
def run(alice: User) -> Run:
    return recipes.run(recipes.mailing(alice), accepted=2, refused=1)


def report(client: Client, thing: Run | Mailing, query: str = "") -> Any:
    name = "run" if isinstance(thing, Run) else "mailing"
    return client.get(reverse(f"reports:{name}", args=[thing.pk]) + query)


def tamper(run: Run) -> None:
    """A reason that only shows if the report is made anew: the books don't tell."""
    EndCount.objects.create(
        run=run, state="expired", reason="window_over", deliveries=7
    )


MADE_ANEW = "the time of the run was over"


@pytest.mark.parametrize(("kind", "queries"), [("run", 1), ("mailing", 3)])
def test_what_has_finished_is_asked_for_once(
    alice_client: Client,
    run: Run,
    django_assert_num_queries: DjangoAssertNumQueries,
    kind: str,
    queries: int,
) -> None:
    thing = run if kind == "run" else run.mailing
    first = report(alice_client, thing)
    tamper(run)
    with django_assert_num_queries(FRAME + queries):
        again = report(alice_client, thing)
    assert again.context["report"] == first.context["report"]
    assert "Figures as of" in again.content.decode()
    assert MADE_ANEW not in again.content.decode()


def test_a_refresh_makes_it_anew(
    alice_client: Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailsvc.cache._FRESH", 0.0)
    report(alice_client, run)
    tamper(run)
    assert MADE_ANEW in report(alice_client, run, "?refresh=1").content.decode()


def test_another_language_or_zone_has_its_own(
    alice: User, alice_client: Client, run: Run
) -> None:
    english = report(alice_client, run).content.decode()
    assert "Attempts over time" in english
    User.objects.filter(pk=alice.pk).update(language="ru", timezone="Asia/Tokyo")
    tamper(run)
    russian = report(alice_client, run).content.decode()
    assert "Attempts over time" not in russian
    assert "+09:00" in russian


def test_what_goes_on_is_never_kept(alice: User, alice_client: Client) -> None:
    run = recipes.run(recipes.mailing(alice), accepted=1, pending=1)
    for thing in (run, run.mailing):
        page = report(alice_client, thing)
        assert page.context["kept"] is None
        assert "Figures as of" not in page.content.decode()
    tamper(run)
    for thing in (run, run.mailing):
        assert MADE_ANEW in report(alice_client, thing).content.decode()


def test_a_retry_that_opens_the_run_again_lets_go_of_it(
    alice: User, alice_client: Client, run: Run
) -> None:
    for thing in (run, run.mailing):
        report(alice_client, thing)
    retry_failed(run, by=alice, failures=[Failure.REFUSED])
    for thing in (run, run.mailing):
        page = report(alice_client, thing)
        assert page.context["kept"] is None
        assert page.context["books"]["pending"] == 1


def test_readers_share_the_part_and_not_what_they_may(
    alice: User, bob: User, alice_client: Client, bob_client: Client, run: Run
) -> None:
    assert report(bob_client, run).status_code == 404
    permissions.share(run.mailing, to=bob, level=Level.VIEW, by=alice)
    retry = reverse("reports:run-retry", args=[run.pk])
    owners, readers = report(alice_client, run), report(bob_client, run)
    assert owners.context["report"] == readers.context["report"]
    assert retry in owners.content.decode()
    assert retry not in readers.content.decode()
    assert alice.email not in owners.context["report"]
    permissions.unshare(run.mailing, to=bob, by=alice)
    assert report(bob_client, run).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/reports/",
        "/reports/?refresh=1",
        "/reports/runs/{run}/",
        "/reports/runs/{run}/chart/",
        "/reports/mailings/{mailing}/",
        "/reports/mailings/{mailing}/chart/",
        "/reports/recipient/?email=x@example.com",
        "/runs/{run}/?export=csv",
    ],
)
def test_without_redis_every_page_is_there(
    settings: Settings, alice_client: Client, run: Run, path: str
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "mailsvc.patient_redis.Cache",
            "LOCATION": "redis://127.0.0.1:1/0",  # nobody listens there
            "OPTIONS": {
                "IGNORE_EXCEPTIONS": True,
                "REDIS_CLIENT_CLASS": "mailsvc.patient_redis.Connection",
                "SOCKET_CONNECT_TIMEOUT": 1,
            },
        }
    }
    address = path.format(run=run.pk, mailing=run.mailing_id)
    for _ in range(2):
        answer = alice_client.get(address)
        assert answer.status_code == 200
        assert answer.getvalue()
    del settings.CACHES
    empty_cache()
