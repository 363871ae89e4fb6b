from datetime import timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from mailings import badges, lifecycle
from mailings.models import Canary, Mailing
from tests import recipes
from tests.mailings.views.conftest import Things
from users.models import User

NEW = "/mailings/new/"


def settings_of(owner: User, **values: Any) -> dict[str, Any]:
    """What is sent, when it was asked whether to start it, for one of tomorrow."""
    begin = timezone.localtime(timezone.now() + timedelta(days=1))
    return {
        "message": recipes.message(owner, subject="News").pk,
        "all_clients": "on",
        "start_at": f"{begin:%Y-%m-%dT%H:%M}",
        "end_at": f"{begin + timedelta(days=10):%Y-%m-%dT%H:%M}",
        "periodicity": "daily",
        "title": "",
        "key": str(uuid4()),  # of the page that asks
    } | values


def errors_of(browser: Browser, data: dict[str, Any]) -> dict[str, Any]:
    answer = browser.post(NEW, data)
    assert answer.status_code == 200
    assert not Mailing.objects.exists()
    return dict(answer.context["form"].errors)


def test_a_new_mailing_is_put_into_service(alice: User, alice_client: Browser) -> None:
    answer = alice_client.post(NEW, settings_of(alice))
    mailing = Mailing.objects.get()
    assert answer["Location"] == mailing.get_absolute_url()
    assert (mailing.owner, mailing.title) == (alice, "News")
    assert Schedule.objects.filter(name=f"mailing:{mailing.pk}").count() == 1


def test_inside_its_window_sending_is_asked_for_at_once(
    alice: User, alice_client: Browser
) -> None:
    recipes.client(alice)
    now = timezone.now()
    before = OrmQ.objects.count()
    data = settings_of(alice, start_at=f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}")
    alice_client.post(NEW, data)
    assert OrmQ.objects.count() > before


def test_times_are_on_the_clock_of_the_user(alice: User, alice_client: Browser) -> None:
    alice.timezone = ZoneInfo("Asia/Tokyo")
    alice.save()
    data = settings_of(alice, start_at="2099-07-01T09:00", end_at="2099-08-01T09:00")
    alice_client.post(NEW, data)
    mailing = Mailing.objects.get()
    assert mailing.start_at == recipes.moment("2099-07-01 00:00")
    assert str(mailing.timezone) == "Asia/Tokyo"


def test_recipients_are_what_was_chosen(alice: User, alice_client: Browser) -> None:
    listed, picked, _other = recipes.clients(alice, 3)
    friends = recipes.client_list(alice, listed)
    data = settings_of(alice, lists=[friends.pk], clients=[picked.pk])
    del data["all_clients"]
    alice_client.post(NEW, data)
    assert set(Mailing.objects.get().recipients()) == {listed, picked}


@pytest.mark.parametrize(
    ("choice", "kept"), [({}, "keep"), ({"when_unknown": "resend"}, "resend")]
)
def test_nothing_is_sent_again_by_itself_unless_it_was_chosen(
    alice: User, alice_client: Browser, choice: dict[str, str], kept: str
) -> None:
    alice_client.post(NEW, settings_of(alice, **choice))
    assert Mailing.objects.get().when_unknown == kept


def test_an_edit_without_that_choice_leaves_it(
    alice: User, alice_client: Browser
) -> None:
    alice_client.post(NEW, settings_of(alice, when_unknown="resend"))
    mailing = Mailing.objects.get()
    alice_client.post(f"/mailings/{mailing.pk}/edit/", settings_of(alice))
    mailing.refresh_from_db()
    assert mailing.when_unknown == "resend"


def test_a_choice_that_is_none_is_an_error_at_its_field(
    alice: User, alice_client: Browser
) -> None:
    data = settings_of(alice, when_unknown="sometimes")
    assert list(errors_of(alice_client, data)) == ["when_unknown"]


def test_somebody_has_to_get_it(alice: User, alice_client: Browser) -> None:
    data = settings_of(alice)
    del data["all_clients"]
    assert errors_of(alice_client, data) == {
        "all_clients": ["Choose all clients, a list or single clients."]
    }


def test_a_mailing_that_nobody_gets_yet_is_saved_with_a_warning(
    alice: User, alice_client: Browser
) -> None:
    answer = alice_client.post(NEW, settings_of(alice), follow=True)
    assert "has no recipients" in answer.content.decode()


