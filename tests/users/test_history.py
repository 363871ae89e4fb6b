"""What people decided about mailings and users, with author, time and reason."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from mailings import delivery, departure, lifecycle
from mailings.models import Mailing
from mailings.retrying import Failure, retry_failed
from tests import recipes
from users import blocking, history, managing
from users.models import AuditEntry, User
from users.permissions import Level, share

pytestmark = pytest.mark.django_db


def story(obj: Any) -> list[tuple[str, str, str]]:
    """What, who and why, oldest first."""
    return [
        (
            change.row.action,
            change.row.history_user.email if change.row.history_user else "",
            change.row.history_change_reason,
        )
        for change in reversed(history.of(obj))
    ]


def differences(obj: Any) -> dict[str, tuple[Any, Any]]:
    """Of the newest row."""
    newest = history.of(obj)[0]
    return {field.name: (old, new) for field, old, new in newest.differences}


def page(client: Client, mailing: Mailing) -> str:
    url = reverse("mailings:mailing-history", args=[mailing.pk])
    return client.get(url).content.decode()


def test_each_verb_leaves_a_row_with_author_and_reason(
    alice: User, manager: User
) -> None:
    mailing = recipes.mailing(alice, clients=[recipes.client(alice)])
    lifecycle.launch(mailing, by=alice)
    lifecycle.send_soon(mailing, by=manager)
    lifecycle.pause(mailing, by=alice)
    lifecycle.resume(mailing, by=alice)
    lifecycle.hold(mailing, by=manager, reason="Complaints")
    lifecycle.release(mailing, by=manager, reason="Checked")
    lifecycle.stop(mailing, by=alice)
    assert story(mailing) == [
        ("mailing_launched", "alice@example.com", ""),
        ("mailing_sent", "manager@example.com", ""),
        ("mailing_paused", "alice@example.com", ""),
        ("mailing_resumed", "alice@example.com", ""),
        ("mailing_held", "manager@example.com", "Complaints"),
        ("mailing_released", "manager@example.com", "Checked"),
        ("mailing_stopped", "alice@example.com", ""),
    ]


def test_who_had_it_sent_or_tried_again_is_in_the_history_and_on_the_audit_log(
    alice: User, alice_client: Client
) -> None:
    run = recipes.run(recipes.mailing(alice), pending=1, expired=1)
    url = reverse("mailings:mailing-send", args=[run.mailing_id])
    alice_client.post(url, {"confirmed": "1"})
    retry_failed(run, by=alice, failures=[Failure.TEMPORARY])
    assert story(run.mailing)[-2:] == [
        ("mailing_sent", "alice@example.com", ""),
        ("retried", "alice@example.com", ""),
    ]
    moment = f"{run.scheduled_for:%Y-%m-%d %H:%M} UTC"
    entries = AuditEntry.objects.filter(object_type="mailings.mailing").order_by("pk")
    assert [(each.action, each.actor, each.reason) for each in entries] == [
        ("mailing_sent", alice, moment),
        ("retried", alice, f"{moment}: 1"),
    ]
    assert "had a mailing sent at once" in page(alice_client, run.mailing)


def test_an_edited_mailing_says_what_it_was(alice: User) -> None:
    first, second = recipes.client_list(alice, name="First"), recipes.client_list(alice)
    mailing = recipes.mailing(alice, lists=[first], title="Old")
    lifecycle.launch(mailing, by=alice)
    mailing.title, mailing.message = "New", recipes.message(alice, subject="Other")
    mailing.save()
    mailing.lists.set([second])
    lifecycle.revise(mailing, by=alice)
    found = differences(mailing)
    assert found["title"] == ("Old", "New")
    assert found["lists"] == ({str(first.pk): "First"}, {str(second.pk): second.name})
    assert found["message"][1] == {str(mailing.message.pk): "Other"}
    assert found.keys() == {"title", "lists", "message"}


def test_what_is_only_renamed_or_done_by_others_is_nobodys_change(
    alice: User, manager: User
) -> None:
    listed, client = recipes.client_list(alice, name="First"), recipes.client(alice)
    mailing = recipes.mailing(alice, lists=[listed], clients=[client])
    lifecycle.launch(mailing, by=alice)
    listed.name = "Renamed"
    listed.save()
    lifecycle.delete_client(client, by=alice)
    lifecycle.hold(mailing, by=manager, reason="Spam")
    assert differences(mailing).keys() == {"held_at", "hold_reason"}


def test_ten_thousand_picked_clients_are_one_number(alice: User) -> None:
    mailing = recipes.mailing(alice, clients=recipes.clients(alice, 50))
    with CaptureQueriesContext(connection) as few:
        lifecycle.launch(mailing, by=alice)
    assert history.of(mailing)[0].row.beside["clients"] == 50
    assert len(few) < 20


def test_what_the_engine_does_is_no_history(alice: User) -> None:
    clients = recipes.clients(alice, 3)
    mailing = recipes.mailing(alice, clients=clients)
    lifecycle.launch(mailing, by=alice)
    before = len(history.of(mailing))
    with CaptureQueriesContext(connection) as queries:
        lifecycle.send_now(mailing, now=timezone.now())
        delivery.close(timezone.now() + timedelta(days=2))
    mailing.refresh_from_db()
    assert mailing.status == Mailing.Status.FINISHED
    assert len(history.of(mailing)) == before
    assert not [q for q in queries if "historicalmailing" in q["sql"]]


def test_signing_in_is_no_history(alice: User, alice_client: Client) -> None:
    assert alice_client.get("/").status_code == 200
    assert [change.row.history_type for change in history.of(alice)] == ["+"]


def test_users_have_a_history_too(
    alice: User, alice_client: Client, manager: User, admin: User
) -> None:
    alice_client.post(
        reverse("users:profile"),
        {"full_name": "Alicia", "timezone": "Europe/Moscow", "language": "ru"},
    )
    assert differences(alice).keys() == {"full_name", "timezone", "language"}
    blocking.block(alice, by=manager, reason="Spam")
    assert "password" not in differences(alice)
    blocking.unblock(alice, by=manager, reason="Sorry")
    friends = Group.objects.create(name="Friends")
    managing.edit_user(alice, by=admin, groups=[friends])
    assert differences(alice) == {"groups": ({}, {str(friends.pk): "Friends"})}
    assert story(alice)[1:] == [
        ("user_changed", "alice@example.com", ""),
        ("user_blocked", "manager@example.com", "Spam"),
        ("user_unblocked", "manager@example.com", "Sorry"),
        ("roles_changed", "admin@example.com", ""),
    ]


def test_no_row_names_a_deleted_user(alice: User, manager: User) -> None:
    managing.edit_user(alice, by=manager, full_name="Alicia")
    mailing = recipes.mailing(alice, title="News")
    recipes.run(mailing, accepted=1)
    departure.delete_user(alice, by=manager, reason="Alice has left")
    rows = User.history.filter(id=alice.pk).values()
    assert len(rows) == 3
    assert "alic" not in repr(list(rows)).lower()
    assert Mailing.history.filter(id=mailing.pk, title="News").exists()


def test_the_page_is_for_whoever_sees_the_mailing(
    alice: User,
    alice_client: Client,
    bob: User,
    bob_client: Client,
    charlie_client: Client,
    manager_client: Client,
    client: Client,
) -> None:
    mailing = recipes.mailing(alice)
    share(mailing, to=bob, level=Level.VIEW, by=alice)
    url = reverse("mailings:mailing-history", args=[mailing.pk])
    for who, status in (
        (alice_client, 200),
        (bob_client, 200),
        (manager_client, 200),
        (charlie_client, 404),
        (client, 302),
    ):
        assert who.get(url).status_code == status
    assert url in alice_client.get(mailing.get_absolute_url()).content.decode()
    assert alice_client.post(url).status_code == 405


def test_the_owner_reads_who_released_the_mailing_and_why(
    alice: User, alice_client: Client, manager: User
) -> None:
    mailing = recipes.mailing(alice, title="<b>News</b>")
    lifecycle.launch(mailing, by=alice)
    lifecycle.hold(mailing, by=manager, reason="Complaints <i>")
    lifecycle.release(mailing, by=manager, reason="All is well")
    shown = page(alice_client, mailing)
    for words in ("held a mailing", "released a mailing", "Complaints &lt;i&gt;"):
        assert words in shown
    assert "&lt;b&gt;News" in shown
    of_mailing = alice_client.get(mailing.get_absolute_url()).content.decode()
    assert "All is well" in of_mailing
    assert "manager@example.com" in of_mailing


def test_values_are_shown_in_the_readers_words(alice: User) -> None:
    alice.language, alice.timezone = "ru", "Europe/Moscow"
    alice.save()
    reader = Client()
    reader.force_login(alice)
    start = recipes.moment("2026-03-01 09:00")
    mailing = recipes.mailing(alice, start_at=start, periodicity="daily")
    lifecycle.launch(mailing, by=alice)
    mailing.periodicity, mailing.start_at = "weekly", start + timedelta(hours=1)
    mailing.save()
    lifecycle.revise(mailing, by=alice)
    shown = page(reader, mailing)
    for words in ("Ежедневно", "Еженедельно", "12:00", "13:00"):
        assert words in shown


@pytest.mark.parametrize("changes", [1, 5])
def test_the_page_costs_the_same_however_long_the_story(
    alice: User, alice_client: Client, changes: int
) -> None:
    mailing = recipes.mailing(alice)
    for _ in range(changes):
        lifecycle.pause(mailing, by=alice)
        lifecycle.resume(mailing, by=alice)
    with CaptureQueriesContext(connection) as queries:
        page(alice_client, mailing)
    assert len(queries) <= 8


def test_a_long_story_goes_by_pages(alice: User, alice_client: Client) -> None:
    mailing = recipes.mailing(alice)
    for _ in range(15):
        lifecycle.pause(mailing, by=alice)
        lifecycle.resume(mailing, by=alice)
    assert "?page=2" in page(alice_client, mailing)


def test_managers_read_the_story_of_a_user(
    alice: User, manager: User, manager_client: Client
) -> None:
    blocking.block(alice, by=manager, reason="Spam")
    url = reverse("reports:manage-user-history", args=[alice.pk])
    shown = manager_client.get(url).content.decode()
    assert "blocked a user" in shown
    assert "Spam" in shown
    user_page = reverse("reports:manage-user", args=[alice.pk])
    assert url in manager_client.get(user_page).content.decode()


def test_who_was_blocked_reads_until_when_and_why(alice: User, manager: User) -> None:
    blocking.block(alice, by=manager, reason="Spam")
    blocking.unblock(alice, by=manager, reason="It was none")
    reader = Client()
    reader.force_login(User.objects.get(pk=alice.pk))
    shown = reader.get(reverse("users:profile")).content.decode()
    for words in ("Blocks of your account", "Spam", "It was none", "manager@"):
        assert words in shown


def test_who_was_never_blocked_reads_nothing_of_it(alice_client: Client) -> None:
    shown = alice_client.get(reverse("users:profile")).content.decode()
    assert "Blocks of your account" not in shown
