"""What goes wrong on our side, or in between, doubles nobody and stops nobody else."""

import errno
import os
import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from mailings import delivery, lifecycle, schedules, tasks
from mailings.delivery import PumpReport
from mailings.delivery.claim import claim
from mailings.delivery.journal import Journal, Result
from mailings.delivery.record import record
from mailings.delivery.replies import Outcome, Phase, Verdict
from mailings.forms.mailing import MailingForm
from mailings.models import Attempt, Circuit, Lease, Mailing
from tests.mailings.delivery.conftest import GivenRun, Pump, ledger
from tests.mailings.delivery.test_recover import DeadPump
from tests.support.smtp_script import CLOSE, RST, TAKE, USUAL, Say, Steps, Wait, reply
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db


def copies(server: SmtpServer) -> list[str]:
    return sorted(mail.recipient for mail in server.received)


def no_space(*args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


# --- TLS ---


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for this machine, trusted by this test."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    ours = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(ssl, "create_default_context", lambda: ours)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture
def over_tls(
    settings: Any, point_mail_at: Callable[[int], None]
) -> Callable[..., None]:
    def use(server: SmtpServer) -> None:
        point_mail_at(server.port)
        settings.EMAIL_USE_TLS = True
        settings.DELIVERY = {**settings.DELIVERY, "connections": 1}

    return use


def test_mail_goes_out_encrypted(
    tls: ssl.SSLContext, over_tls: Callable[..., None], given_run: GivenRun, pump: Pump
) -> None:
    with SmtpServer(tls=tls) as server:
        over_tls(server)
        run = given_run(5)
        pump()
        assert ledger(run) == {"planned": 5, "accepted": 5, "attempts": 5}
        assert "STARTTLS" in server.commands


@pytest.mark.parametrize("ending", [CLOSE, RST])
@pytest.mark.parametrize("records", [1, 2])  # how many TLS records a reply comes in
def test_a_reply_lost_over_tls_is_unknown_and_never_sent_again(
    ending: object,
    records: int,
    tls: ssl.SSLContext,
    over_tls: Callable[..., None],
    given_run: GivenRun,
    pump: Pump,
) -> None:
    in_pieces = Steps(Say(b"354 "), Wait(0.05), Say(b"go\r\n"))
    script = {
        "data": in_pieces if records == 2 else USUAL,
        "dot": [Steps(TAKE, Wait(0.05), ending), USUAL],
    }
    with SmtpServer(script, tls=tls) as server:
        over_tls(server)
        run = given_run(1)
        pump()
        assert copies(server) == ["c0@example.com"]
        assert ledger(run) == {"planned": 1, "unknown": 1, "attempts": 1}


def test_no_encryption_where_it_is_wanted_is_our_accounts_trouble(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, settings: Any
) -> None:
    settings.EMAIL_USE_TLS = True
    run = given_run(2)
    assert "STARTTLS" in str(pump().server_error)
    assert ledger(run) == {"planned": 2, "pending": 2}
    assert smtp_server.received == []


# --- the journal ---


def no_space_for_outcomes(file: int, data: bytes) -> int:
    if b"R [" in data:
        raise OSError(errno.ENOSPC, "No space left on device")
    return write(file, data)


write = os.write


def test_a_disk_that_is_full_after_the_reply_doubles_nobody(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    pump: Pump,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = given_run(3)
    with monkeypatch.context() as full:
        full.setattr(os, "write", no_space_for_outcomes)
        report = pump()
    assert "journal" in report.failure
    assert report.server_error is None
    pump()
    assert copies(smtp_server) == ["c0@example.com", "c1@example.com", "c2@example.com"]
    assert ledger(run) == {"planned": 3, "accepted": 3, "attempts": 3}


def test_a_disk_that_is_full_before_the_body_stops_sending_with_a_reason(
    smtp_server: SmtpServer,
    given_run: GivenRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = given_run(3)
    OrmQ.objects.all().delete()
    monkeypatch.setattr(Journal, "handing_over", no_space)
    tasks.pump()
    assert ledger(run) == {"planned": 3, "pending": 3}
    assert smtp_server.received == []
    assert not Lease.objects.exists()
    assert not OrmQ.objects.exists()  # nobody asks for more of that


def test_an_unreadable_journal_puts_all_that_was_claimed_in_doubt(
    given_run: GivenRun, settings: Any
) -> None:
    run = given_run(2)
    dead = DeadPump(run, settings.DELIVERY["journal_dir"])
    os.write(dead.journal._file, b"D 1")
    dead.journal.handing_over(dead[1].delivery_id)
    dead.die()
    assert delivery.recover(timezone.now()) == 1
    assert ledger(run) == {"planned": 2, "unknown": 2, "attempts": 2}


def test_the_outcome_of_an_earlier_try_is_not_counted_again(
    given_run: GivenRun, settings: Any
) -> None:
    run = given_run(1)
    dead = DeadPump(run, settings.DELIVERY["journal_dir"])
    now = timezone.now()
    later = Outcome(Verdict.DEFERRED, Phase.RCPT, 451, "", "later")
    first = Result(dead[0].delivery_id, later, now, 1)
    dead.journal.received(first)
    record(dead.lease, [first], now=now, retry_delays=[60, 300])
    assert claim(dead.lease, size=10, now=now + timedelta(seconds=90))
    dead.die()
    delivery.recover(now + timedelta(seconds=91))
    assert Attempt.objects.count() == 1
    assert ledger(run) == {"planned": 1, "deferred": 1, "attempts": 1}


# --- recovery beside the living ---


def test_a_pump_that_comes_back_to_life_keeps_its_lease(
    given_run: GivenRun, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = given_run(2)
    sleeper = DeadPump(run, settings.DELIVERY["journal_dir"])
    later = timezone.now() + timedelta(seconds=61)
    look = Lease.objects.all

    def look_and_wake_up() -> Any:
        found = list(look())
        Lease.objects.update(expires_at=later + timedelta(seconds=60))
        return found

    monkeypatch.setattr(Lease.objects, "all", look_and_wake_up)
    assert delivery.recover(later) == 0
    assert Lease.objects.count() == 1
    sleeper.die()


def test_a_clock_that_jumps_doubles_nobody(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    """For another process it is two minutes later: it recovers a living pump."""
    smtp_server.delay = 0.02
    run = given_run(150)
    jumped: list[int] = []

    def jump(report: PumpReport) -> None:
        if report.attempts > 20 and not jumped:
            jumped.append(delivery.recover(timezone.now() + timedelta(minutes=2)))
            pump()

    pump(on_progress=jump)
    assert jumped == [1]
    taken = copies(smtp_server)
    assert len(taken) == len(set(taken))
    figures = ledger(run)
    # In doubt is also who was on record as handed over, and then was not.
    assert 150 - len(taken) <= figures.get("unknown", 0)
    assert figures["accepted"] + figures.get("unknown", 0) == 150


# --- one must not stop all ---


def test_an_owner_with_an_address_that_no_header_takes_stops_nobody(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, bob: User
) -> None:
    """
    Y29. The owner's address fits into no header.

    Their mail goes out without it; others' mail goes out as ever.
    """
    owner = User.objects.create_user("alice@почта.рф", "x")
    strange, usual = given_run(1, owner=owner), given_run(1, owner=bob)
    pump()
    assert ledger(strange) == {"planned": 1, "accepted": 1, "attempts": 1}
    assert ledger(usual) == {"planned": 1, "accepted": 1, "attempts": 1}


def test_a_letter_that_is_handed_back_late_does_not_keep_the_pump(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, settings: Any
) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "connections": 2}
    smtp_server.script["rcpt"] = {
        "c0@example.com": Steps(Wait(0.3), reply(530, "5.7.0 Log in first")),
        "c1@example.com": Steps(Wait(1.5), reply(421, "4.3.0 Bye")),
    }
    run = given_run(2)
    begun = time.monotonic()
    pump(stop=lambda: time.monotonic() - begun > 15)
    assert time.monotonic() - begun < 10
    assert ledger(run) == {"planned": 2, "pending": 2}


def test_a_server_that_takes_and_never_answers_does_not_get_everything(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["dot"] = Steps(TAKE, CLOSE)
    run = given_run(200)
    assert pump().server_error
    figures = ledger(run)
    assert figures["unknown"] + figures["pending"] == 200
    assert figures["unknown"] < 50
    assert Circuit.objects.get().state == "open"


def test_a_malformed_recipient_is_no_failure_of_the_server(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["rcpt"] = reply(501, "5.1.3 Bad recipient address syntax")
    run = given_run(1)
    assert pump().server_error is None
    assert ledger(run) == {"planned": 1, "refused": 1, "attempts": 1}


def test_a_reply_nobody_asked_for_is_not_taken_for_the_next(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["data"] = Say(b"354 go\r\n250 2.0.0 surplus\r\n")
    smtp_server.script["dot"] = reply(554, "5.6.0 No")
    run = given_run(1)
    pump()
    assert ledger(run) == {"planned": 1, "pending": 1}


# --- time and editing ---


def test_moving_the_start_of_a_single_mailing_sends_it_to_nobody_twice(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump, alice: User
) -> None:
    given_run(3)
    pump()
    mailing = Mailing.objects.get()
    mailing.start_at += timedelta(seconds=30)
    mailing.save()
    lifecycle.revise(mailing, by=alice)
    lifecycle.sweep(timezone.now())
    pump()
    assert len(copies(smtp_server)) == 3
    assert mailing.runs.count() == 1


def test_what_was_missed_until_the_end_is_put_down(given_run: GivenRun) -> None:
    now = timezone.now()
    run = given_run(
        1, periodicity="daily", start_at=now, end_at=now + timedelta(days=3, hours=1)
    )
    lifecycle.sweep(now + timedelta(days=5))
    states = run.mailing.runs.order_by("scheduled_for").values_list("state", flat=True)
    assert list(states) == ["finished", "missed", "missed", "missed"]


def test_editing_does_not_undo_a_hold_that_came_meanwhile(
    given_run: GivenRun, alice: User, manager: User
) -> None:
    given_run(1)
    stale = Mailing.objects.get()
    lifecycle.hold(Mailing.objects.get(), by=manager, reason="Complaints")
    data = {
        "message": stale.message_id,
        "all_clients": "on",
        "start_at": f"{stale.start_at:%Y-%m-%dT%H:%M}",
        "end_at": f"{stale.end_at:%Y-%m-%dT%H:%M}",
        "periodicity": "once",
        "title": "Renamed",
    }
    form = MailingForm(data, instance=stale, owner=alice)
    assert form.is_valid(), form.errors
    form.save()
    mailing = Mailing.objects.get()
    assert (mailing.title, mailing.is_held) == ("Renamed", True)


def test_tasks_that_dead_workers_hold_do_not_silence_the_bell() -> None:
    locked = timezone.now() + timedelta(minutes=30)
    OrmQ.objects.bulk_create(
        OrmQ(key="mailsvc", payload="x", lock=locked) for _ in range(40)
    )
    schedules.wake()
    assert OrmQ.objects.count() > 40
