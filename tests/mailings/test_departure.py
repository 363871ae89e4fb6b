"""A user is deleted: the schedule, what waits and what was sent."""

import pytest

from mailings import departure, lifecycle, schedules
from mailings.models import Client, ClientList, Delivery, Mailing, Message, Run
from tests import recipes
from users.blocking import NotAllowed
from users.models import AuditEntry, User
from users.permissions import Level, share

pytestmark = pytest.mark.django_db


def test_what_is_theirs_goes_and_what_was_sent_stays(
    alice: User, manager: User
) -> None:
    client = recipes.client(alice, email="peter@example.com")
    listed = recipes.client_list(alice, client)
    mailing = recipes.mailing(alice, lists=[listed], title="News")
    run = recipes.run(mailing, accepted=1, refused=1, pending=2)
    recipes.mailing(alice, title="Never sent")
    departure.delete_user(alice, by=manager, reason="Gone")
    assert Client.objects.count() == ClientList.objects.count() == 0
    assert Message.objects.count() == 0
    kept = Mailing.objects.get()
    assert (kept.title, kept.is_deleted, kept.status) == ("News", True, "finished")
    run.refresh_from_db()
    assert (run.state, run.accepted, run.refused, run.cancelled) == (
        *("finished", 1, 1),
        2,
    )
    deliveries = Delivery.objects.filter(run=run)
    assert deliveries.filter(client=None).exclude(email="").count() == 4
    actions = AuditEntry.objects.values_list("action", flat=True)
    assert sorted(actions) == ["mailing_deleted", "mailing_deleted", "user_deleted"]


def test_no_alarm_is_left(alice: User, manager: User) -> None:
    client = recipes.client(alice)
    mailing = recipes.mailing(alice, clients=[client], periodicity="daily")
    lifecycle.launch(mailing, by=alice)
    departure.delete_user(alice, by=manager, reason="Gone")
    assert schedules.Schedule.objects.filter(name=f"mailing:{mailing.pk}").count() == 0


def test_what_others_use_stays_theirs(alice: User, bob: User, manager: User) -> None:
    message = recipes.message(alice)
    theirs = recipes.mailing(bob, message=message, clients=[recipes.client(bob)])
    share(theirs, to=alice, level=Level.VIEW, by=bob)
    departure.delete_user(alice, by=manager, reason="Gone")
    theirs.refresh_from_db()
    assert theirs.message == message
    assert theirs.is_live
    assert Client.objects.count() == 1
    assert Mailing.objects.visible_to(bob).get() == theirs


def test_who_may_not_delete_deletes_nothing(alice: User, bob: User) -> None:
    recipes.run(recipes.mailing(alice), pending=1)
    with pytest.raises(NotAllowed):
        departure.delete_user(alice, by=bob, reason="Gone")
    assert Client.objects.count() == 1
    assert Run.objects.get().pending == 1
    assert Mailing.objects.existing().count() == 1
