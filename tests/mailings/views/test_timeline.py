from datetime import timedelta

from django.test import Client as Browser
from django.utils import timezone

from mailings import lifecycle
from mailings.models import Run
from mailings.timeline import SHOWN, Timeline
from tests import recipes
from users.models import User


def shown(browser: Browser, mailing: object) -> Timeline:
    context = browser.get(mailing.get_absolute_url()).context  # type: ignore[attr-defined]
    found: Timeline = context["timeline"]
    return found


def test_deeds_and_runs_stand_in_one_line_newest_first(
    alice: User, alice_client: Browser, manager: User
) -> None:
    mailing = recipes.mailing(alice, periodicity="daily")
    run = recipes.run(mailing, accepted=2, refused=1)
    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(
        started_at=now - timedelta(minutes=2), finished_at=now - timedelta(minutes=1)
    )
    lifecycle.pause(mailing, by=alice)
    lifecycle.hold(mailing, by=manager, reason="Too many complaints")
    past = [
        (event.words, event.who, event.why)
        for event in shown(alice_client, mailing).past
        if event.words != "Created"
    ]
    assert past == [
        ("Held a mailing", str(manager), "Too many complaints"),
        ("Paused a mailing", str(alice), ""),
        ("A run ended: 2 of 3 accepted, not delivered: 1", "", ""),
        ("A run began", "", ""),
    ]


def test_what_is_ahead_comes_first(alice: User, alice_client: Browser) -> None:
    begin = timezone.now() + timedelta(days=1)
    mailing = recipes.mailing(alice, start_at=begin, end_at=begin + timedelta(days=2))
    ahead = shown(alice_client, mailing).ahead
    assert [(event.words, event.at) for event in ahead] == [
        ("Its time ends", mailing.end_at),
        ("The next run begins", begin),
    ]


def test_nothing_is_ahead_of_a_mailing_that_is_over(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice, status="finished")
    line = shown(alice_client, mailing)
    assert line.ahead == []
    told = [(event.words, event.at) for event in line.past]
    assert ("It is over", mailing.end_at) in told


def test_a_run_that_was_missed_is_told(alice: User, alice_client: Browser) -> None:
    mailing = recipes.mailing(alice)
    recipes.run(mailing, values={"state": Run.State.MISSED, "started_at": None})
    words = [event.words for event in shown(alice_client, mailing).past]
    assert "A run was missed" in words


def test_of_a_long_past_the_newest_is_shown_and_that_there_is_more(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice)
    for _ in range(SHOWN):
        lifecycle.pause(mailing, by=alice)
        lifecycle.resume(mailing, by=alice)
    found = shown(alice_client, mailing)
    assert len(found.past) == SHOWN
    assert found.has_more
