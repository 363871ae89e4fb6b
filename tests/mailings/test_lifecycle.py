from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from mailings import lifecycle
from mailings.delivery.plan import expand
from mailings.lifecycle import NotPossible
from mailings.models import Client, ClientList, Mailing, Message, Run
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
MakeMailing = Callable[..., Mailing]


@pytest.fixture
def mailing(alice: User) -> MakeMailing:
    def make(**fields: Any) -> Mailing:
        for n in range(3):
            Client.objects.get_or_create(
                owner=alice, email=f"c{n}@example.com", full_name=f"C {n}"
            )
        message = Message.objects.create(owner=alice, subject="Hi", body="Text")
        now = timezone.now()
        settings = {"start_at": now - DAY / 2, "end_at": now + DAY, "all_clients": True}
        made = Mailing.objects.create(
            owner=alice, message=message, **(settings | fields)
        )
        lifecycle.launch(made, by=alice)
        return made

    return make


def sent_to(mailing: Mailing) -> Run:
    """A run of it, planned."""
    run = lifecycle.send_now(mailing, now=timezone.now())
    assert run is not None
    expand(run.pk, timezone.now())
    mailing.refresh_from_db()
    return run


def states_of(run: Run) -> list[tuple[str, str]]:
    return list(run.deliveries.values_list("state", "reason").order_by().distinct())


def test_a_mailing_is_called_by_its_subject_unless_named(mailing: MakeMailing) -> None:
    assert mailing().title == "Hi"
    assert mailing(title="News").title == "News"


def test_launching_sends_nothing_itself(mailing: MakeMailing) -> None:
    made = mailing()
    assert not made.runs.exists()
    assert [row.func() for row in OrmQ.objects.all()] == [
        "mailings.tasks.start_mailing"
    ]


def test_a_mailing_is_paused_once_and_resumed_once(
    mailing: MakeMailing, alice: User
) -> None:
    made = mailing()
    lifecycle.pause(made, by=alice)
    with pytest.raises(NotPossible, match="paused already"):
        lifecycle.pause(made, by=alice)
    lifecycle.resume(made, by=alice)
    with pytest.raises(NotPossible, match="not paused"):
        lifecycle.resume(made, by=alice)


def test_a_mailing_that_the_engine_paused_says_why_and_is_resumed(
    mailing: MakeMailing, alice: User
) -> None:
    made = mailing()
    Mailing.objects.update(paused_at=timezone.now(), pause_reason="554 5.7.1 Spam")
    with pytest.raises(NotPossible, match="refuses it: 554 5"):
        lifecycle.send_now(made, now=timezone.now())
    lifecycle.resume(made, by=alice)
    made.refresh_from_db()
    assert (made.paused_at, made.pause_reason) == (None, "")


def test_a_hold_wants_a_reason(mailing: MakeMailing, manager: User) -> None:
    made = mailing()
    with pytest.raises(NotPossible, match="Say why"):
        lifecycle.hold(made, by=manager, reason="  ")
    lifecycle.hold(made, by=manager, reason="Complaints")
    made.refresh_from_db()
    assert (made.held_by, made.hold_reason) == (manager, "Complaints")


def test_stopping_cancels_what_waits(mailing: MakeMailing, alice: User) -> None:
    made = mailing()
    run = sent_to(made)
    lifecycle.stop(made, by=alice)
    run.refresh_from_db()
    assert states_of(run) == [("cancelled", "stopped")]
    assert (run.state, run.cancelled) == ("finished", 3)
    with pytest.raises(NotPossible, match="finished"):
        lifecycle.stop(made, by=alice)


def test_deleting_keeps_the_history(mailing: MakeMailing, alice: User) -> None:
    made = mailing(title="News")
    run = sent_to(made)
    lifecycle.delete(made, by=alice)
    Message.objects.all().delete()  # nothing protects it any more
    run.refresh_from_db()
    assert states_of(run) == [("cancelled", "mailing_deleted")]
    assert (run.state, run.subject, run.mailing.title) == ("finished", "Hi", "News")
    assert list(run.deliveries.order_by("pk").values_list("email", flat=True)) == [
        "c0@example.com",
        "c1@example.com",
        "c2@example.com",
    ]
    assert not Mailing.objects.existing().exists()


def test_a_mailing_without_history_is_gone(mailing: MakeMailing, alice: User) -> None:
    lifecycle.delete(mailing(), by=alice)
    assert not Mailing.objects.exists()


