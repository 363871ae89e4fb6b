from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone
from django_q.models import Schedule
from pytest_django.fixtures import Settings

from mailings.models import Delivery, Mailing, Run
from tests import recipes
from tests.support.commands import Called, call
from tests.support.smtp_script import reply
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING = {
    "started": 0,
    "attempts": 0,
    "accepted": 0,
    "refused": 0,
    "deferred": 0,
    "unknown": 0,
    "finished": 0,
}


def send_due() -> Called:
    return call("send_due", "--json")


def test_with_nothing_due_nothing_is_done(db: None, smtp_server: SmtpServer) -> None:
    called = send_due()
    assert (called.failure, called.data) == ("", NOTHING)
    assert smtp_server.connections == 0


def test_what_is_due_is_started_sent_and_finished(
    alice: User, bob: User, smtp_server: SmtpServer
) -> None:
    recipes.mailing(alice, clients=recipes.clients(alice, 3))
    recipes.mailing(bob, clients=recipes.clients(bob, 2))
    called = send_due()
    assert called.failure == ""
    done = {"started": 2, "attempts": 5, "accepted": 5, "finished": 2}
    assert called.data == NOTHING | done
    assert {each.status for each in Mailing.objects.all()} == {"finished"}
    assert send_due().data == NOTHING
    assert len(smtp_server.received) == 5


def test_what_is_not_due_is_left_alone(alice: User, smtp_server: SmtpServer) -> None:
    now = timezone.now()
    to = recipes.clients(alice, 1)
    future = {"start_at": now + timedelta(hours=1), "end_at": now + timedelta(hours=2)}
    recipes.mailing(alice, clients=to, **future)
    recipes.mailing(alice, clients=to, paused_at=now)
    recipes.mailing(alice, clients=to, held_at=now, hold_reason="spam")
    assert send_due().data == NOTHING
    assert smtp_server.received == []


def test_a_retry_that_is_due_is_made(alice: User, smtp_server: SmtpServer) -> None:
    recipes.mailing(alice, clients=recipes.clients(alice, 1))
    smtp_server.script["rcpt"] = [reply(451, "4.7.1 Later")]
    assert send_due().data == NOTHING | {"started": 1, "attempts": 1, "deferred": 1}
    smtp_server.script.clear()
    assert send_due().data == NOTHING
    Delivery.objects.update(due_at=timezone.now())
    done = {"attempts": 1, "accepted": 1, "finished": 1}
    assert send_due().data == NOTHING | done
    assert len(smtp_server.received) == 1


def test_what_is_over_is_closed(alice: User, smtp_server: SmtpServer) -> None:
    now = timezone.now()
    mailing = recipes.mailing(
        alice,
        start_at=now - timedelta(hours=2),
        end_at=now - timedelta(hours=1),
        status="running",
    )
    recipes.run(mailing, pending=2, accepted=1)
    assert send_due().data == NOTHING | {"finished": 1}
    run = Run.objects.get()
    assert (run.state, run.expired, run.pending) == ("finished", 2, 0)
    assert Mailing.objects.get().status == "finished"
    assert smtp_server.received == []


def test_a_repeating_mailing_keeps_its_one_schedule(
    alice: User, smtp_server: SmtpServer
) -> None:
    recipes.mailing(
        alice,
        clients=recipes.clients(alice, 1),
        periodicity="daily",
        end_at=timezone.now() + timedelta(days=9),
    )
    send_due()
    send_due()
    mailing = Mailing.objects.get()
    schedule = Schedule.objects.get(name=f"mailing:{mailing.pk}")
    assert schedule.next_run == mailing.start_at + timedelta(days=1)
    assert mailing.status == "running"


@pytest.mark.usefixtures("short_timeouts")
def test_a_dead_server_is_a_failure_and_nobody_is_lost(
    alice: User, point_mail_at: Callable[[int], None]
) -> None:
    recipes.mailing(alice, clients=recipes.clients(alice, 2))
    with SmtpServer() as server:
        pass  # its port is closed now
    point_mail_at(server.port)
    called = send_due()
    assert called.failure.startswith("The mail server does not take mail: ")
    assert called.data == NOTHING | {"started": 1}
    assert Run.objects.get().pending == 2


def test_a_minutes_call_does_not_pile_up_on_those_that_still_send(
    alice: User, smtp_server: SmtpServer, settings: Settings
) -> None:
    recipes.mailing(alice, clients=recipes.clients(alice, 1))
    for _ in range(settings.DELIVERY["pumps"]):
        recipes.lease()
    assert send_due().data == NOTHING | {"started": 1}
    assert smtp_server.received == []


def test_the_last_day_of_each_month_is_sent_on_that_day(
    alice: User, smtp_server: SmtpServer
) -> None:
    mailing = recipes.mailing(
        alice,
        clients=recipes.clients(alice, 2),
        periodicity="month_end",
        timezone=ZoneInfo("Europe/Moscow"),
        start_at=recipes.moment("2026-11-15 06:00"),
        end_at=recipes.moment("2027-03-01 00:00"),
    )
    sent = []
    for day in ("2026-11-29", "2026-11-30", "2026-12-30", "2026-12-31", "2027-01-31"):
        with time_machine.travel(recipes.moment(f"{day} 06:01"), tick=True):
            send_due()
        sent.append(mailing.runs.count())
    assert sent == [0, 1, 1, 2, 3]
    assert len(smtp_server.received) == 6
    assert [
        f"{run.scheduled_for:%d.%m %H:%M}" for run in mailing.runs.order_by("pk")
    ] == [
        *("30.11 06:00", "31.12 06:00", "31.01 06:00"),
    ]