@pytest.mark.parametrize("name", ["message", "lists", "clients"])
def test_foreign_things_are_an_error_at_their_field(
    alice: User, alice_client: Browser, bob: User, name: str
) -> None:
    foreign = {
        "message": recipes.message(bob).pk,
        "lists": [recipes.client_list(bob).pk],
        "clients": [recipes.client(bob).pk],
    }
    data = settings_of(alice, **{name: foreign[name]})
    assert list(errors_of(alice_client, data)) == [name]


@pytest.mark.parametrize("key", ["x", "9" * 30, "-1"])
@pytest.mark.parametrize("name", ["message", "lists", "clients"])
def test_a_key_that_is_none_is_an_error_at_its_field(
    alice: User, alice_client: Browser, name: str, key: str
) -> None:
    assert list(errors_of(alice_client, settings_of(alice, **{name: key}))) == [name]


def test_the_end_is_after_the_start(alice: User, alice_client: Browser) -> None:
    data = settings_of(alice, start_at="2099-01-02T00:00", end_at="2099-01-01T00:00")
    assert errors_of(alice_client, data) == {
        "end_at": ["The end must be after the start."]
    }


def test_the_end_is_not_over_already(alice: User, alice_client: Browser) -> None:
    data = settings_of(alice, start_at="2020-01-01T00:00", end_at="2020-01-02T00:00")
    assert errors_of(alice_client, data) == {
        "end_at": ["The end must be in the future."]
    }


@pytest.mark.parametrize("text", ["", "tomorrow", "0001-01-01T00:00", "2026-13-01"])
def test_a_time_that_is_none_is_an_error_at_its_field(
    alice: User, alice_client: Browser, text: str
) -> None:
    assert list(errors_of(alice_client, settings_of(alice, start_at=text))) == [
        "start_at"
    ]


def test_the_page_of_a_message_offers_it(alice_client: Browser, things: Things) -> None:
    answer = alice_client.get(NEW, {"message": things.message.pk})
    assert answer.context["form"]["message"].value() == things.message.pk


def _edit(browser: Browser, mailing: Mailing, **values: Any) -> None:
    url = reverse("mailings:mailing-update", args=[mailing.pk])
    form = browser.get(url).context["form"]
    data = {
        "message": form["message"].value(),
        "title": mailing.title,
        "lists": form["lists"].value(),
        "clients": form["clients"].value(),
        "start_at": f"{form['start_at'].value():%Y-%m-%dT%H:%M}",
        "end_at": f"{form['end_at'].value():%Y-%m-%dT%H:%M}",
        "periodicity": mailing.periodicity,
    }
    answer = browser.post(url, data | values)
    assert answer.status_code == 302, answer.context["form"].errors


def test_an_edit_leaves_what_was_not_touched(
    alice: User, alice_client: Browser, things: Things
) -> None:
    mailing = things.mailing
    start = mailing.start_at.replace(second=37, microsecond=123)
    Mailing.objects.filter(pk=mailing.pk).update(start_at=start)
    _edit(alice_client, mailing, title="New title")
    mailing.refresh_from_db()
    assert (mailing.title, mailing.start_at) == ("New title", start)
    assert list(mailing.lists.all()) == [things.list]


def test_an_edit_keeps_owner_and_zone(
    alice: User, alice_client: Browser, bob: User, things: Things
) -> None:
    alice.timezone = ZoneInfo("Asia/Tokyo")
    alice.save()
    _edit(alice_client, things.mailing, owner=bob.pk)
    things.mailing.refresh_from_db()
    assert (things.mailing.owner, str(things.mailing.timezone)) == (alice, "UTC")


def test_an_edit_sets_the_schedule_right(alice: User, alice_client: Browser) -> None:
    alice_client.post(NEW, settings_of(alice))
    mailing = Mailing.objects.get()
    _edit(
        alice_client,
        mailing,
        all_clients="on",
        start_at="2098-01-01T09:00",
        end_at="2099-01-01T09:00",
    )
    schedule = Schedule.objects.get(name=f"mailing:{mailing.pk}")
    assert schedule.next_run == recipes.moment("2098-01-01 09:00")


def test_a_mailing_with_more_picks_than_a_form_shows_keeps_them(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice, clients=recipes.clients(alice, 401), title="Big")
    url = reverse("mailings:mailing-update", args=[mailing.pk])
    page = alice_client.get(url)
    assert "Single clients: 401" in page.content.decode()
    data = settings_of(alice, title="Bigger")
    del data["all_clients"]
    assert alice_client.post(url, data).status_code == 302
    assert mailing.clients.count() == 401


