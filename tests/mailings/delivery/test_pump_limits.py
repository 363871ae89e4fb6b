"""Who may not send, who takes turns, and what a pump leaves when it is told to stop."""

import sys
from collections.abc import Callable

import pytest
from django.utils import timezone

from mailings import lifecycle
from mailings.delivery import PumpReport
from mailings.delivery.plan import expand
from mailings.models import Client, Delivery, Lease, Run
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db


def pause(run: Run, by: User) -> None:
    lifecycle.pause(run.mailing, by=by)


def hold(run: Run, by: User) -> None:
    lifecycle.hold(run.mailing, by=by, reason="Complaints")


def block_the_owner(run: Run, by: User) -> None:
    User.objects.filter(pk=run.mailing.owner_id).update(is_active=False)


@pytest.mark.parametrize("forbid", [pause, hold, block_the_owner])
def test_what_may_not_be_sent_is_not(
    forbid: Callable[[Run, User], None],
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    manager: User,
) -> None:
    run = given_run(3)
    forbid(run, manager)
    pump()
    assert smtp_server.received == []


@pytest.mark.parametrize("forbid", [pause, hold, block_the_owner])
def test_it_takes_effect_in_the_middle_of_a_run(
    forbid: Callable[[Run, User], None],
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    manager: User,
    settings,
) -> None:
    """
    Y24. In the middle of a run its mailing is paused or held, or its owner blocked.

    Within seconds nothing more is sent of it.
    """
    settings.DELIVERY = {**settings.DELIVERY, "connections": 1, "batch": 50}
    smtp_server.delay = 0.02
    run = given_run(300)

    def forbid_once(report: PumpReport) -> None:
        if report.accepted >= 10 and not forbidden:
            forbidden.append(report.accepted)
            forbid(run, manager)

    forbidden: list[int] = []
    pump(on_progress=forbid_once)
    figures = ledger(run)
    assert 10 <= figures["accepted"] < 150  # a second at 50 a second, and a batch
    assert figures == {
        "planned": 300,
        "accepted": figures["accepted"],
        "attempts": figures["accepted"],
        "pending": 300 - figures["accepted"],
    }


def test_a_pump_that_is_told_to_stop_hands_back_the_rest(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.delay = 0.02
    run = given_run(300)
    pump(stop=lambda: len(smtp_server.received) > 20)
    figures = ledger(run)
    assert figures["pending"] == 300 - figures["accepted"] > 0
    assert figures["accepted"] == len(smtp_server.received)
    assert not Lease.objects.exists()


def test_it_sends_only_the_runs_it_was_asked_to(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    one, other = given_run(3), given_run(3)
    pump(runs=[one.pk])
    assert ledger(one) == {"planned": 3, "accepted": 3, "attempts": 3}
    assert ledger(other) == {}


def test_a_client_deleted_meanwhile_is_not_written_to(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    """
    Y25. A client is deleted in the middle of a run.

    They get nothing more; the delivery is cancelled, and the books balance.
    """
    run = given_run(3)
    expand(run.pk, timezone.now())
    lifecycle.delete_client(Client.objects.get(email="c1@example.com"), by=alice)
    pump()
    assert sorted(mail.recipient for mail in smtp_server.received) == [
        "c0@example.com",
        "c2@example.com",
    ]
    cancelled = run.deliveries.get(state="cancelled")
    assert (cancelled.email, cancelled.reason) == ("c1@example.com", "client_deleted")


def test_owners_take_turns(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, bob: User, settings
) -> None:
    """
    Y30. One owner has many recipients waiting, another has few.

    They take turns: the few do not wait for the many.
    """
    settings.DELIVERY = {**settings.DELIVERY, "connections": 1, "batch": 20}
    smtp_server.delay = 0.001
    big, small = given_run(400), given_run(10, owner=bob)
    small_done: list[int] = []

    def note(report: PumpReport) -> None:
        if not small_done and Run.objects.get(pk=small.pk).accepted == 10:
            small_done.append(report.accepted)

    pump(on_progress=note)
    assert small_done[0] < 150
    assert ledger(big)["accepted"] == 400


def test_a_large_run_that_is_being_planned_keeps_no_small_one_waiting(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    bob: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long each step of it takes: here there is time for one in between."""
    monkeypatch.setattr("mailings.delivery.plan.FIRST_STEP", 20)
    monkeypatch.setattr("mailings.delivery.plan.STEP", 20)
    monkeypatch.setattr(sys.modules["mailings.delivery.pump"], "_PLAN_FOR", 0)
    big, small = given_run(400), given_run(10, owner=bob)
    planned: list[int] = []

    def note(report: PumpReport) -> None:
        if Run.objects.get(pk=small.pk).accepted:
            planned.append(Run.objects.get(pk=big.pk).planned)

    pump(on_progress=note)
    assert planned[0] <= 100
    assert ledger(big)["accepted"] == 400


def test_deliveries_in_flight_are_on_record(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.delay = 0.05
    run = given_run(40)
    seen: list[tuple[int, int]] = []

    def look(report: PumpReport) -> None:
        figures = Run.objects.get(pk=run.pk)
        sending = Delivery.objects.filter(run=run, state="sending").count()
        seen.append((figures.sending, sending))

    pump(on_progress=look)
    assert all(book == table for book, table in seen)
    assert max(book for book, _ in seen) > 0
