"""A due occurrence becomes a run, once; recipients become deliveries, once each."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from mailings import delivery, lifecycle
from mailings.delivery import plan
from mailings.models import Client, ClientList, Mailing, Message, Run
from users.models import User

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 12, 7, 9, tzinfo=BERLIN)


@pytest.fixture
def message(alice: User) -> Message:
    return Message.objects.create(owner=alice, subject="Hi", body="Text")


def mailing_of(message: Message, *, made: datetime = MONDAY, **fields: Any) -> Mailing:
    settings = {
        "start_at": MONDAY,
        "end_at": MONDAY + timedelta(days=365),
        "timezone": "Europe/Berlin",
        "all_clients": True,
    }
    with time_machine.travel(made, tick=False):
        return Mailing.objects.create(
            owner=message.owner, message=message, **(settings | fields)
        )


def occurrences(mailing: Mailing) -> list[tuple[datetime, str]]:
    rows = mailing.runs.order_by("scheduled_for").values_list("scheduled_for", "state")
    return [(moment.astimezone(BERLIN), state) for moment, state in rows]


# --- which run ---


def test_before_the_start_nothing_begins(message: Message) -> None:
    mailing = mailing_of(message)
    assert delivery.begin_due_run(mailing, MONDAY - timedelta(seconds=1)) is None


def test_at_the_start_it_begins_once(message: Message) -> None:
    mailing = mailing_of(message)
    assert delivery.begin_due_run(mailing, MONDAY) is not None
    assert delivery.begin_due_run(mailing, MONDAY + timedelta(seconds=5)) is None
    assert occurrences(mailing) == [(MONDAY, "planning")]
    mailing.refresh_from_db()
    assert mailing.status == "running"


def test_at_the_end_nothing_begins(message: Message) -> None:
    mailing = mailing_of(message)
    assert delivery.begin_due_run(mailing, mailing.end_at) is None


def test_a_mailing_made_inside_its_window_begins_at_once(message: Message) -> None:
    made = MONDAY + timedelta(days=3, hours=23)  # the occurrence is 23 hours old
    mailing = mailing_of(message, made=made, periodicity="daily")
    assert delivery.begin_due_run(mailing, made) is not None
    assert occurrences(mailing) == [(MONDAY + timedelta(days=3), "planning")]


def test_after_days_of_downtime_there_is_one_run_and_no_burst(message: Message) -> None:
    """
    Y21. Nothing has run for days, and the mailing is a daily one.

    One run, for the newest occurrence; the others are on record as missed.
    """
    mailing = mailing_of(message, periodicity="daily")
    delivery.begin_due_run(mailing, MONDAY)
    delivery.begin_due_run(mailing, MONDAY + timedelta(days=5, hours=2))
    assert occurrences(mailing) == [
        (MONDAY, "planning"),
        *[(MONDAY + timedelta(days=day), "missed") for day in range(1, 5)],
        (MONDAY + timedelta(days=5), "planning"),
    ]


def test_too_old_an_occurrence_is_recorded_as_missed(message: Message) -> None:
    """
    Y21. The newest occurrence is older than is made up for.

    No run; it is on record as missed.
    """
    mailing = mailing_of(message, periodicity="daily")
    delivery.begin_due_run(mailing, MONDAY)
    assert delivery.begin_due_run(mailing, MONDAY + timedelta(days=1, hours=13)) is None
    assert occurrences(mailing) == [
        (MONDAY, "planning"),
        (MONDAY + timedelta(days=1), "missed"),
    ]


def test_a_single_mailing_is_made_up_for_in_its_whole_window(message: Message) -> None:
    mailing = mailing_of(message)
    assert delivery.begin_due_run(mailing, MONDAY + timedelta(days=300)) is not None


@pytest.mark.parametrize(
    "state",
    [
        {"paused_at": MONDAY},
        {"held_at": MONDAY, "hold_reason": "x"},
        {"deleted_at": MONDAY},
        {"status": "finished"},
    ],
)
def test_what_is_not_live_does_not_begin(
    state: dict[str, Any], message: Message
) -> None:
    mailing = mailing_of(message, **state)
    assert delivery.begin_due_run(mailing, MONDAY) is None


def test_a_blocked_owners_mailing_does_not_begin(message: Message, alice: User) -> None:
    mailing = mailing_of(message)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert delivery.begin_due_run(mailing, MONDAY) is None


@pytest.mark.parametrize(
    ("periodicity", "closes"),
    [
        ("once", MONDAY + timedelta(days=365)),
        ("daily", MONDAY + timedelta(days=1)),
        ("weekly", MONDAY + timedelta(days=7)),
        ("monthly", datetime(2027, 1, 7, 9, tzinfo=BERLIN)),
    ],
)
def test_a_run_closes_when_the_next_one_begins(
    periodicity: str, closes: datetime, message: Message
) -> None:
    mailing = mailing_of(message, periodicity=periodicity)
    run = delivery.begin_due_run(mailing, MONDAY)
    assert run is not None
    assert run.closes_at == closes


def test_the_run_keeps_its_own_text(message: Message) -> None:
    run = delivery.begin_due_run(mailing_of(message), MONDAY)
    Message.objects.update(subject="Changed", body="Changed")
    assert run is not None
    run.refresh_from_db()
    assert (run.subject, run.body) == ("Hi", "Text")


# --- to whom ---


def clients_of(owner: User, n: int, start: int = 0) -> list[Client]:
    return Client.objects.bulk_create(
        Client(owner=owner, email=f"c{i}@example.com", full_name=f"C {i}")
        for i in range(start, start + n)
    )


def expand_all(run: Run) -> None:
    while plan.expand(run.pk, datetime.now(UTC)):
        pass
    run.refresh_from_db()


def begun(mailing: Mailing) -> Run:
    run = delivery.begin_due_run(mailing, MONDAY)
    assert run is not None
    return run


def test_a_client_on_several_lists_and_picked_is_written_to_once(
    message: Message, alice: User
) -> None:
    first, second, third, _left_out = clients_of(alice, 4)
    one = ClientList.objects.create(owner=alice, name="One")
    two = ClientList.objects.create(owner=alice, name="Two")
    one.clients.set([first, second])
    two.clients.set([second, third])
    mailing = mailing_of(message, all_clients=False)
    mailing.lists.set([one, two])
    mailing.clients.set([first, third])
    run = begun(mailing)
    expand_all(run)
    assert list(run.deliveries.values_list("client_id", flat=True)) == [
        first.pk,
        second.pk,
        third.pk,
    ]
    assert (run.state, run.planned, run.pending) == ("sending", 3, 3)


def test_other_owners_clients_are_never_selected(
    message: Message, alice: User, bob: User
) -> None:
    clients_of(alice, 2)
    clients_of(bob, 3)
    run = begun(mailing_of(message))
    expand_all(run)
    assert set(run.deliveries.values_list("client__owner", flat=True)) == {alice.pk}


def test_planning_goes_on_where_it_was_broken_off(
    message: Message, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Y11. The selection of recipients is broken off in the middle.

    It goes on there: the same recipients as without it, each once.
    """
    monkeypatch.setattr(plan, "FIRST_STEP", 3)
    monkeypatch.setattr(plan, "STEP", 4)
    clients_of(alice, 10)
    run = begun(mailing_of(message))
    now = datetime.now(UTC)
    assert plan.expand(run.pk, now) is True
    run.refresh_from_db()
    assert (run.state, run.planned) == ("planning", 3)
    expand_all(run)
    assert (run.state, run.planned) == ("sending", 10)
    assert run.deliveries.values("client").distinct().count() == 10


def test_a_run_without_recipients_is_planned_and_over(
    message: Message, alice: User
) -> None:
    run = begun(mailing_of(message))
    expand_all(run)
    assert (run.state, run.planned) == ("sending", 0)
    assert [each.status for each in delivery.close(MONDAY)] == ["finished"]
    run.refresh_from_db()
    assert run.state == "finished"


def test_sending_now_takes_the_run_that_is_in_progress(
    message: Message, alice: User
) -> None:
    clients_of(alice, 2)
    mailing = mailing_of(message, periodicity="daily")
    with time_machine.travel(MONDAY + timedelta(hours=1), tick=False):
        first = lifecycle.send_now(mailing, now=MONDAY + timedelta(hours=1))
        second = lifecycle.send_now(mailing, now=MONDAY + timedelta(hours=1))
    assert first == second
    assert Run.objects.count() == 1