def test_a_hold_is_shown_with_its_reason(
    alice_client: Browser, manager: User, things: Things
) -> None:
    lifecycle.hold(things.mailing, by=manager, reason="Too many complaints")
    page = alice_client.get(things.mailing.get_absolute_url()).content.decode()
    assert "Too many complaints" in page
    assert reverse("mailings:mailing-send", args=[things.mailing.pk]) not in page


def test_a_deleted_mailing_is_gone_and_its_run_readable(
    alice_client: Browser, things: Things
) -> None:
    mailing = things.mailing
    alice_client.post(reverse("mailings:mailing-delete", args=[mailing.pk]))
    assert alice_client.get(mailing.get_absolute_url()).status_code == 404
    run = alice_client.get(things.run.get_absolute_url())
    assert "Greetings" in run.content.decode()


@pytest.mark.parametrize("name", ["update", "pause", "send"])
def test_what_was_deleted_in_another_tab_says_so(
    alice_client: Browser, bob_client: Browser, things: Things, name: str
) -> None:
    """Not that one may not, and should ask an administrator."""
    lifecycle.delete(things.mailing, by=things.mailing.owner)
    url = reverse(f"mailings:mailing-{name}", args=[things.mailing.pk])
    answer = alice_client.post(url, settings_of(things.mailing.owner))
    assert answer.status_code == 404
    assert "It was deleted" in answer.content.decode()
    stranger = bob_client.post(url)
    assert stranger.status_code == 404
    assert "It was deleted" not in stranger.content.decode()


def test_the_page_tells_the_next_occurrences(
    alice: User, alice_client: Browser
) -> None:
    begin = timezone.now() + timedelta(days=1)
    mailing = recipes.mailing(
        alice, start_at=begin, end_at=begin + timedelta(days=30), periodicity="weekly"
    )
    shown = alice_client.get(mailing.get_absolute_url()).context["outlook"].moments
    assert shown == [begin + timedelta(days=7 * n) for n in range(5)]


@pytest.mark.parametrize(
    ("values", "states", "seconds"),
    [
        ({}, {"pending": 1}, 2),
        ({}, {}, 2),  # due: its run may begin any moment
        ({"periodicity": "weekly"}, {"accepted": 1}, 30),
        ({"status": "finished"}, {"accepted": 1}, None),
    ],
)
def test_a_page_is_kept_up_to_date_while_something_goes_on(
    alice: User,
    alice_client: Browser,
    values: dict[str, Any],
    states: dict[str, int],
    seconds: int | None,
) -> None:
    now = timezone.now()
    Canary.objects.create(pk=1, worked_at=now, acknowledged_at=now)
    times = {"start_at": now - timedelta(days=1), "end_at": now + timedelta(days=300)}
    mailing = recipes.mailing(alice, **times, **values)
    if states:
        recipes.run(mailing, **states)
    answer = alice_client.get(mailing.get_absolute_url())
    assert answer.context["refresh"] == seconds
    assert ("hx-trigger" in answer.content.decode()) == (seconds is not None)


def test_the_live_part_asks_for_the_whole_page_when_other_buttons_apply(
    alice_client: Browser, things: Things
) -> None:
    url = reverse("mailings:mailing-live", args=[things.mailing.pk])
    same = alice_client.get(url, {"was": things.mailing.status})
    other = alice_client.get(url, {"was": f"{things.mailing.status}-paused"})
    assert ("HX-Refresh" in same, other["HX-Refresh"]) == (False, "true")


@pytest.mark.parametrize(
    ("status", "found"),
    [("paused", ["Paused"]), ("created", ["Paused", "Plain"]), ("finished", [])],
)
def test_the_list_is_filtered_by_status(
    alice: User, alice_client: Browser, status: str, found: list[str]
) -> None:
    recipes.mailing(alice, title="Plain")
    recipes.mailing(alice, title="Paused", paused_at=timezone.now())
    answer = alice_client.get(reverse("mailings:mailing-list"), {"status": status})
    assert sorted(row.title for row in answer.context["object_list"]) == found


def test_what_is_over_is_not_paused_any_more(alice: User) -> None:
    mailing = recipes.mailing(alice, paused_at=timezone.now(), status="finished")
    assert [str(badge) for badge in badges.of(mailing)] == ["Finished"]
