"""Trying the failed again: whom, whom never, and when it is not possible."""

from collections import Counter
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from mailings import delivery, lifecycle
from mailings.delivery.statistics import recounted, stored
from mailings.lifecycle import NotPossible
from mailings.models import Delivery, Mailing, Run
from mailings.retrying import EXTENSION, Failure, failed, retry_failed
from tests import recipes
from tests.support.smtp_script import CLOSE, reply, taken
from tests.support.smtp_server import SmtpServer
from users.models import AuditEntry, User

pytestmark = pytest.mark.django_db

EVERY_STATE = dict.fromkeys(Delivery.State.values, 1) | {"sending": 0}
ALL = list(Failure)


@pytest.fixture
def run(alice: User) -> Run:
    return recipes.run(recipes.mailing(alice), **EVERY_STATE)


def books(run: Run) -> dict[str, int]:
    run.refresh_from_db()
    assert stored([run.pk]) == recounted([run.pk])
    return {name: n for name, n in run.ledger().items() if n and name != "attempts"}


@pytest.mark.parametrize(
    ("failures", "again"),
    [
        ([Failure.TEMPORARY], {"deferred", "expired"}),
        ([Failure.UNKNOWN], {"unknown"}),
        ([Failure.REFUSED], {"refused"}),
        ([Failure.TEMPORARY, Failure.UNKNOWN], {"deferred", "expired", "unknown"}),
    ],
)
def test_only_those_asked_for_wait_again(
    run: Run, alice: User, failures: list[Failure], again: set[str]
) -> None:
    before = books(run)
    assert retry_failed(run, by=alice, failures=failures) == len(again)
    expected = {state: n for state, n in before.items() if state not in again}
    assert books(run) == expected | {"pending": 1 + len(again)}


def test_who_got_it_or_was_cancelled_is_never_tried_again(
    run: Run, alice: User
) -> None:
    retry_failed(
        run,
        by=alice,
        failures=ALL,
        deliveries=list(run.deliveries.values_list("pk", flat=True)),
    )
    assert books(run) == {
        "planned": 8,
        "pending": 5,
        "accepted": 1,
        "suppressed": 1,
        "cancelled": 1,
    }


def test_one_who_was_refused_is_tried_again_by_name(run: Run, alice: User) -> None:
    refused = run.deliveries.get(state="refused")
    assert retry_failed(run, by=alice, deliveries=[refused.pk]) == 1
    refused.refresh_from_db()
    assert (refused.state, refused.reason) == ("pending", "")


def test_somebody_elses_delivery_is_not_touched(run: Run, alice: User) -> None:
    other = recipes.run(recipes.mailing(alice), refused=1)
    with pytest.raises(NotPossible):
        retry_failed(run, by=alice, deliveries=[other.deliveries.get().pk])
    assert books(other) == {"planned": 1, "refused": 1}


def test_a_deleted_client_is_not_written_to(run: Run, alice: User) -> None:
    for row in run.deliveries.filter(state="unknown"):
        assert row.client is not None
        row.client.delete()
    assert not failed(run, [Failure.UNKNOWN]).exists()
    with pytest.raises(NotPossible, match="nobody left"):
        retry_failed(run, by=alice, failures=[Failure.UNKNOWN])


def test_it_is_on_the_audit_log(run: Run, alice: User) -> None:
    retry_failed(run, by=alice, failures=[Failure.UNKNOWN])
    entry = AuditEntry.objects.get(action="retried")
    assert (entry.actor, entry.object_name) == (alice, str(run.mailing))
    assert entry.reason.endswith(": 1")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"paused_at": timezone.now()}, "paused"),
        ({"held_at": timezone.now(), "hold_reason": "Spam"}, "held by a manager: Spam"),
        ({"deleted_at": timezone.now()}, "deleted"),
    ],
)
def test_what_may_not_be_sent_is_not_tried_again(
    run: Run, alice: User, values: dict[str, Any], words: str
) -> None:
    Mailing.objects.update(**values)
    before = books(run)
    with pytest.raises(NotPossible, match=words):
        retry_failed(run, by=alice, failures=ALL)
    assert books(run) == before


def test_a_blocked_owners_run_is_not_tried_again(
    run: Run, alice: User, manager: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(NotPossible, match="blocked"):
        retry_failed(run, by=manager, failures=ALL)


def test_a_mailing_that_was_stopped_stays_stopped(alice: User) -> None:
    mailing = recipes.mailing(
        alice,
        periodicity="daily",
        start_at=timezone.now() - timedelta(hours=1),
        end_at=timezone.now() + timedelta(days=9),
    )
    run = recipes.run(mailing, unknown=1)
    lifecycle.stop(mailing, by=alice)
    with pytest.raises(NotPossible, match="stopped"):
        retry_failed(run, by=alice, failures=ALL)


# --- through the engine ---


@pytest.fixture
def sent(alice: User, smtp_server: SmtpServer) -> Run:
    """One got it, one was refused, one full, one without an answer; then it ended."""
    smtp_server.script["rcpt"] = {
        "bad@example.com": reply(550, "5.7.1 Not today"),
        "full@example.com": reply(452, "4.2.2 Full"),
    }
    smtp_server.script["dot"] = {"lost@example.com": taken(CLOSE)}
    for name in ("fine", "bad", "full", "lost"):
        recipes.client(alice, email=f"{name}@example.com")
    mailing = recipes.mailing(
        alice,
        all_clients=True,
        start_at=timezone.now() - timedelta(minutes=1),
        end_at=timezone.now() + timedelta(hours=1),
    )
    run = lifecycle.send_now(mailing, now=timezone.now())
    assert run is not None
    delivery.pump(stop=lambda: False)
    delivery.close(mailing.end_at)
    smtp_server.script.clear()
    assert books(run) == {
        "planned": 4,
        "accepted": 1,
        "refused": 1,
        "expired": 1,
        "unknown": 1,
    }
    return run


def test_after_the_end_they_get_a_day_and_the_mailing_ends_again(
    sent: Run, alice: User, smtp_server: SmtpServer
) -> None:
    with time_machine.travel(sent.mailing.end_at + timedelta(hours=5)):
        now = timezone.now()
        retry_failed(sent, by=alice, failures=[Failure.TEMPORARY, Failure.UNKNOWN])
        sent.refresh_from_db()
        assert sent.closes_at == pytest.approx(
            now + EXTENSION, abs=timedelta(seconds=9)
        )
        assert delivery.close(now) == []
        delivery.pump(stop=lambda: False)
        assert books(sent) == {"planned": 4, "accepted": 3, "refused": 1}
        assert [mailing.pk for mailing in delivery.close(timezone.now())] == [
            sent.mailing_id
        ]
    sent.refresh_from_db()
    assert (sent.state, sent.mailing.status) == ("finished", "finished")


def test_who_got_it_gets_nothing_more_and_the_message_keeps_its_id(
    sent: Run, alice: User, smtp_server: SmtpServer
) -> None:
    retry_failed(sent, by=alice, failures=ALL)
    delivery.pump(stop=lambda: False)
    assert books(sent) == {"planned": 4, "accepted": 4}
    received = Counter(message.recipient for message in smtp_server.received)
    assert received["fine@example.com"] == 1
    assert received["lost@example.com"] == 2  # it had taken the first one, too
    ids = {
        message_from_bytes(message.data)["Message-ID"]
        for message in smtp_server.received
        if message.recipient == "lost@example.com"
    }
    assert len(ids) == 1
