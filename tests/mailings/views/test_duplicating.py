from datetime import timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.test import Client as Browser
from django.utils import timezone

from mailings.models import Mailing
from mailings.views.duplicating import next_time_like
from tests import recipes
from tests.mailings.views.conftest import Things
from users import permissions
from users.models import User
from users.permissions import Level


def address(mailing: Mailing) -> str:
    return f"{mailing.get_absolute_url()}duplicate/"


def sent(browser: Browser, mailing: Mailing, **values: Any) -> Mailing:
    """The form as it comes, sent and confirmed."""
    form = browser.get(address(mailing)).context["form"]
    data = {name: form.initial.get(name, "") for name in form.fields}
    for name in {"lists", "clients"} & form.fields.keys():
        data[name] = [row.pk for row in data[name]]
    for name in ("start_at", "end_at"):
        data[name] = f"{timezone.localtime(data[name]):%Y-%m-%dT%H:%M}"
    if not data["all_clients"]:
        del data["all_clients"]
    answer = browser.post(address(mailing), data | {"key": str(uuid4())} | values)
    assert answer.status_code == 302, answer.context["form"].errors
    return Mailing.objects.exclude(pk=mailing.pk).get()


def test_a_copy_has_the_same_message_and_recipients_and_runs_anew(
    alice: User, alice_client: Browser, things: Things
) -> None:
    picked = recipes.client(alice)
    things.mailing.clients.set([picked])
    Mailing.objects.filter(pk=things.mailing.pk).update(
        periodicity="weekly", when_unknown="resend", status="finished"
    )
    copy = sent(alice_client, things.mailing)
    assert copy.message == things.message
    assert set(copy.recipients()) == {picked, things.client}
    assert (copy.title, copy.periodicity) == ("Greetings (copy)", "weekly")
    assert (copy.when_unknown, copy.status) == ("resend", "created")
    assert copy.start_at > timezone.now()
    assert not copy.runs.exists()


def test_the_new_times_keep_the_clock_and_the_length(
    alice_client: Browser, things: Things
) -> None:
    old = things.mailing
    form = alice_client.get(address(old)).context["form"]
    start, end = form.initial["start_at"], form.initial["end_at"]
    assert start > timezone.now()
    assert (start.hour, start.minute) == (old.start_at.hour, old.start_at.minute)
    assert end - start == timedelta(days=1, minutes=1)


def test_the_next_such_time_is_reckoned_on_the_readers_clock() -> None:
    old = recipes.moment("2026-01-10 08:00")  # 09:00 in Berlin
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert next_time_like(old, recipes.moment("2026-07-01 06:00")) == (
            recipes.moment("2026-07-01 07:00")
        )
        assert next_time_like(old, recipes.moment("2026-03-28 12:00")) == (
            recipes.moment("2026-03-29 07:00")
        )


def test_more_picked_clients_than_the_form_shows_are_taken_over(
    alice: User, alice_client: Browser
) -> None:
    mailing = recipes.mailing(alice, clients=recipes.clients(alice, 401))
    page = alice_client.get(address(mailing)).content.decode()
    assert f"/mailings/foresee/?copy={mailing.pk}" in page
    times = {
        "start_at": "2099-01-01T09:00",
        "end_at": "2099-02-01T09:00",
        "periodicity": "once",
    }
    seen = alice_client.post(f"/mailings/foresee/?copy={mailing.pk}", times)
    assert seen.context["total"] == 401
    assert sent(alice_client, mailing).recipients().count() == 401


def test_only_the_owner_is_offered_it_in_the_list(
    alice: User, bob: User, alice_client: Browser, bob_client: Browser, things: Things
) -> None:
    permissions.share(things.mailing, to=bob, level=Level.CHANGE, by=alice)
    for path in ("/mailings/", things.mailing.get_absolute_url()):
        assert address(things.mailing) in alice_client.get(path).content.decode()
        assert address(things.mailing) not in bob_client.get(path).content.decode()


def test_a_copy_that_is_only_looked_at_changes_nothing(
    alice_client: Browser, things: Things
) -> None:
    before = Mailing.objects.values().get()
    alice_client.get(address(things.mailing))
    assert Mailing.objects.values().get() == before


def test_a_start_that_is_still_to_come_may_be_today() -> None:
    now = recipes.moment("2026-05-05 10:00")
    old = recipes.moment("2026-01-01 10:00")
    assert next_time_like(old, now) == now + timedelta(days=1)
    assert next_time_like(old, now - timedelta(minutes=1)) == now