def test_deleting_a_client_keeps_its_history(mailing: MakeMailing, alice: User) -> None:
    run = sent_to(mailing())
    lifecycle.delete_client(Client.objects.get(email="c1@example.com"), by=alice)
    kept = run.deliveries.get(email="c1@example.com")
    assert (kept.client, kept.full_name, kept.state, kept.reason) == (
        None,
        "C 1",
        "cancelled",
        "client_deleted",
    )


def test_deleting_a_list_deletes_no_client(alice: User) -> None:
    client = Client.objects.create(owner=alice, email="c@example.com", full_name="C")
    made = ClientList.objects.create(owner=alice, name="L")
    made.clients.add(client)
    made.delete()
    assert Client.objects.get() == client


def test_every_verb_is_on_the_audit_log(
    mailing: MakeMailing, alice: User, manager: User
) -> None:
    made = mailing(title="News")
    lifecycle.revise(made, by=alice)
    lifecycle.pause(made, by=alice)
    lifecycle.resume(made, by=alice)
    lifecycle.hold(made, by=manager, reason="Complaints")
    lifecycle.release(made, by=manager, reason="Checked")
    lifecycle.stop(made, by=alice)
    lifecycle.delete(made, by=alice)
    entries = AuditEntry.objects.order_by("pk")
    assert list(entries.values_list("actor_email", "action", "reason")) == [
        ("alice@example.com", "mailing_launched", ""),
        ("alice@example.com", "mailing_changed", ""),
        ("alice@example.com", "mailing_paused", ""),
        ("alice@example.com", "mailing_resumed", ""),
        ("manager@example.com", "mailing_held", "Complaints"),
        ("manager@example.com", "mailing_released", "Checked"),
        ("alice@example.com", "mailing_stopped", ""),
        ("alice@example.com", "mailing_deleted", ""),
    ]
    assert set(entries.values_list("object_name", flat=True)) == {"News"}


def test_what_did_not_happen_is_not_on_the_audit_log(
    mailing: MakeMailing, alice: User
) -> None:
    made = mailing()
    lifecycle.stop(made, by=alice)
    before = AuditEntry.objects.count()
    with pytest.raises(NotPossible):
        lifecycle.pause(made, by=alice)
    assert AuditEntry.objects.count() == before


# --- sending now ---


def test_sending_now_before_the_start_is_the_one_run_of_a_single_mailing(
    mailing: MakeMailing,
) -> None:
    start = timezone.now() + DAY / 2
    made = mailing(start_at=start)
    run = lifecycle.send_now(made, now=timezone.now())
    assert run is not None
    assert run.scheduled_for == start


def test_sending_now_between_two_runs_is_an_extra_run(mailing: MakeMailing) -> None:
    made = mailing(periodicity="daily", end_at=timezone.now() + 9 * DAY)
    first = lifecycle.send_now(made, now=timezone.now())
    assert first is not None
    Run.objects.update(state="finished")
    second = lifecycle.send_now(made, now=timezone.now())
    assert second is not None
    assert second != first
    assert second.closes_at == made.next_occurrence(timezone.now())


def test_a_finished_mailing_has_nothing_left_to_send(
    mailing: MakeMailing, alice: User
) -> None:
    made = mailing()
    lifecycle.stop(made, by=alice)
    assert lifecycle.send_now(made, now=timezone.now()) is None


def test_a_single_mailing_that_was_sent_is_not_sent_again(mailing: MakeMailing) -> None:
    made = mailing()
    sent_to(made)
    Run.objects.update(state="finished", planned=0, pending=0)
    assert lifecycle.send_now(made, now=timezone.now()) is None


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"held_at": timezone.now(), "hold_reason": "Complaints"}, "Complaints"),
        ({"paused_at": timezone.now()}, "paused"),
        ({"deleted_at": timezone.now()}, "deleted"),
        ({"end_at": timezone.now() - DAY / 4}, "over"),
    ],
)
def test_what_may_not_be_sent_says_why(
    state: dict[str, Any], words: str, mailing: MakeMailing
) -> None:
    made = mailing()
    Mailing.objects.update(**state)
    with pytest.raises(NotPossible, match=words):
        lifecycle.send_now(made, now=timezone.now())


def test_a_blocked_owners_mailing_says_why(mailing: MakeMailing, alice: User) -> None:
    made = mailing()
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(NotPossible, match="blocked"):
        lifecycle.send_now(made, now=timezone.now())
