"""Each live mailing has exactly one schedule, and it goes off when ours says so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler

from mailings import lifecycle, schedules, tasks
from mailings.condition import condition
from mailings.models import Canary, Client, Mailing, Message
from users.models import User

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 31, 9, tzinfo=UTC)
DAY = timedelta(days=1)
QUERIES_OF_AN_IDLE_SWEEP = 21
MakeMailing = Callable[..., Mailing]


@pytest.fixture
def mailing(alice: User) -> MakeMailing:
    def make(*, now: datetime = START - DAY, **fields: Any) -> Mailing:
        Client.objects.get_or_create(owner=alice, email="c@example.com", full_name="C")
        message = Message.objects.create(owner=alice, subject="Hi", body="Text")
        settings = {"start_at": START, "end_at": START + 365 * DAY, "all_clients": True}
        with time_machine.travel(now, tick=False):
            made = Mailing.objects.create(
                owner=alice, message=message, **(settings | fields)
            )
            lifecycle.launch(made, by=alice)
        return made

    return make


def alarms(mailing: Mailing) -> list[datetime]:
    rows = Schedule.objects.filter(name=f"mailing:{mailing.pk}")
    return list(rows.values_list("next_run", flat=True))


def queued() -> list[str]:
    return sorted(row.func() for row in OrmQ.objects.all())


def test_a_mailing_ahead_has_its_alarm_at_the_start(mailing: MakeMailing) -> None:
    made = mailing(periodicity="daily")
    assert alarms(made) == [START]
    assert queued() == []


def test_a_mailing_inside_its_window_is_begun_at_once(mailing: MakeMailing) -> None:
    made = mailing(periodicity="daily", now=START + DAY / 2)
    assert alarms(made) == [START + DAY]
    assert queued() == ["mailings.tasks.start_mailing"]


def test_the_alarms_of_a_month_end_come_back_to_the_31st(mailing: MakeMailing) -> None:
    made = mailing(periodicity="monthly")
    seen = []
    for _ in range(4):
        (alarm,) = alarms(made)
        seen.append(alarm.date().isoformat())
        with time_machine.travel(alarm, tick=False):
            tasks.start_mailing(made.pk)
    assert seen == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
    assert made.runs.count() == 4


def test_after_the_last_occurrence_the_alarm_is_the_end(mailing: MakeMailing) -> None:
    made = mailing(end_at=START + 3 * DAY)
    with time_machine.travel(START, tick=False):
        tasks.start_mailing(made.pk)
    assert alarms(made) == [START + 3 * DAY]


def test_an_alarm_that_goes_off_twice_makes_one_run(mailing: MakeMailing) -> None:
    """
    Y23. The alarm of a mailing goes off twice.

    One run.
    """
    made = mailing(periodicity="daily")
    with time_machine.travel(START, tick=False):
        tasks.start_mailing(made.pk)
        tasks.start_mailing(made.pk)
    assert made.runs.count() == 1


@pytest.mark.django_db(transaction=True)  # Q2 closes the connection before it looks
def test_django_q_sets_off_the_alarm_again_and_again(mailing: MakeMailing) -> None:
    made = mailing(periodicity="daily")
    for day in range(3):
        OrmQ.objects.all().delete()
        with time_machine.travel(START + day * DAY + timedelta(seconds=9), tick=False):
            scheduler()
            assert queued() == ["mailings.tasks.start_mailing"]
            tasks.start_mailing(made.pk)
    assert made.runs.count() == 3
    assert alarms(made) == [START + 3 * DAY]


VERBS: list[Callable[[Mailing, User], object]] = [
    lambda made, by: lifecycle.pause(made, by=by),
    lambda made, by: lifecycle.hold(made, by=by, reason="Complaints"),
    lambda made, by: lifecycle.stop(made, by=by),
    lambda made, by: lifecycle.delete(made, by=by),
]


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_not_live_has_no_alarm(
    verb: Callable[[Mailing, User], object], mailing: MakeMailing, alice: User
) -> None:
    made = mailing(end_at=timezone.now() + DAY)
    verb(made, alice)
    assert not Schedule.objects.filter(name__startswith="mailing:").exists()


def test_resuming_and_releasing_bring_the_alarm_back(
    mailing: MakeMailing, alice: User, manager: User
) -> None:
    start = timezone.now() + DAY
    made = mailing(start_at=start, end_at=start + DAY)
    lifecycle.pause(made, by=alice)
    lifecycle.resume(made, by=alice)
    assert alarms(made) == [start]
    lifecycle.hold(made, by=manager, reason="Complaints")
    lifecycle.release(made, by=manager, reason="Checked")
    assert alarms(made) == [start]


def test_editing_moves_the_alarm(mailing: MakeMailing, alice: User) -> None:
    start = timezone.now() + DAY
    made = mailing(start_at=start, end_at=start + 9 * DAY)
    made.start_at = start + 2 * DAY
    made.save()
    lifecycle.revise(made, by=alice)
    assert alarms(made) == [start + 2 * DAY]


def test_a_longer_window_brings_a_finished_mailing_back(
    mailing: MakeMailing, alice: User
) -> None:
    start = timezone.now() - 3 * DAY
    made = mailing(start_at=start, end_at=start + DAY, periodicity="daily", now=start)
    with time_machine.travel(start, tick=False):
        tasks.start_mailing(made.pk)
    lifecycle.sweep(timezone.now())
    made.refresh_from_db()
    assert made.status == "finished"
    made.end_at = timezone.now() + 9 * DAY
    made.save()
    lifecycle.revise(made, by=alice)
    assert (made.status, len(alarms(made))) == ("running", 1)


# --- the sweep ---


def test_the_sweep_begins_what_a_lost_alarm_has_left(mailing: MakeMailing) -> None:
    """
    Y23. An alarm was lost.

    The sweep, each minute, begins what is due.
    """
    made = mailing(periodicity="daily")
    Schedule.objects.all().delete()
    with time_machine.travel(START + DAY / 24, tick=False):
        assert lifecycle.sweep(timezone.now()) == 1
    assert made.runs.count() == 1
    assert alarms(made) == [START + DAY]


def test_the_sweep_heals_schedules(mailing: MakeMailing) -> None:
    """
    Y23. Alarms are missing, doubled, late or left over.

    The sweep puts them right.
    """
    lost, wrong, doubled, over = (mailing() for _ in range(4))
    Schedule.objects.filter(name=f"mailing:{lost.pk}").delete()
    Schedule.objects.filter(name=f"mailing:{wrong.pk}").update(next_run=START + DAY)
    Schedule.objects.create(name=f"mailing:{doubled.pk}", func="x", next_run=START)
    Mailing.objects.filter(pk=over.pk).update(status="finished")
    Schedule.objects.create(name="mailing:999999", func="x", next_run=START)
    lifecycle.sweep(START - DAY / 2)
    found = Schedule.objects.filter(name__startswith="mailing:").order_by("name")
    assert list(found.values_list("name", "next_run", "func")) == [
        (f"mailing:{each.pk}", START, "mailings.tasks.start_mailing")
        for each in sorted((lost, wrong, doubled), key=lambda each: str(each.pk))
    ]


@pytest.mark.parametrize("count", [1, 5])
def test_the_sweep_asks_as_much_about_many_idle_mailings_as_about_one(
    count: int, mailing: MakeMailing, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        mailing(periodicity="daily")
    lifecycle.sweep(START - DAY / 2)
    with django_assert_num_queries(QUERIES_OF_AN_IDLE_SWEEP):
        lifecycle.sweep(START - DAY / 2)


def test_the_sweep_keeps_its_own_schedules() -> None:
    lifecycle.sweep(timezone.now())
    lifecycle.sweep(timezone.now())
    assert sorted(Schedule.objects.values_list("name", "minutes")) == [
        ("canary", 1),
        ("sweep", 1),
    ]


# --- the canary ---


def test_the_worker_is_alive_when_its_canary_was_acknowledged() -> None:
    now = timezone.now()
    assert not condition(now).is_worker_alive
    tasks.canary()
    assert not condition(now).is_worker_alive  # but nobody took the result in
    schedules.acknowledge(None, {"func": "mailings.tasks.canary"})
    assert condition(now).is_worker_alive
    assert not condition(now + timedelta(minutes=3)).is_worker_alive


def test_other_tasks_say_nothing_about_the_canary() -> None:
    tasks.canary()
    schedules.acknowledge(None, {"func": "math.floor"})
    assert Canary.objects.get().acknowledged_at is None
