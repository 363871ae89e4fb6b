"""On PostgreSQL rows are locked one by one: nobody locks them crosswise."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from mailings import delivery, lifecycle
from mailings.delivery import claim as claiming
from mailings.delivery.claim import claim, take_lease
from mailings.delivery.plan import expand
from mailings.models import Lease, Mailing
from tests.mailings.delivery.conftest import GivenRun
from users.models import User


@pytest.fixture(autouse=True)
def _postgresql_only(transactional_db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")


def lease(number: int, *, seats: int | None = None) -> Lease:
    return take_lease(
        host="here",
        boot_id="b",
        pid=number,
        journal=f"{number}.journal",
        now=timezone.now(),
        seconds=600,
        seats=seats,
    )


def at_once(*functions: Callable[[], object]) -> list[str]:
    """Runs them in threads; returns what the database complained about."""
    complaints: list[str] = []

    def go(function: Callable[[], object]) -> None:
        try:
            function()
        except OperationalError as error:
            complaints.append(str(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=(each,)) for each in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return complaints


def test_two_pumps_claim_from_the_same_runs(
    given_run: GivenRun, alice: User, bob: User
) -> None:
    for owner in (alice, bob):
        for _ in range(4):
            expand(given_run(300, owner=owner).pk, timezone.now())

    def claimer(number: int) -> Callable[[], None]:
        def take_all() -> None:
            own = lease(number)
            while claim(own, size=64, now=timezone.now()):
                pass

        return take_all

    assert at_once(claimer(1), claimer(2)) == []


def test_a_mailing_is_stopped_while_it_is_claimed_from(
    given_run: GivenRun, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    expand(given_run(1500).pk, timezone.now())  # the first 1,000
    own, is_claiming, move = lease(1), threading.Event(), claiming.move

    def slow_move(run_id: int, changes: dict[str, int]) -> None:
        is_claiming.set()
        time.sleep(0.5)
        move(run_id, changes)

    monkeypatch.setattr(claiming, "move", slow_move)

    def stop() -> None:
        is_claiming.wait(5)
        lifecycle.stop(Mailing.objects.get(), by=alice)

    assert at_once(lambda: claim(own, size=50, now=timezone.now()), stop) == []


def test_of_many_pumps_that_come_at_once_as_many_work_as_there_are_seats(
    transactional_db: None,
) -> None:
    delivery.objection(timezone.now())  # as each pump asks before
    turned_away = []
    together = threading.Barrier(8)

    def comer(number: int) -> Callable[[], None]:
        def come() -> None:
            together.wait(10)
            try:
                lease(number, seats=2)
            except delivery.NoSeat:
                turned_away.append(number)

        return come

    assert at_once(*map(comer, range(8))) == []
    assert (Lease.objects.count(), len(turned_away)) == (2, 6)
