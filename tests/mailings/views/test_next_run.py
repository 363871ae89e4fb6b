"""When a mailing runs next: all pages say what the scheduler does."""

from datetime import datetime, timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone
from django_q.models import Schedule

from mailings import lifecycle
from mailings.models import Mailing
from tests import recipes
from users.models import User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def ahead(owner: User, periodicity: str = "once") -> Mailing:
    """It begins tomorrow."""
    start = timezone.now().replace(microsecond=0) + DAY
    times = {"start_at": start, "end_at": start + 60 * DAY}
    return recipes.mailing(owner, periodicity=periodicity, **times)


def told(browser: Browser, mailing: Mailing) -> dict[str, datetime | None]:
    """By each page."""
    row = browser.get("/mailings/").context["table"].rows[0]
    coming = browser.get("/").context["coming"]
    outlook = browser.get(mailing.get_absolute_url()).context["outlook"]
    days = browser.get("/mailings/calendar/").context["days"]
    return {
        "list": row.table.value_next_run(row.record),
        "home": coming[0][0] if coming else None,
        "page": outlook.moments[0] if outlook.moments else None,
        "calendar": days[0][1][0].moment if days else None,
    }


def alarm(mailing: Mailing) -> datetime | None:
    return Schedule.objects.get(name=f"mailing:{mailing.pk}").next_run


@pytest.mark.parametrize("periodicity", ["once", "daily", "monthly"])
def test_what_is_not_begun_begins_at_its_start(
    alice: User, alice_client: Browser, periodicity: str
) -> None:
    mailing = ahead(alice, periodicity)
    lifecycle.launch(mailing, by=alice)
    assert set(told(alice_client, mailing).values()) == {mailing.start_at}
    assert alarm(mailing) == mailing.start_at


def test_what_was_to_be_sent_once_and_was_by_hand_runs_no_more(
    alice: User, alice_client: Browser
) -> None:
    mailing = ahead(alice)
    lifecycle.launch(mailing, by=alice)
    lifecycle.send_soon(mailing, by=alice)
    assert set(told(alice_client, mailing).values()) == {None}
    assert alarm(mailing) == mailing.end_at


def test_what_repeats_and_was_sent_by_hand_keeps_its_times(
    alice: User, alice_client: Browser
) -> None:
    mailing = ahead(alice, "weekly")
    lifecycle.launch(mailing, by=alice)
    lifecycle.send_soon(mailing, by=alice)
    assert set(told(alice_client, mailing).values()) == {mailing.start_at}
    assert alarm(mailing) == mailing.start_at


def test_what_is_due_and_not_begun_yet_begins_at_once(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice)
    lifecycle.launch(mailing, by=alice)
    row = alice_client.get("/mailings/").context["table"].rows[0]
    assert "at once" in row.get_cell("next_run")
    assert alice_client.get("/").context["coming"] == [(mailing.start_at, mailing)]
    page = alice_client.get(mailing.get_absolute_url()).content.decode()
    assert "At once." in page


def test_what_was_missed_too_long_ago_waits_for_its_next_time(
    alice: User, alice_client: Browser
) -> None:
    start = timezone.now().replace(microsecond=0) - timedelta(hours=13)
    mailing = recipes.mailing(
        alice, periodicity="daily", start_at=start, end_at=start + 60 * DAY
    )
    Mailing.objects.update(created_at=start - DAY)
    assert set(told(alice_client, mailing).values()) == {start + DAY}
    page = alice_client.get(mailing.get_absolute_url()).content.decode()
    assert "At once." not in page


def test_the_reports_tell_the_same(alice: User, alice_client: Browser) -> None:
    mailing = ahead(alice)
    lifecycle.launch(mailing, by=alice)
    table = alice_client.get("/reports/").context["table"]
    assert "<time" in table.rows[0].get_cell("next_run")
    lifecycle.send_soon(mailing, by=alice)
    table = alice_client.get("/reports/").context["table"]
    assert table.rows[0].get_cell("next_run") == "—"
