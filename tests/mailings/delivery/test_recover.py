"""What a killed, sleeping or far-away pump leaves behind is put right, once."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from mailings import delivery
from mailings.delivery import journal
from mailings.delivery.claim import Claim, claim, take_lease
from mailings.delivery.journal import Journal, Result
from mailings.delivery.plan import expand
from mailings.delivery.record import record
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.models import Attempt, Delivery, Lease, Mailing, Run
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger, states
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db

ACCEPTED = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0", "2.0.0 queued")


class DeadPump:
    """One that claimed everything of a run and was then killed."""

    def __init__(self, run: Run, journal_dir: Path, **lease: Any) -> None:
        now = timezone.now()
        expand(run.pk, now)
        self.journal = Journal.create(journal_dir)
        fields = {
            "host": journal.host(),
            "boot_id": journal.boot_id(),
            "pid": 1,
            "journal": self.journal.path.name,
            "now": now,
            "seconds": 60,
        }
        self.lease = take_lease(**(fields | lease))
        claims = claim(self.lease, size=100, now=now)
        self.claims = sorted(claims, key=lambda each: each.email)

    def __getitem__(self, number: int) -> Claim:
        return self.claims[number]

    def result(self, number: int) -> Result:
        return Result(self[number].delivery_id, ACCEPTED, datetime.now(UTC), 5)

    def die(self) -> None:
        self.journal.close(forget=False)


@pytest.fixture
def dead_pump(given_run: GivenRun, settings: Any) -> DeadPump:
    """Of four: one was accepted, one handed over, one refused to begin, one waits."""
    pump = DeadPump(given_run(4), settings.DELIVERY["journal_dir"])
    pump.journal.handing_over(pump[0].delivery_id)
    pump.journal.received(pump.result(0))
    pump.journal.handing_over(pump[1].delivery_id)
    pump.journal.handing_over(pump[2].delivery_id)
    pump.journal.not_taken(pump[2].delivery_id)
    return pump


def test_a_killed_pump_leaves_only_the_handed_over_in_doubt(
    dead_pump: DeadPump,
) -> None:
    dead_pump.die()
    assert delivery.recover(timezone.now()) == 1
    run = Run.objects.get()
    assert states(run) == {
        "c0@example.com": "accepted",
        "c1@example.com": "unknown",
        "c2@example.com": "pending",
        "c3@example.com": "pending",
    }
    assert ledger(run) == {
        "planned": 4,
        "accepted": 1,
        "unknown": 1,
        "pending": 2,
        "attempts": 2,
    }
    assert run.deliveries.get(state="unknown").reason == "worker_died"
    logged = Attempt.objects.get(outcome="accepted")
    assert (logged.code, logged.reply) == (250, "2.0.0 queued")
    assert not Lease.objects.exists()


def test_a_mailing_that_sends_again_has_the_doubtful_wait_once_more(
    dead_pump: DeadPump,
) -> None:
    Mailing.objects.update(when_unknown="resend")
    dead_pump.die()
    now = timezone.now()
    delivery.recover(now)
    run = Run.objects.get()
    doubtful = run.deliveries.get(email="c1@example.com")
    assert (doubtful.state, doubtful.attempt_count) == ("pending", 1)
    assert doubtful.due_at > now + timedelta(seconds=45)
    assert doubtful.attempts.get().outcome == "unknown"
    assert ledger(run) == {"planned": 4, "accepted": 1, "pending": 3, "attempts": 2}


def test_recovering_twice_changes_nothing(dead_pump: DeadPump) -> None:
    dead_pump.die()
    delivery.recover(timezone.now())
    before = list(Delivery.objects.order_by("pk").values())
    assert delivery.recover(timezone.now()) == 0
    assert list(Delivery.objects.order_by("pk").values()) == before


def test_what_was_left_is_sent_after_recovery(
    dead_pump: DeadPump, smtp_server: SmtpServer, pump: Pump
) -> None:
    dead_pump.die()
    delivery.recover(timezone.now())
    pump()
    assert sorted(mail.recipient for mail in smtp_server.received) == [
        "c2@example.com",
        "c3@example.com",
    ]


@pytest.mark.usefixtures("dead_pump")
def test_a_living_pump_is_left_alone() -> None:
    assert delivery.recover(timezone.now()) == 0
    assert Delivery.objects.filter(state="sending").count() == 4


def test_a_pump_asleep_past_its_lease_is_fenced(dead_pump: DeadPump) -> None:
    later = timezone.now() + timedelta(seconds=61)
    assert delivery.recover(later) == 1  # although its process lives
    late = [dead_pump.result(1), dead_pump.result(3)]
    assert record(dead_pump.lease, late, now=later, retry_delays=[60]) == 0
    run = Run.objects.get()
    assert states(run)["c1@example.com"] == "unknown"
    assert states(run)["c3@example.com"] == "pending"
    assert claim(dead_pump.lease, size=10, now=later) == []


def test_after_a_power_loss_all_that_was_claimed_is_in_doubt(
    given_run: GivenRun, settings: Any
) -> None:
    """
    Y26. The power fails: the journal is not what was written to it.

    All that the worker had claimed is unknown, nothing more; nobody gets it again.
    """
    run = given_run(3)
    pump = DeadPump(run, settings.DELIVERY["journal_dir"], boot_id="before")
    pump.journal.handing_over(pump[0].delivery_id)
    pump.journal.received(pump.result(0))
    pump.die()
    delivery.recover(timezone.now())
    assert ledger(run) == {"planned": 3, "unknown": 3, "attempts": 3}


def test_wherever_the_last_line_is_cut_what_left_is_in_doubt_and_nothing_else(
    dead_pump: DeadPump,
) -> None:
    """
    Y26. The journal ends at any byte: a disk was full, or a tail was lost.

    A line counts when it is whole, as a body leaves only then: what was handed over is
    in doubt or has its outcome, the rest goes back to the queue.
    """
    dead_pump.die()
    path = dead_pump.journal.path
    text = path.read_bytes()
    emails = {claim.delivery_id: claim.email for claim in dead_pump.claims}
    for end in range(len(text) + 1):
        expected = dict.fromkeys(emails.values(), "pending")
        for line in text[:end].splitlines(keepends=True):
            if line.endswith(b"\n"):
                delivery_id = int(re.findall(rb"\d+", line)[0])
                is_now = {b"D": "unknown", b"N": "pending", b"R": "accepted"}[line[:1]]
                expected[emails[delivery_id]] = is_now
        path.write_bytes(text[:end])
        with transaction.atomic():
            assert delivery.recover(timezone.now()) == 1
            assert states(Run.objects.get()) == expected, text[:end]
            transaction.set_rollback(True)
        path.with_suffix(".taken").unlink()


def test_a_pump_on_another_machine_is_left_to_its_own_recovery(
    given_run: GivenRun, settings: Any
) -> None:
    run = given_run(3)
    pump = DeadPump(run, settings.DELIVERY["journal_dir"], host="elsewhere")
    pump.die()
    pump.journal.path.unlink()  # it is not here, that is
    soon, much_later = timedelta(minutes=2), timedelta(minutes=12)
    assert delivery.recover(timezone.now() + soon) == 0
    assert delivery.recover(timezone.now() + much_later) == 1
    assert ledger(run) == {"planned": 3, "unknown": 3, "attempts": 3}


def test_a_lease_is_over_at_its_very_end(given_run: GivenRun, settings: Any) -> None:
    pump = DeadPump(given_run(1), settings.DELIVERY["journal_dir"])
    end = pump.lease.expires_at
    assert delivery.recover(end - timedelta(microseconds=1)) == 0
    assert delivery.recover(end) == 1
    pump.die()


def test_another_machine_has_ten_minutes(given_run: GivenRun, settings: Any) -> None:
    pump = DeadPump(given_run(1), settings.DELIVERY["journal_dir"])
    pump.die()
    pump.journal.path.unlink()
    over = pump.lease.expires_at + timedelta(minutes=10)
    assert delivery.recover(over - timedelta(microseconds=1)) == 0
    assert delivery.recover(over) == 1


def test_a_recovery_that_broke_off_is_taken_up_again(
    dead_pump: DeadPump, django_capture_on_commit_callbacks: Any
) -> None:
    """It had put the journal aside, so that the pump, should it live, stops."""
    dead_pump.die()
    aside = journal.take(dead_pump.journal.path)
    assert (aside.exists(), dead_pump.journal.path.exists()) == (True, False)
    with django_capture_on_commit_callbacks(execute=True):
        assert delivery.recover(timezone.now()) == 1
    assert states(Run.objects.get())["c0@example.com"] == "accepted"
    assert not aside.exists()


def test_what_is_in_doubt_has_an_attempt_that_claims_nothing(
    dead_pump: DeadPump,
) -> None:
    dead_pump.die()
    now = timezone.now()
    delivery.recover(now)
    row = Attempt.objects.get(outcome="unknown")
    assert (row.phase, row.code, row.enhanced_code, row.reply) == ("dot", None, "", "")
    assert (row.started_at, row.duration_ms) == (now, 0)


@pytest.mark.parametrize("seconds", [0, 60])  # of its lease
def test_one_journal_that_cannot_be_understood_keeps_no_other_from_recovery(
    seconds: int,
    given_run: GivenRun,
    settings: Any,
    bob: User,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is a directory, and was left by whoever comes first."""
    directory = settings.DELIVERY["journal_dir"]
    odd = DeadPump(given_run(1), directory, seconds=seconds)
    odd.die()
    odd.journal.path.unlink()
    odd.journal.path.mkdir()
    usual = DeadPump(given_run(2, owner=bob), directory)
    usual.die()
    assert delivery.recover(timezone.now()) == 1
    assert list(Lease.objects.all()) == [odd.lease]
    (line,) = (each for each in caplog.records if each.levelname == "ERROR")
    assert line.getMessage() == f"What {odd.lease} has left could not be recovered."
    assert vars(line)["lease"] == odd.lease.pk


def test_the_log_says_what_became_of_it(
    dead_pump: DeadPump, caplog: pytest.LogCaptureFixture
) -> None:
    dead_pump.die()
    delivery.recover(timezone.now())
    (line,) = (each for each in caplog.records if each.name.endswith("recover"))
    assert line.getMessage() == (
        f"Recovered from {dead_pump.lease}: "
        "1 written down, 1 in doubt, 2 back in the queue."
    )
    assert vars(line)["lease"] == dead_pump.lease.pk


def test_an_outcome_written_twice_counts_once(
    given_run: GivenRun, settings: Any
) -> None:
    run = given_run(2)
    pump = DeadPump(run, settings.DELIVERY["journal_dir"])
    results = [pump.result(0), pump.result(1)]
    now = timezone.now()
    assert record(pump.lease, results, now=now, retry_delays=[60]) == 2
    assert record(pump.lease, results, now=now, retry_delays=[60]) == 0
    assert ledger(run) == {"planned": 2, "accepted": 2, "attempts": 2}
    pump.die()
