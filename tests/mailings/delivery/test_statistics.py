"""Beside the books: when, with which reply, and for which reason without one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailings import delivery
from mailings.delivery.statistics import (
    count_attempts,
    count_ends,
    recounted,
    stored,
    uncount_ends,
)
from mailings.models import Attempt, EndCount, PeriodCount, ReplyCount, Run
from mailings.models.statistics import period_of
from tests import recipes
from tests.mailings.delivery.conftest import GivenRun, Pump
from tests.support.smtp_script import reply
from tests.support.smtp_server import SmtpServer
from users.models import User

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def replies(run: Run) -> dict[tuple[Any, ...], int]:
    rows = run.reply_counts.values_list(
        "outcome", "phase", "code", "enhanced_code", "attempts"
    )
    return {tuple(row[:4]): row[4] for row in rows}


def test_a_pump_counts_its_attempts_by_what_the_server_said(
    smtp_server: SmtpServer, given_run: GivenRun, pump: Pump
) -> None:
    smtp_server.script["rcpt"] = {
        "c1@example.com": reply(550, "5.1.1 No such user"),
        "c2@example.com": reply(550, "5.1.1 Nobody here"),
        "c3@example.com": reply(451, "4.7.1 Later"),
    }
    run = given_run(6)
    pump()
    counts = replies(run)
    assert counts.pop(("refused", "rcpt", 550, "5.1.1")) == 2
    assert counts.pop(("deferred", "rcpt", 451, "4.7.1")) == 1
    (((outcome, phase, code, _), attempts),) = counts.items()
    assert (outcome, phase, code, attempts) == ("accepted", "dot", 250, 3)
    sums = run.period_counts.values_list("accepted", "refused", "deferred", "unknown")
    assert [sum(column) for column in zip(*sums, strict=True)] == [3, 2, 1, 0]


def test_ends_without_a_reply_are_counted_by_their_reason(given_run: GivenRun) -> None:
    run = given_run(3)
    delivery.plan.expand(run.pk, timezone.now())
    delivery.close(run.mailing.end_at)
    assert list(run.end_counts.values_list("state", "reason", "deliveries")) == [
        ("expired", "window_over", 3)
    ]
    assert stored([run.pk]) == recounted([run.pk])


def test_the_same_key_is_added_to_and_its_span_widened(alice: User) -> None:
    run = recipes.run(recipes.mailing(alice), pending=1)
    one = run.deliveries.get()
    for minutes in (1, 0, 14, 15):
        at = NOON + timedelta(minutes=minutes)
        count_attempts([attempt(run, one.pk, at)])
    assert list(run.period_counts.values_list("period", "deferred")) == [
        (NOON, 3),
        (NOON + timedelta(minutes=15), 1),
    ]
    (row,) = run.reply_counts.all()
    assert row.attempts == 4
    assert (row.first_at, row.last_at) == (NOON, NOON + timedelta(minutes=15))


def test_what_is_open_again_is_taken_off(alice: User) -> None:
    run = recipes.run(recipes.mailing(alice))
    count_ends({(run.pk, "unknown", "no_reply"): 3, (run.pk, "accepted", ""): 9})
    uncount_ends({(run.pk, "unknown", "no_reply"): 2})
    assert list(EndCount.objects.values_list("state", "deliveries")) == [("unknown", 1)]


def test_statistics_can_be_written_anew(alice: User) -> None:
    run = recipes.run(recipes.mailing(alice), accepted=2, refused=1, deferred=1)
    before = stored([run.pk])
    ReplyCount.objects.update(attempts=7)
    PeriodCount.objects.all().delete()
    assert stored([run.pk]) != recounted([run.pk])
    delivery.rebuild_statistics([run.pk])
    assert stored([run.pk]) == recounted([run.pk]) == before


def test_many_runs_cost_no_more_statements_than_one(alice: User) -> None:
    spent = []
    for size in (1, 12):
        runs = [recipes.run(recipes.mailing(alice), pending=1) for _ in range(size)]
        attempts = [attempt(run, run.deliveries.get().pk, NOON) for run in runs]
        with CaptureQueriesContext(connection) as queries:
            count_attempts(attempts)
        spent.append(len(queries))
    assert spent == [2, 2]


@pytest.mark.parametrize(
    ("minute", "begins"), [(0, 0), (14, 0), (15, 15), (44, 30), (59, 45)]
)
def test_a_period_is_a_quarter_of_an_hour(minute: int, begins: int) -> None:
    moment = NOON.replace(minute=minute, second=59, microsecond=999_999)
    assert period_of(moment) == NOON.replace(minute=begins)


def attempt(run: Run, delivery_id: int, at: datetime) -> Attempt:
    return Attempt(
        delivery_id=delivery_id,
        run=run,
        number=1,
        started_at=at,
        duration_ms=1,
        outcome="deferred",
        phase="rcpt",
        code=451,
    )
