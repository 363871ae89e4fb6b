import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_q.models import Schedule

from mailings.models import (
    Attempt,
    Client,
    Delivery,
    Mailing,
    Message,
    ReplyCount,
    Suppression,
)
from tests.support.commands import call
from tests.support.smtp_server import SmtpServer
from users.models import User


def test_an_empty_installation_is_filled(db: None) -> None:
    begun = time.monotonic()
    called = call("seed_demo", "--json")
    assert time.monotonic() - begun < 10
    assert called.data == {
        "seeded": True,
        "users": [
            "admin@example.org",
            "manager@example.org",
            "anna@example.org",
            "ben@example.org",
        ],
        "password": "demo",
        "clients": 200,
        "mailings": 7,
    }
    assert Client.objects.count() == 200
    assert {each.status for each in Mailing.objects.all()} == {
        "created",
        "running",
        "finished",
    }
    assert Mailing.objects.filter(paused_at__isnull=False).count() == 1
    assert Mailing.objects.filter(held_at__isnull=False).get().hold_reason
    assert {each.state for each in Delivery.objects.all()} == {
        "accepted",
        "refused",
        "unknown",
        "expired",
        "suppressed",
    }
    assert {each.kind for each in Suppression.objects.all()} == {
        "address_refused",
        "unsubscribed",
        "by_hand",
    }
    assert not Attempt.objects.filter(started_at__gt=timezone.now()).exists()


def test_the_books_of_the_past_balance(db: None) -> None:
    call_command("seed_demo")
    assert call("verify_stats", "--json").data["differences"] == []


def test_the_report_of_a_mailing_has_reasons_to_show(db: None) -> None:
    call_command("seed_demo")
    mailing = Mailing.objects.get(title="Предложение дня")
    failures = ReplyCount.objects.filter(run__mailing=mailing).exclude(
        outcome="accepted"
    )
    # Who was refused for good was refused in a run before this mailing's.
    assert set(failures.values_list("outcome", "code")) == {
        ("deferred", 451),
        ("deferred", 452),
        ("unknown", 0),
    }


@pytest.mark.usefixtures("db")
def test_everybody_can_sign_in_and_has_a_role() -> None:
    call_command("seed_demo")
    users = {user.email.split("@")[0]: user for user in User.objects.all()}
    assert all(user.check_password("demo") for user in users.values())
    assert [name for name, user in users.items() if user.is_superuser] == ["admin"]
    assert [each.name for each in users["manager"].groups.all()] == ["Managers"]


@pytest.mark.usefixtures("db")
def test_all_data_would_pass_the_forms() -> None:
    call_command("seed_demo")
    for model in (Client, Message):
        for row in model.objects.all():
            row.full_clean()


def test_a_filled_installation_is_left_alone(alice: User) -> None:
    called = call("seed_demo", "--json")
    assert (called.failure, called.data) == ("", {"seeded": False})
    assert list(User.objects.all()) == [alice]
    assert "no demo data" in call("seed_demo").out


@pytest.mark.django_db(transaction=True)
def test_one_mailing_begins_at_once(smtp_server: SmtpServer) -> None:
    call_command("seed_demo")
    done = call("send_due", "--json").data
    assert done["started"] >= 1
    mailing = Mailing.objects.get(title="Осенний каталог")
    run = mailing.runs.get()
    assert run.suppressed > 0
    assert (run.planned, run.accepted) == (140, 140 - run.suppressed)
    assert call("verify_stats").failure == ""


@pytest.mark.usefixtures("db")
def test_each_live_mailing_has_its_alarm() -> None:
    call_command("seed_demo")
    live = {f"mailing:{mailing.pk}" for mailing in Mailing.objects.live()}
    schedules = Schedule.objects.filter(name__startswith="mailing:")
    assert {each.name for each in schedules} == live
    assert all(
        each.next_run > timezone.now() - timedelta(hours=2) for each in schedules
    )
