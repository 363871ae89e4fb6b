import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from pytest_django.fixtures import Settings

from mailings import delivery, lifecycle
from mailings.models import Attempt, Delivery, Mailing, Run
from mailsvc import shutdown
from tests import recipes
from tests.support.commands import Called, call
from tests.support.smtp_script import CLOSE, USUAL, Context, reply, taken
from tests.support.smtp_server import SmtpServer
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING = dict.fromkeys(Run().ledger(), 0)


@pytest.fixture
def mailing(alice: User) -> Mailing:
    message = recipes.message(
        alice, subject="Hi {{ full_name }}", body="Dear {{ full_name }} <{{ email }}>!"
    )
    clients = [
        recipes.client(alice, email=f"{name.lower()}@example.com", full_name=name)
        for name in ("Anna", "Ben", "Max")
    ]
    return recipes.mailing(alice, clients=clients, message=message, title="T")


def send(mailing: Mailing, *options: str) -> Called:
    return call("send_mailing", mailing.pk, "--json", *options)


def recipients(server: SmtpServer) -> list[str]:
    return sorted(mail.recipient for mail in server.received)


EVERYBODY = ["anna@example.com", "ben@example.com", "max@example.com"]


@pytest.fixture
def quick_retries(settings: Settings) -> None:
    settings.DELIVERY = {**settings.DELIVERY, "retry_delays": [0.2, 0.2, 0.2]}


