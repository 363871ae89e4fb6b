"""The clock on the wall jumps: leases and deadlines have a clock of their own."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from mailings import lifecycle, tasks
from mailings.delivery import PumpReport
from mailings.models import Client, Mailing, Message
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.support.smtp_script import USUAL, reply
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY], ids=["+1h", "-1h", "+1d"])


@JUMPS
def test_the_clock_jumps_in_the_middle_of_a_run(
    jump: timedelta, smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    """
    Y19. The clock jumps by an hour or a day while a run is being sent.

    The pump keeps its lease; everybody gets it once and nobody is in doubt. After a
    step back, the rest waits until the clock has come there again.
    """
    smtp_server.delay = 0.005
    run = given_run(120, end_at=timezone.now() + 30 * DAY)
    with time_machine.travel(timezone.now(), tick=True) as clock:

        def jump_once(report: PumpReport) -> None:
            if not jumped and report.attempts >= 20:
                jumped.append(report.attempts)
                clock.shift(jump)

        jumped: list[int] = []
        pump(on_progress=jump_once)
        if jump < timedelta(0):
            clock.shift(-jump)
            pump()
    assert jumped[0] < 120
    assert ledger(run) == {"planned": 120, "accepted": 120, "attempts": 120}
    copies = Counter(mail.recipient for mail in smtp_server.received)
    assert set(copies.values()) == {1}


@JUMPS
def test_the_clock_jumps_while_retries_wait(
    jump: timedelta, smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    """
    Y19. The clock jumps while recipients wait for their next try.

    Each is tried once when its time has come, never in a burst.
    """
    busy = {f"c{n}@example.com": [reply(451, "4.7.1 Later"), USUAL] for n in range(5)}
    smtp_server.script["rcpt"] = busy
    now = timezone.now()
    run = given_run(5, end_at=now + 30 * DAY)
    with time_machine.travel(now, tick=True) as clock:
        pump()
        clock.shift(jump)
        pump()
        clock.move_to(now + 2 * timedelta(minutes=1))
        pump()
    assert ledger(run) == {"planned": 5, "accepted": 5, "attempts": 10}


def test_the_clock_goes_back_behind_a_run(alice: User) -> None:
    """
    Y19. The clock goes back an hour after a run has begun, and comes there again.

    The occurrence has its run already. When it goes forward a day and back, the next
    day has one, too, and no more.
    """
    nine = datetime(2026, 11, 2, 9, tzinfo=UTC)
    Client.objects.create(owner=alice, email="c@example.com", full_name="C")
    message = Message.objects.create(owner=alice, subject="Hi", body="Text")
    with time_machine.travel(nine - HOUR, tick=False) as clock:
        mailing = Mailing.objects.create(
            owner=alice,
            message=message,
            all_clients=True,
            periodicity="daily",
            start_at=nine,
            end_at=nine + 30 * DAY,
        )
        lifecycle.launch(mailing, by=alice)
        for moment in (nine, nine - HOUR, nine, nine + DAY, nine + HOUR, nine + DAY):
            clock.move_to(moment)
            tasks.start_mailing(mailing.pk)
            tasks.sweep()
            mailing.runs.update(
                state="finished", planned=0, pending=0, finished_at=moment
            )
    occurrences = mailing.runs.values_list("scheduled_for", flat=True)
    assert sorted(occurrences) == [nine, nine + DAY]
