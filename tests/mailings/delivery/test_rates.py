"""No more leaves in any stretch of time than the settings allow."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from mailings.delivery.rates import Asked, Rates, forget_windows
from mailings.models import Client, RateWindow
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def limit(settings: Any) -> Any:
    """`limit(all="3/minute")` sets that one and no other."""

    def to(**rates: str) -> None:
        none = {"all": "", "per_user": "", "per_domain": ""}
        settings.DELIVERY = {**settings.DELIVERY, "rates": none | rates}

    return to


def left(rates: Rates, number: int, now: datetime) -> int:
    """How many of so many letters may leave."""
    asked = [Asked(n, 1, "example.com") for n in range(number)]
    return number - len(rates.too_many(asked, now))


def test_what_exceeds_the_rate_of_all_is_due_later(
    limit: Any, smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    limit(all="10/minute")
    run = given_run(30)
    pump()
    pump()  # another pump knows what this one has sent
    assert ledger(run) == {
        "planned": 30,
        "accepted": 10,
        "attempts": 10,
        "pending": 20,
    }
    now = timezone.now()
    dues = [
        due for (due,) in run.deliveries.filter(state="pending").values_list("due_at")
    ]
    assert min(dues) > now + timedelta(seconds=30)
    assert max(dues) > now + timedelta(seconds=150)  # twenty more take two minutes


def test_each_owner_has_a_rate_of_their_own(
    limit: Any,
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    bob: User,
) -> None:
    limit(per_user="10/minute")
    big, small = given_run(30), given_run(5, owner=bob)
    pump()
    assert ledger(big)["accepted"] == 10
    assert ledger(small)["accepted"] == 5


def test_each_domain_has_a_rate_of_its_own(
    limit: Any, smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    limit(per_domain="10/hour")
    for n in range(5):
        email = f"c{n}@EXAMPLE.org"
        Client.objects.create(owner=alice, email=email, full_name="C.")
    run = given_run(35)
    pump()
    sent = [mail.recipient.lower() for mail in smtp_server.received]
    assert sum(each.endswith("@example.com") for each in sent) == 10
    assert sum(each.endswith("@example.org") for each in sent) == 5
    assert ledger(run)["pending"] == 20


def test_the_window_moves(limit: Any) -> None:
    limit(all="60/minute")
    now, sent = timezone.now(), []
    for second in range(0, 300, 7):
        at = now + timedelta(seconds=second)
        sent.append((at, left(Rates(), 25, at)))
    for begin, _ in sent:
        end = begin + timedelta(minutes=1)
        assert sum(n for at, n in sent if begin <= at < end) <= 60
    assert sum(n for _, n in sent) >= 240  # in five minutes


def test_several_rates_hold_together(limit: Any) -> None:
    limit(all="5/second; 8/minute")
    now = timezone.now()
    later = now + timedelta(seconds=2)
    assert [left(Rates(), 9, now), left(Rates(), 9, later)] == [5, 3]


def test_a_clock_that_was_put_back_stops_nobody_for_ever(limit: Any) -> None:
    limit(all="5/minute")
    now = timezone.now()
    assert left(Rates(), 9, now + timedelta(days=1)) == 5
    assert left(Rates(), 9, now) == 0
    assert left(Rates(), 9, now + timedelta(minutes=2)) == 5


def test_windows_that_tell_nothing_are_forgotten(limit: Any) -> None:
    limit(per_user="5/minute", per_domain="5/hour")
    now = timezone.now()
    left(Rates(), 1, now)
    assert RateWindow.objects.count() == 2
    forget_windows(now + timedelta(minutes=10))
    assert RateWindow.objects.get().key.startswith("domain:example.com:")


def test_without_limits_nothing_is_counted(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    given_run(3)
    pump()
    assert not RateWindow.objects.exists()
