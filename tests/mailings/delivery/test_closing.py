from datetime import timedelta

import pytest
from django.utils import timezone

from mailings import delivery
from mailings.delivery.plan import expand
from mailings.models import Client, Mailing
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_script import reply
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

TOMORROW = timedelta(days=1)


def test_a_single_mailing_finishes_with_its_run(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    run = given_run(3)
    pump()
    assert delivery.close(timezone.now()) == [run.mailing]
    run.refresh_from_db()
    assert (run.state, run.mailing.status) == ("finished", "finished")


def test_a_repeating_mailing_goes_on_after_its_run(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    end = timezone.now() + 30 * TOMORROW
    run = given_run(3, periodicity="daily", end_at=end)
    pump()
    assert delivery.close(timezone.now()) == []
    run.refresh_from_db()
    assert (run.state, run.mailing.status) == ("finished", "running")
    assert delivery.close(end) == [run.mailing]


def test_a_run_with_somebody_waiting_is_not_finished(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["rcpt"] = {"c1@example.com": reply(451, "4.7.1 Later")}
    run = given_run(3)
    pump()
    assert delivery.close(timezone.now()) == []
    run.refresh_from_db()
    assert run.state == "sending"


def test_when_its_time_is_over_the_waiting_expire(given_run: GivenRun) -> None:
    run = given_run(3)
    expand(run.pk, timezone.now())
    finished = delivery.close(run.mailing.end_at)
    assert finished == [run.mailing]
    assert ledger(run) == {"planned": 3, "expired": 3}
    assert set(run.deliveries.values_list("reason", flat=True)) == {"window_over"}


def test_a_run_that_was_never_planned_ends_with_its_time(given_run: GivenRun) -> None:
    run = given_run(3)
    delivery.close(run.mailing.end_at)
    run.refresh_from_db()
    assert (run.state, run.planned) == ("finished", 0)


def test_a_mailing_that_never_began_finishes_with_its_window(
    given_run: GivenRun,
) -> None:
    run = given_run(1)
    mailing = run.mailing
    run.delete()
    Mailing.objects.update(status="created", paused_at=timezone.now())
    assert delivery.close(mailing.end_at) == [mailing]


def test_deleting_clients_by_other_ways_cancels_what_waits(
    given_run: GivenRun,
) -> None:
    run = given_run(3)
    expand(run.pk, timezone.now())
    Client.objects.filter(email="c1@example.com").delete()
    delivery.close(timezone.now())
    assert ledger(run) == {"planned": 3, "pending": 2, "cancelled": 1}
    cancelled = run.deliveries.get(state="cancelled")
    assert (cancelled.email, cancelled.full_name) == ("c1@example.com", "Клиент 1")