def test_everybody_gets_the_message_once(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    called = send(mailing)
    assert called.failure == ""
    assert called.data == {
        "mailing": mailing.pk,
        "run": Run.objects.get().pk,
        **NOTHING,
        "planned": 3,
        "accepted": 3,
        "attempts": 3,
    }
    assert recipients(smtp_server) == EVERYBODY
    assert Mailing.objects.get().status == "finished"


def test_people_read_what_has_become_of_it(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    smtp_server.script["rcpt"] = {"ben@example.com": reply(550, "5.1.1 Who?")}
    called = call("send_mailing", mailing.pk)
    assert called.out == (
        f"Run {Run.objects.get().pk} of mailing {mailing.pk}: "
        "planned 3, accepted 2, refused 1, attempts 3\n"
    )
    assert called.err == ""


def test_the_second_time_there_is_nothing_left(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    send(mailing)
    called = send(mailing)
    assert called.failure == ""
    assert called.data == {"mailing": mailing.pk, "run": None, **NOTHING}
    assert recipients(smtp_server) == EVERYBODY
    text = call("send_mailing", mailing.pk).out
    assert text == f"There is nothing left to send of mailing {mailing.pk}.\n"


def test_a_run_in_progress_is_gone_on_with(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    smtp_server.script["rcpt"] = {"ben@example.com": reply(451, "4.7.1 Later")}
    first = send(mailing).data
    assert (first["accepted"], first["deferred"], first["attempts"]) == (2, 1, 3)
    smtp_server.script.clear()
    Delivery.objects.waiting().update(due_at=timezone.now())
    second = send(mailing).data
    assert second["run"] == first["run"]
    assert (second["accepted"], second["deferred"], second["attempts"]) == (3, 0, 4)
    assert recipients(smtp_server) == EVERYBODY


@pytest.mark.usefixtures("quick_retries")
def test_waiting_stays_until_the_retries_are_done(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    later = reply(451, "4.7.1 Later")
    smtp_server.script["rcpt"] = {"ben@example.com": [later, later, USUAL]}
    figures = send(mailing, "--wait").data
    assert (figures["accepted"], figures["deferred"], figures["attempts"]) == (3, 0, 5)
    assert recipients(smtp_server) == EVERYBODY


def test_waiting_is_not_for_retries_that_are_too_far_away(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    smtp_server.script["rcpt"] = {"ben@example.com": reply(451, "4.7.1 Later")}
    begun = time.monotonic()
    called = send(mailing, "--wait", "--max-wait", "20")
    assert time.monotonic() - begun < 10
    assert called.failure == ""
    assert (called.data["accepted"], called.data["deferred"]) == (2, 1)


def test_a_lost_reply_is_unknown_and_never_sent_again(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    smtp_server.script["dot"] = {"ben@example.com": taken(CLOSE)}
    figures = send(mailing, "--wait").data
    assert (figures["accepted"], figures["unknown"]) == (2, 1)
    assert send(mailing).data["run"] is None
    assert recipients(smtp_server) == EVERYBODY


@pytest.mark.usefixtures("short_timeouts")
def test_a_dead_server_is_a_failure_and_nobody_is_lost(
    mailing: Mailing, point_mail_at: Callable[[int], None]
) -> None:
    with SmtpServer() as server:
        pass  # its port is closed now
    point_mail_at(server.port)
    called = send(mailing, "--wait", "--max-wait", "3")
    assert called.failure.startswith("The mail server does not take mail: ")
    assert (called.data["pending"], called.data["attempts"]) == (3, 0)


def test_a_message_that_is_refused_for_all_ends_the_waiting(
    mailing: Mailing, alice: User, smtp_server: SmtpServer
) -> None:
    mailing.clients.add(*recipes.clients(alice, 40))
    smtp_server.script["dot"] = reply(554, "5.7.1 Spam")
    called = send(mailing, "--wait")
    words = "Paused, the mail server refuses the message: 554 5.7.1 Spam"
    assert called.failure == words
    assert called.data["refused"] + called.data["pending"] == 43


def test_a_request_to_stop_is_followed(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    def stop(context: Context) -> object:
        shutdown.request()
        return USUAL

    smtp_server.script["dot"] = stop
    called = send(mailing, "--wait")
    left = called.data["pending"]
    assert left + called.data["accepted"] == 3
    assert not left or called.failure == f"Interrupted: {left} are still to be sent."
    assert called.data["sending"] == called.data["unknown"] == 0


def test_a_hold_in_the_middle_ends_the_waiting(
    mailing: Mailing, smtp_server: SmtpServer, manager: User
) -> None:
    smtp_server.script["rcpt"] = {"ben@example.com": reply(451, "4.7.1 Later")}
    send(mailing)
    run = Run.objects.get()
    Delivery.objects.waiting().update(due_at=timezone.now() + timedelta(seconds=1))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_send_in_thread, mailing)
        lifecycle.hold(Mailing.objects.get(), by=manager, reason="No.")
        called = waiting.result(30)
    assert "held" in called.failure
    run.refresh_from_db()
    assert (run.accepted, run.deferred) == (2, 1)


def _send_in_thread(mailing: Mailing) -> Called:
    try:
        return send(mailing, "--wait")
    finally:
        connections.close_all()


def test_two_at_the_same_time_send_nothing_twice(
    alice: User, smtp_server: SmtpServer
) -> None:
    mailing = recipes.mailing(alice, clients=recipes.clients(alice, 60))
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(_send_in_thread, mailing) for _ in range(2)]
        assert [each.result(60).failure for each in both] == ["", ""]
    assert len(smtp_server.received) == len(set(recipients(smtp_server))) == 60
    run = Run.objects.get()
    assert (run.planned, run.accepted, run.attempts) == (60, 60, 60)


# --- what was sent since the last occurrence ---


@pytest.fixture
def weekly(mailing: Mailing, smtp_server: SmtpServer) -> Mailing:
    """Its run of this week was sent by the worker."""
    now = timezone.now()
    mailing.periodicity, mailing.end_at = "weekly", now + timedelta(days=30)
    mailing.save()
    lifecycle.begin_due(mailing, now=now)
    delivery.pump(stop=lambda: False)
    lifecycle.settle(timezone.now())
    return mailing


@pytest.mark.parametrize("options", [[], ["--wait"], ["--dry-run"]])
def test_what_the_worker_has_sent_by_schedule_is_not_sent_once_more(
    weekly: Mailing, smtp_server: SmtpServer, options: list[str]
) -> None:
    assert send(weekly, *options).data == {
        "mailing": weekly.pk,
        "run": None,
        **NOTHING,
    }
    assert recipients(smtp_server) == EVERYBODY
    run = Run.objects.get()
    following = weekly.next_occurrence(timezone.now())
    assert call("send_mailing", weekly.pk, *options).out == (
        f"There is nothing left to send of mailing {weekly.pk}. Its newest run, "
        f"{run.pk}, was for {run.scheduled_for:%Y-%m-%d %H:%M} (UTC) and is over: "
        f"planned 3, accepted 3. The next one is due at {following:%Y-%m-%d %H:%M} "
        "(UTC). For one more outside the schedule, to everybody: --again.\n"
    )


def test_only_who_says_again_sends_once_more(
    weekly: Mailing, smtp_server: SmtpServer
) -> None:
    assert send(weekly, "--again", "--dry-run").data["recipients"] == 3
    assert not AuditEntry.objects.filter(action="mailing_sent").exists()
    assert send(weekly, "--again").data["accepted"] == 3
    entry = AuditEntry.objects.get(action="mailing_sent")
    assert (entry.actor_email, entry.object_id) == ("", weekly.pk)
    assert len(smtp_server.received) == 6
    assert Run.objects.count() == 2


def test_what_has_not_begun_yet_is_not_sent_before_its_first_time_either(
    weekly: Mailing, smtp_server: SmtpServer
) -> None:
    """Everybody would get it once more when it begins."""
    tomorrow = timezone.now() + timedelta(days=1)
    early = recipes.mailing(
        weekly.owner,
        clients=list(weekly.clients.all()),
        periodicity="daily",
        start_at=tomorrow,
        end_at=tomorrow + timedelta(days=9),
    )
    assert send(early).data["run"] is None
    assert len(smtp_server.received) == 3
    words = f"The next one is due at {tomorrow:%Y-%m-%d %H:%M} (UTC)."
    assert words in call("send_mailing", early.pk).out


# --- what may not be sent ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"paused_at": timezone.now()}, "paused"),
        ({"held_at": timezone.now(), "hold_reason": "spam"}, "spam"),
        ({"deleted_at": timezone.now()}, "deleted"),
    ],
)
@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_a_mailing_that_is_switched_off_is_refused_in_words(
    mailing: Mailing,
    smtp_server: SmtpServer,
    change: dict[str, object],
    words: str,
    dry: list[str],
) -> None:
    Mailing.objects.update(**change)
    called = send(mailing, *dry)
    assert words in called.failure
    assert called.data == {"error": called.failure}
    assert smtp_server.received == []
    assert not Run.objects.exists()


def test_nothing_of_a_blocked_user_is_sent(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    mailing.owner.is_active = False
    mailing.owner.save()
    assert "blocked" in send(mailing).failure
    assert smtp_server.received == []


def test_a_mailing_whose_time_is_over_is_refused(
    alice: User, smtp_server: SmtpServer
) -> None:
    now = timezone.now()
    mailing = recipes.mailing(
        alice,
        clients=recipes.clients(alice, 1),
        start_at=now - timedelta(hours=2),
        end_at=now - timedelta(hours=1),
    )
    assert "over" in send(mailing).failure
    assert smtp_server.received == []


@pytest.mark.parametrize("number", [0, -1, 999_999, 2**63, 10**30])
def test_an_unknown_number_is_a_failure_in_words(db: None, number: int) -> None:
    called = call("send_mailing", "--json", "--", number)
    assert called.failure == f"There is no mailing {number}."


@pytest.mark.parametrize("seconds", ["-1", "soon", "nan", "inf"])
def test_a_wrong_number_of_seconds_is_wrong_use(mailing: Mailing, seconds: str) -> None:
    called = send(mailing, f"--max-wait={seconds}")
    assert called.failure.startswith("Error: argument --max-wait: ")


# --- the dry run ---


def test_a_dry_run_shows_whom_and_what(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    data = send(mailing, "--dry-run").data
    assert data.pop("text").startswith("Dear Anna <anna@example.com>!\n\n--\n")
    assert data == {
        "mailing": mailing.pk,
        "dry_run": True,
        "recipients": 3,
        "suppressed": 0,
        "first": ["anna@example.com", "ben@example.com", "max@example.com"],
        "subject": "Hi Anna",
    }
    assert call("send_mailing", mailing.pk, "--dry-run").out.startswith(
        "Would be sent to 3:\n"
        "Anna <anna@example.com>\n"
        "Ben <ben@example.com>\n"
        "Max <max@example.com>\n"
        "\n"
        "Subject: Hi Anna\n"
        "\n"
        "Dear Anna <anna@example.com>!\n"
    )


def test_a_dry_run_leaves_out_who_is_suppressed(mailing: Mailing) -> None:
    recipes.suppression(mailing.owner, email="ben@example.com")
    data = send(mailing, "--dry-run").data
    assert (data["recipients"], data["suppressed"]) == (2, 1)
    assert data["first"] == ["anna@example.com", "max@example.com"]
    assert "Suppressed addresses, left out: 1\n" in (
        call("send_mailing", mailing.pk, "--dry-run").out
    )


def test_a_dry_run_leaves_no_trace(mailing: Mailing, smtp_server: SmtpServer) -> None:
    send(mailing, "--dry-run")
    assert smtp_server.received == []
    assert Mailing.objects.get().status == "created"
    for model in (Run, Delivery, Attempt, Schedule, OrmQ):
        assert not model.objects.exists()


def test_a_dry_run_of_a_run_in_progress_shows_who_is_left(
    mailing: Mailing, smtp_server: SmtpServer
) -> None:
    smtp_server.script["rcpt"] = {"ben@example.com": reply(451, "4.7.1 Later")}
    send(mailing)
    figures = send(mailing, "--dry-run").data
    assert (figures["recipients"], figures["first"]) == (1, ["ben@example.com"])
